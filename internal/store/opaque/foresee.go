package opaque

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// Foresee implements store.Foreseer. A file that is there is compared, as by Merge; one
// that is absent is written into the folder for copies, and proved there.
func (f *Files) Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.ForeseeOptions) (result store.Result, err error) {
	if opts.Proof == "" {
		opts.Proof = store.ProofFull
	}
	m := &merger{files: f, opts: opts.MergeOptions, rows: max(spec.Rows, 0), result: store.Result{Proof: opts.Proof}}
	if m.spot, err = f.where(spec.Name); err != nil {
		return m.result, err
	}
	if err := m.finished(""); err != nil {
		return m.result, fmt.Errorf("merge into %s: %w", m.path, err)
	}
	m.result.Records = m.rows
	if m.info != nil {
		return m.result, m.run(ctx, records)
	}
	if err := m.free(); err != nil {
		return m.result, fmt.Errorf("create %s: %w", m.path, beside.Bare(err))
	}
	dir, remove, err := opts.Folder()
	if err != nil {
		return m.result, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	m.path = filepath.Join(dir, filepath.Base(m.path))
	err = m.run(ctx, records)
	return m.result, err
}

// free looks at a place where there is nothing: whether the disk takes the name, and
// this user may make files there.
func (m *merger) free() error {
	if err := m.clear(); err != nil {
		return err
	}
	if _, err := os.Lstat(m.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return store.Writable(filepath.Dir(m.path))
}

var _ store.Foreseer = (*Files)(nil)

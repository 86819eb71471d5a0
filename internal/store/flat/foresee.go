package flat

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Foresee implements store.Foreseer: it merges into a copy of the file.
func (f *Files) Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.ForeseeOptions) (result store.Result, err error) {
	if opts.Proof == "" {
		opts.Proof = store.ProofFull
	}
	result.Proof = opts.Proof
	source, path, info, err := f.where(spec.Name)
	if err != nil {
		return result, err
	}
	dir, remove, err := opts.Folder()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	m := &merger{opts: opts.MergeOptions, teller: teller{to: opts.Report}, result: result}
	m.path, m.keyed = filepath.Join(dir, filepath.Base(path)), source.Keyed
	if err := tryOpen(path, info, m.path); err != nil {
		return result, unreachable(path, err)
	}
	err = m.run(ctx, info != nil, records)
	return m.result, err
}

// tryOpen opens a file as a merge would, and copies it; of one that is absent it looks
// at the folder. The path may be longer than the disk takes.
func tryOpen(path string, info fs.FileInfo, to string) (err error) {
	if info == nil {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return store.Writable(filepath.Dir(path))
	}
	from, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	into, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(into, from)
	return errors.Join(err, into.Close())
}

var _ store.Foreseer = (*Files)(nil)

package opaque

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
	"keepsake/internal/store/sqlitefile"
)

// Stage implements store.Replacer. The records are written beside the file, as
// ".<name>.<plan>.tmp" in its folder, with its owner and mode.
func (f *Files) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	at, err := f.where(spec.Name)
	if err != nil {
		return nil, err
	}
	if err := at.finished(opts.Plan); err != nil {
		return nil, fmt.Errorf("stage %s: %w", at.path, err)
	}
	s := &staged{
		spot: at, files: f, rows: max(spec.Rows, 0), operation: opts.Operation, plan: opts.Plan,
		fresh: beside.New(f.config.FS, at.path, opts.Plan),
	}
	like := at.info
	if old, err := os.Lstat(s.aside()); err == nil && at.source.SQLite { // the one whose place it takes
		like = old
	}
	if s.want, err = write(ctx, s.fresh, at, like, records); err != nil {
		return nil, errors.Join(s.failed("stage", err), s.Close())
	}
	return s, nil
}

// staged is a file that is ready to take the place of the live one.
type staged struct {
	spot
	files     *Files
	rows      int64
	operation guard.Operation
	plan      string
	fresh     *beside.File
	want      [sha256.Size]byte
	readied   bool // it has the name next, not its first one
	done      bool // it has its place, or the live file was the same
	settled   bool // its name is on disk
	findings  []memory.Finding
}

// Check implements store.Staged. A database is also checked for integrity.
func (s *staged) Check(ctx context.Context) error {
	if err := prove(ctx, s.fresh.Temp, s.source.SQLite, s.want, s.rows); err != nil {
		return s.failed("check what was staged for", err)
	}
	return nil
}

// Close implements store.Staged. It removes what was staged, but not in the
// window of a commit.
func (s *staged) Close() error {
	err := s.fresh.Discard()
	if s.readied && !s.done && !sqlitefile.Exists(s.aside()) {
		err = errors.Join(err, s.files.config.FS.RemoveAll(s.next()))
	}
	if err != nil {
		return s.failed("close what was staged for", err)
	}
	return nil
}

func (s *staged) failed(verb string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, s.path, beside.Bare(err))
}

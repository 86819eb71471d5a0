package flat

import (
	"bytes"
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
)

// Stage implements store.Replacer. The records are written beside the file, as
// ".<name>.<plan>.tmp" in its folder, with its owner and mode, and are on disk
// when it returns. Where the owner can't be kept, nothing is written.
//
// An agent that holds the old file open goes on in a file without a name after
// the commit. Commit looks there once more, and puts whole lines that it finds
// into the new file; what comes later is lost with the agent's handle: it must
// be restarted.
func (f *Files) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	source, path, info, err := f.where(spec.Name)
	if err != nil {
		return nil, err
	}
	s := &staged{
		teller: teller{path: path}, source: source, section: spec.Name, operation: opts.Operation,
		fresh: newFresh(f.config.FS, path, opts.Plan),
	}
	if err := s.fresh.Create(info); err != nil {
		return nil, errors.Join(s.failed("stage", err), s.Close())
	}
	if err := s.write(ctx, records); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// staged is a file that is ready to take the place of the live one.
type staged struct {
	teller
	source    Source
	section   memory.Section
	operation guard.Operation
	fresh     *fresh
	old       *old  // from the first look of a commit on
	same      bool  // the live file was the staged one already
	settled   bool  // its name is on disk
	rows      int64 // once committed
}

func (s *staged) write(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if reason := unfit(rec); reason != "" {
			return fmt.Errorf("stage %s: record %d is %s", s.path, s.fresh.rows+1, reason)
		}
		if err := s.fresh.line(rec); err != nil {
			return s.failed("stage", err)
		}
	}
	if err := errors.Join(s.fresh.Sync(), s.fresh.Close()); err != nil {
		return s.failed("stage", err)
	}
	s.rows = s.fresh.rows
	return nil
}

// Check implements store.Staged. It reads the file back and compares its lines
// and its hash with those of the records.
func (s *staged) Check(ctx context.Context) error {
	file, err := os.Open(s.fresh.Temp)
	if err != nil {
		return fmt.Errorf("check what was staged for %s: %w: %w", s.path, store.ErrStaged, beside.Bare(err))
	}
	defer file.Close()
	rows, sum, err := hashLines(ctx, file)
	if err != nil {
		return s.failed("check what was staged for", err)
	}
	if rows != s.fresh.rows || !bytes.Equal(sum, s.fresh.Sum.Sum(nil)) {
		return fmt.Errorf("check what was staged for %s: %w: %d lines were written, %d were read back, or others",
			s.path, store.ErrStaged, s.fresh.rows, rows)
	}
	return nil
}

// hashLines reads a file to its end.
func hashLines(ctx context.Context, file *os.File) (rows int64, sum []byte, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, nil, err
	}
	hash, lines := sha256.New(), newLines(file, info.Size())
	err = lines.each(ctx, func(line []byte) error {
		hash.Write(line)
		hash.Write([]byte{'\n'})
		return nil
	})
	hash.Write(lines.tail)
	return lines.n, hash.Sum(nil), err
}

// Close implements store.Staged. It removes what was staged and not committed.
func (s *staged) Close() error {
	err := errors.Join(s.old.close(), s.fresh.Discard())
	if err != nil {
		return s.failed("close what was staged for", err)
	}
	return nil
}

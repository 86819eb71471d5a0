package opaque

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Commit implements store.Staged. A file is replaced by a rename. A database is
// moved aside, with what SQLite keeps beside it, and the staged one put in its
// place; see swap.
func (s *staged) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if !s.done {
		if err := s.commit(ctx, permit, safety); err != nil {
			return store.Committed{}, s.failed("replace", err)
		}
	}
	if !s.settled { // also where an earlier run may have been killed before this
		if err := s.files.config.FS.SyncDir(filepath.Dir(s.path)); err != nil {
			return store.Committed{}, s.failed("replace", err)
		}
		s.settled = true
	}
	return store.Committed{Rows: s.rows, Findings: s.told()}, nil
}

func (s *staged) commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) error {
	covers := func() error { return permit.Covers(s.operation, s.locator()) }
	if err := covers(); err != nil {
		return err
	}
	now, err := s.files.where(s.section)
	if err != nil || now.path != s.path {
		return errors.Join(moved("its name leads elsewhere now"), err)
	}
	s.info = now.info
	window, err := s.unfinished()
	switch {
	case err != nil:
		return err
	case window != "":
		return s.resume(covers)
	case s.info == nil:
		return s.anew(covers, safety)
	case s.source.SQLite:
		return s.database(ctx, covers, safety)
	}
	return s.over(ctx, covers, safety)
}

// anew gives the staged file a name that nothing has.
func (s *staged) anew(covers func() error, safety iter.Seq2[memory.Record, error]) error {
	if safety != nil {
		for _, err := range safety {
			if err == nil {
				err = moved("there is none any more")
			}
			return err
		}
	}
	if err := s.clear(); err != nil {
		return err
	}
	if err := covers(); err != nil {
		return err
	}
	err := s.files.config.FS.RenameNoReplace(s.stagedAt(), s.path)
	if errors.Is(err, fs.ErrExist) {
		return moved("there is one now")
	}
	s.done = err == nil
	s.fresh.Moved = s.fresh.Moved || s.done
	return err
}

// over replaces a file that is no database.
func (s *staged) over(ctx context.Context, covers func() error, safety iter.Seq2[memory.Record, error]) error {
	live, err := s.files.content(ctx, s.spot)
	if err != nil {
		return err
	}
	if s.done = live.sum == s.want; s.done {
		return nil
	}
	if err := s.compare(ctx, live, safety); err != nil {
		return err
	}
	if err := s.fresh.Adopt(s.info); err != nil {
		return err
	}
	if now, err := os.Stat(s.path); err != nil || !os.SameFile(now, s.info) || !same(now, s.info) {
		return errors.Join(moved("it was written to while it was compared"), err)
	}
	if err := covers(); err != nil {
		return err
	}
	err = s.fresh.Take()
	s.done = err == nil
	return err
}

// database replaces a database, under its write lock.
func (s *staged) database(ctx context.Context, covers func() error, safety iter.Seq2[memory.Record, error]) error {
	held, err := hold(ctx, s.path)
	if err != nil && (safety != nil || !errors.Is(err, store.ErrUnreadable)) {
		return err
	} // nobody can write to a damaged one, and it is kept aside as it is
	if err == nil {
		err = s.compareHeld(ctx, held, safety)
		if err != nil && safety == nil && errors.Is(err, store.ErrUnreadable) {
			err = nil
		}
	} else {
		err = nil
	}
	if err == nil && !s.done {
		err = s.swap(covers, held)
	}
	return errors.Join(err, held.release(s.done || sqlitefile.Exists(s.aside())))
}

// compareHeld compares a database that nobody can write to now.
func (s *staged) compareHeld(ctx context.Context, held *held, safety iter.Seq2[memory.Record, error]) error {
	live, err := s.files.contentHeld(ctx, held)
	if err != nil {
		return err
	}
	if s.done = live.sum == s.want; s.done {
		return nil
	}
	return s.compare(ctx, live, safety)
}

// compare wants the live file to be what safety holds.
func (s *staged) compare(ctx context.Context, live content, safety iter.Seq2[memory.Record, error]) error {
	if safety == nil {
		return nil
	}
	kept, err := digestRecords(ctx, safety, s.source.SQLite)
	if err == nil && kept != live.sum {
		err = moved("it is another than was copied")
	}
	return err
}

func moved(why string) error { return fmt.Errorf("%w: %s", store.ErrMoved, why) }

// told says where an old database is, and what was parked.
func (s *staged) told() []memory.Finding {
	if !s.source.SQLite || !sqlitefile.Exists(s.aside()) {
		return s.findings
	}
	return append([]memory.Finding{{
		Level: memory.Warning, Code: "kept-aside", Section: s.section, File: s.aside(),
		Message: "the old database is kept, whole, as " + s.aside(),
		Hint:    "restart the processes that hold the database open: they go on in the old one; remove it when nothing of it is wanted",
	}}, s.findings...)
}

package flat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Commit implements store.Staged. The live file's whole lines are compared with
// safety, in order; then the staged one gets the name, and the folder is synced.
// Where there was no file, one that appeared since is not replaced. A live file
// that is the staged one already stays.
func (s *staged) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if !s.done() {
		if err := s.commit(ctx, permit, safety); err != nil {
			return store.Committed{}, s.failed("replace", err)
		}
	}
	if !s.settled { // also where an earlier run may have been killed before this
		if err := s.fresh.Settle(); err != nil {
			return store.Committed{}, s.failed("replace", err)
		}
		s.settled = true
	}
	findings, err := s.follow()
	if err != nil {
		return store.Committed{}, s.failed("look after the old file of", err)
	}
	return store.Committed{Rows: s.rows, Findings: findings}, nil
}

func (s *staged) done() bool { return s.same || s.fresh.Moved }

func (s *staged) commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) error {
	if err := permit.Covers(s.operation, locator(s.path)); err != nil {
		return err
	}
	if path, _, err := s.source.place(s.section); err != nil || path != s.path {
		return errors.Join(moved("its name leads elsewhere now"), err)
	}
	live, err := openOld(s.path)
	if err != nil {
		return err
	}
	err = errors.Join(s.old.close(), s.over(ctx, live, permit, safety))
	if !s.fresh.Moved {
		return errors.Join(err, live.close())
	}
	s.old = live
	return err
}

// over replaces the live file; nil is none.
func (s *staged) over(ctx context.Context, live *old, permit guard.Permit, safety iter.Seq2[memory.Record, error]) error {
	if live == nil {
		return s.anew(permit, safety)
	}
	_, sum, err := hashLines(ctx, live.file)
	if err != nil {
		return err
	}
	if s.same = bytes.Equal(sum, s.fresh.Sum.Sum(nil)); s.same {
		return nil
	}
	if safety != nil {
		if err := live.holds(ctx, safety); err != nil {
			return err
		}
	}
	if err := s.fresh.Adopt(live.info); err != nil {
		return err
	}
	if safety != nil && !unchanged(s.path, live.info) {
		return moved("it was written to while it was compared")
	}
	if err := permit.Covers(s.operation, locator(s.path)); err != nil {
		return err
	}
	return s.fresh.take(live)
}

// anew gives the staged file a name that nothing has.
func (s *staged) anew(permit guard.Permit, safety iter.Seq2[memory.Record, error]) error {
	if safety != nil {
		for _, err := range safety {
			if err == nil {
				err = moved("there is none any more")
			}
			return err
		}
	}
	if err := permit.Covers(s.operation, locator(s.path)); err != nil {
		return err
	}
	err := s.fresh.Anew()
	if errors.Is(err, fs.ErrExist) {
		return moved("there is one now")
	}
	return err
}

// follow looks once more at the old file, where an agent that holds it open may
// have gone on.
func (s *staged) follow() (findings []memory.Finding, err error) {
	if s.old == nil {
		return nil, nil
	}
	rows, err := s.old.late(s.path)
	if err != nil {
		return nil, err
	}
	s.rows += rows
	if rows > 0 {
		findings = append(findings, lateFinding(s.path, rows))
	}
	torn, err := s.old.tornFinding(s.path)
	if torn != nil {
		findings = append(findings, *torn)
	}
	for i := range findings {
		findings[i].Section = s.section
	}
	return findings, err
}

func lateFinding(path string, rows int64) memory.Finding {
	return memory.Finding{
		Level: memory.Warning, Code: "late-lines", File: path,
		Message: fmt.Sprintf("an agent wrote %d lines into the old file while it was replaced: they are in the new one too", rows),
		Hint:    "restart the agents that hold the file open: what they write into the old one is lost",
	}
}

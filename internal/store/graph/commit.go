package graph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Commit changes the graph into what was staged in one transaction. Rows that say
// the same stay as they are, so that the triggers of the database log what has
// changed and nothing else, and the lock is short: what has to be done is found
// out before it is taken, and holds when no byte of the rows has changed by then.
//
// An absent file is made first. After a crash between that and the transaction
// there is an empty graph. A graph that equals the records is not written to,
// whatever safety holds.
func (s *staged) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if s.conn == nil {
		return store.Committed{}, fmt.Errorf("commit graph: %w", errClosed)
	}
	if err := s.covers(permit); err != nil {
		return store.Committed{}, err
	}
	look, err := s.graph.look(ctx)
	if err != nil {
		return store.Committed{}, err
	}
	c := &committer{staged: s, permit: permit, safety: safety, look: look}
	err = c.run(ctx)
	if err = errors.Join(err, c.release(ctx, look, c.wrote)); err != nil {
		return store.Committed{}, err
	}
	return store.Committed{Rows: s.nodes.rows + s.edges.rows}, nil
}

// covers asks the permit. It was given for the place as it was: that of a file
// which this commit made is the file.
func (s *staged) covers(permit guard.Permit) error {
	err := permit.Covers(s.operation, memory.Locator{Kind: memory.KindGraph, Path: s.path})
	if s.made != nil && errors.Is(err, guard.ErrTargetMoved) {
		if info, missing := os.Lstat(s.path); missing == nil && os.SameFile(info, s.made) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("commit graph: %w", err)
	}
	return nil
}

// committer is one commit under way.
type committer struct {
	*staged
	permit guard.Permit
	safety iter.Seq2[memory.Record, error]
	look   *look
	wrote  bool
}

func (c *committer) run(ctx context.Context) error {
	if c.look.path != c.path {
		return fmt.Errorf("commit graph: %w: %s leads to %s now", guard.ErrTargetMoved, c.graph.config.Path, c.look.path)
	}
	if err := c.open(ctx); err != nil {
		return explain("open", c.path, store.ErrUnreachable, err)
	}
	if c.lacks() != c.lacked && c.lacks() != [2]bool{} {
		return fmt.Errorf("commit graph: %w: its tables have other columns", store.ErrMoved)
	}
	seen, err := c.see(ctx)
	if err != nil {
		return explain("compare", c.path, store.ErrUnreadable, err)
	}
	if !seen.differences.any() {
		return nil
	}
	if err := c.compareSafety(ctx, seen); err != nil {
		return err
	}
	if err := c.replace(ctx, seen); err != nil {
		return explainWrite(c.path, err)
	}
	return nil
}

// explainWrite leaves an error as it is that says enough.
func explainWrite(path string, err error) error {
	if errors.Is(err, store.ErrMoved) || errors.Is(err, guard.ErrNotPermitted) || errors.Is(err, guard.ErrTargetMoved) {
		return err
	}
	return explain("write", path, store.ErrUnreachable, err)
}

// open attaches the target, and makes it when it is absent: then a row that is in
// it is one that nobody gave leave to destroy.
func (c *committer) open(ctx context.Context) error {
	if !c.look.tables.exist() {
		if err := c.create(ctx); err != nil {
			return err
		}
	}
	return c.attachToDelete(ctx, c.look)
}

// create makes the database, or adds the tables to it.
func (c *committer) create(ctx context.Context) error {
	if c.safety == nil {
		c.safety = func(func(memory.Record, error) bool) {}
	}
	_, err := os.Lstat(c.path)
	c.graph.step("create")
	if err := c.look.rest(ctx); err != nil {
		return err
	}
	if err := create(ctx, c.path, c.graph.config.BusyTimeout); err != nil {
		return err
	}
	c.wrote = true
	if errors.Is(err, fs.ErrNotExist) {
		c.made, err = os.Lstat(c.path)
		return err
	}
	return nil
}

// replace is the transaction.
func (c *committer) replace(ctx context.Context, seen sighting) error {
	c.graph.step("lock")
	if err := c.lock(ctx); err != nil {
		return err
	}
	err := c.underLock(ctx, seen)
	if err == nil {
		c.graph.step("commit")
	}
	if err = c.conn.End(ctx, err); err != nil {
		return err
	}
	c.wrote = true
	c.graph.step("committed")
	return nil
}

func (c *committer) underLock(ctx context.Context, seen sighting) error {
	all, err := c.confirm(ctx, seen)
	if err != nil {
		return err
	}
	if err := c.covers(c.permit); err != nil {
		return err
	}
	if err := c.apply(ctx, all); err != nil {
		return err
	}
	c.graph.step("check")
	return c.checkTables(ctx)
}

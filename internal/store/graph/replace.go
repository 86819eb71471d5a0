package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// Stage puts all records into a temporary database without a name on disk; at
// the target nothing is made. A record that can't take the graph's place together
// with the others is an error that names it. The same plan stages anew: there is
// nothing to go on with.
func (g *Graph) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if err := g.mine(spec.Name); err != nil {
		return nil, err
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	look, err := g.look(ctx)
	if err != nil {
		return nil, err
	}
	s := &staged{operation: opts.Operation, source: records}
	s.graph, s.path, s.tables, s.refuse = g, look.path, look.tables, cantTake
	s.lacked = s.lacks()
	if err = look.close(); err == nil {
		err = s.prepareStage(ctx, records)
	}
	if err == nil {
		err = s.sift(ctx, true)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func cantTake(id, reason string, _ memory.Record) error {
	return fmt.Errorf("stage %q: %s", id, reason)
}

// staged is a whole graph beside the live one.
type staged struct {
	stager
	operation guard.Operation
	source    iter.Seq2[memory.Record, error]
	// lacked says which tables had no user_id when the records were looked at.
	lacked [2]bool
	// made is the file that a commit made where there was none.
	made fs.FileInfo
}

// lacks says which tables of the target have no user_id.
func (s *stager) lacks() [2]bool { return [...]bool{s.lacksUser(false), s.lacksUser(true)} }

var errClosed = errors.New("what was staged has been let go")

// Check ranges over the records once more, compares each with its staged row,
// byte for byte, and looks for the nodes of all edges.
func (s *staged) Check(ctx context.Context) error {
	if s.conn == nil {
		return fmt.Errorf("check staged graph: %w", errClosed)
	}
	err := s.walk(ctx, s.source, func(table *stage) string {
		return "SELECT id, " + rowColumns("", table.edge, true) + " FROM main." + table.table() + " ORDER BY seq"
	}, s.alike)
	if errors.Is(err, errOther) {
		return fmt.Errorf("check staged graph: %w: %w", store.ErrStaged, err)
	}
	if err != nil {
		return err
	}
	s.refuse = func(id, reason string, _ memory.Record) error {
		return fmt.Errorf("check staged graph: %w: %q: %s", store.ErrStaged, id, reason)
	}
	return s.sift(ctx, true)
}

// alike wants the staged row to be the record's.
func (s *staged) alike(rec memory.Record, e *record.Element, c *cursor) error {
	row, err := s.row(rec, e)
	if err != nil {
		return err
	}
	if !bytes.Equal(row.data, c.there.data) || !sameColumns(e.Edge, true, &row, &c.there) {
		return fmt.Errorf("check staged graph: %w: %q is not as it is among the records", store.ErrStaged, e.ID)
	}
	return nil
}

// Close removes what was staged. The graph is as it is.
func (s *staged) Close() error { return s.close() }

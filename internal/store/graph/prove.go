package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// prove ranges over the records once more and compares each with the row that
// the graph has now: column by column and, where data is written differently,
// by the digests of both rows.
func (m *merger) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	p := &prover{merger: m, comparer: comparer{tables: m.tables}}
	beside := func(s *stage) string {
		return fmt.Sprintf("SELECT staged.id, %s FROM main.%s AS staged LEFT JOIN %s AS there ON there.id = staged.id ORDER BY staged.seq",
			rowColumns("there.", s.edge, m.tables.hasUser(s.edge)), s.table(), s.live())
	}
	if err := m.walk(ctx, records, beside, p.judge); err != nil {
		if errors.Is(err, errOther) {
			return fmt.Errorf("prove merge: %w", err)
		}
		return err
	}
	return nil
}

// prover compares the records with the rows of the graph.
type prover struct {
	*merger
	comparer comparer
}

// judge counts a row as what it turned out to be.
func (p *prover) judge(rec memory.Record, e *record.Element, c *cursor) error {
	if c.stage.rejected.Has(c.n) {
		return nil
	}
	switch {
	case c.there.id != nil:
	case c.stage.ignored.Has(c.n):
		p.result.Missing++
		return p.report(store.Event{
			Outcome: store.Missing, ID: string(e.ID),
			Reason: "the database took it and said nothing, but it was never in: a trigger may have left it out",
		})
	default:
		p.unkept(c)
		p.result.Removed++
		return p.report(store.Event{
			Outcome: store.Removed, ID: string(e.ID),
			Reason: "it was in the graph, and was deleted while the merge ran",
		})
	}
	same := p.opts.Proof == store.ProofIDs
	if !same {
		var err error
		if same, err = p.same(rec, e, &c.there); err != nil {
			return fmt.Errorf("prove merge: %w", err)
		}
	}
	if same {
		p.result.Same++
		return nil
	}
	p.unkept(c)
	reason := "the live row was kept"
	if c.stage.added.Has(c.n) {
		reason = "it was put in, and was changed while the merge ran; the live row was kept"
	}
	p.result.Differs++
	return p.report(store.Event{Outcome: store.Differs, ID: string(e.ID), Reason: reason})
}

// unkept counts a row that was put in and is not what it was then.
func (p *prover) unkept(c *cursor) {
	if c.stage.added.Has(c.n) {
		p.result.Unkept++
	}
}

// same reports whether the graph's row is the record's.
func (p *prover) same(rec memory.Record, e *record.Element, there *dbRow) (bool, error) {
	row, err := p.row(rec, e)
	if err != nil {
		return false, err
	}
	return p.comparer.same(e.Edge, &row, there)
}

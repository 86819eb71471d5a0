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
	if c.stage.rejected.has(c.n) {
		return nil
	}
	if c.there.id == nil {
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
	reason := "the live row was kept"
	if c.stage.added.has(c.n) {
		reason = "it was put in, and was changed while the merge ran; the live row was kept"
	}
	p.result.Differs++
	return p.report(store.Event{Outcome: store.Differs, ID: string(e.ID), Reason: reason})
}

// same reports whether the graph's row is the record's.
func (p *prover) same(rec memory.Record, e *record.Element, there *dbRow) (bool, error) {
	row, err := p.row(rec, e)
	if err != nil {
		return false, err
	}
	return p.comparer.same(e.Edge, &row, there)
}

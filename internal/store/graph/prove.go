package graph

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// errOther says that the second pass over the records was not like the first.
var errOther = errors.New("the records are not those of the first pass")

// prove ranges over the records once more and compares each with the row that
// the graph has now: column by column and, where data is written differently,
// by the digests of both rows.
func (m *merger) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	p := &prover{merger: m, comparer: comparer{tables: m.tables}}
	defer p.close()
	for _, c := range []*cursor{&p.nodes, &p.edges} {
		if err := c.open(ctx, m, c == &p.edges); err != nil {
			return explain("read back", m.path, store.ErrUnreadable, err)
		}
	}
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = p.one(rec)
		}
		if err != nil {
			return err
		}
	}
	if p.nodes.n != m.nodes.rows || p.edges.n != m.edges.rows {
		return fmt.Errorf("prove merge: %w", errOther)
	}
	return nil
}

// prover walks through the records, the stage, and the rows of the graph.
type prover struct {
	*merger
	nodes, edges cursor
	comparer     comparer
}

func (p *prover) close() {
	p.nodes.close()
	p.edges.close()
}

// one judges a record.
func (p *prover) one(rec memory.Record) error {
	e, reason, err := p.scan(rec)
	if err != nil || reason != "" {
		return nil // rejected in the first pass
	}
	c := &p.nodes
	if e.Edge {
		c = &p.edges
	}
	more, err := c.next()
	if err != nil {
		return explain("read back", p.path, store.ErrUnreadable, err)
	}
	if !more || !bytes.Equal(c.id, e.ID) {
		return fmt.Errorf("prove merge: %w: %q for %q", errOther, e.ID, c.id)
	}
	return p.judge(rec, e, c)
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
	data, err := p.data(rec, e)
	if err != nil {
		return false, err
	}
	row := dbRow{id: e.ID, user: e.UserID, data: data, source: e.Source, target: e.Target, typ: e.Type}
	return p.comparer.same(e.Edge, &row, there)
}

// cursor walks through the rows of a stage, each with the row of its id that the
// graph has.
type cursor struct {
	stage  *stage
	rows   *sql.Rows
	n      int64
	id     sql.RawBytes
	there  dbRow // without an id when the row is not there
	fields []any // where a row is scanned to
}

func (c *cursor) open(ctx context.Context, m *merger, edge bool) (err error) {
	c.stage = m.of(edge)
	c.fields = append([]any{&c.id}, c.there.fields(edge)...)
	//nolint:rowserrcheck // next returns it
	c.rows, err = m.conn.QueryContext(ctx, fmt.Sprintf(`SELECT staged.id, %s
		FROM main.%s AS staged LEFT JOIN %s AS there ON there.id = staged.id ORDER BY staged.seq`,
		rowColumns("there.", edge, m.tables.hasUser(edge)), c.stage.table(), c.stage.live()))
	return err
}

func (c *cursor) next() (more bool, err error) {
	if !c.rows.Next() {
		return false, c.rows.Err()
	}
	c.n++
	return true, c.rows.Scan(c.fields...)
}

func (c *cursor) close() {
	if c.rows != nil {
		_ = c.rows.Close() // its errors came with the rows
	}
}

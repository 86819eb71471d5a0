package collections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

const lookupQuery = `SELECT id, embedding, metadata, document FROM records WHERE collection = ? AND id = ?`

// proof reads back, in one transaction, what the records of a merge became.
type proof struct {
	merge  *merge
	lookup *sql.Stmt
	live   row
	dest   []any
}

// prove looks every record up and compares it with what is stored now.
func (m *merge) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := m.file.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	background := context.WithoutCancel(ctx)
	defer func() { _ = m.file.exec(background, "ROLLBACK") }() // it only read
	lookup, err := m.file.conn.PrepareContext(background, lookupQuery)
	if err != nil {
		return err
	}
	defer lookup.Close()
	p := &proof{merge: m, lookup: lookup}
	p.dest = p.live.dest()
	return p.all(ctx, records)
}

func (p *proof) all(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	m := p.merge
	var seen int64
	for line, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = p.one(ctx, line)
		}
		if err != nil {
			return err
		}
		seen++
	}
	if seen != m.result.Records {
		return fmt.Errorf("prove rows: the sequence had %d records at first and %d now", m.result.Records, seen)
	}
	return nil
}

// one proves one record. Those that add rejected, it rejects again, and is silent.
func (p *proof) one(ctx context.Context, line memory.Record) error {
	m := p.merge
	if m.scan.parse(line) != "" || m.scan.fits(m.entry.dimension) != "" {
		return nil
	}
	id := string(m.scan.vector.Key)
	outcome, reason, err := p.outcome(ctx, id)
	if err != nil {
		return fmt.Errorf("prove row %q: %w", id, err)
	}
	switch outcome {
	case store.Same:
		m.result.Same++
		return nil
	case store.Differs:
		m.result.Differs++
	case store.Removed:
		m.result.Removed++
	case store.Missing:
		m.result.Missing++
	}
	return m.report(store.Event{Outcome: outcome, ID: id, Reason: reason})
}

func (p *proof) outcome(ctx context.Context, id string) (outcome store.Outcome, reason string, err error) {
	rows, err := p.lookup.QueryContext(context.WithoutCancel(ctx), p.merge.entry.number, id)
	if err != nil {
		return "", "", explain(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		// Every record that comes here was committed or was there already.
		return store.Removed, "it was in and has been deleted since", explain(rows.Err())
	}
	if p.merge.result.Proof == store.ProofIDs {
		return store.Same, "", nil
	}
	if err := rows.Scan(p.dest...); err != nil {
		return "", "", explain(err)
	}
	outcome, err = p.merge.scan.compare(&p.live)
	switch outcome {
	case store.Missing:
		return outcome, "it is in but cannot be read back: " + err.Error(), nil
	case store.Differs:
		return outcome, "the row that lives was kept", err
	}
	return outcome, "", err
}

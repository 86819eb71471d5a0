package collections

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// A transaction ends at whichever comes first, so that other writers wait for
// no longer than it takes to insert so much.
const (
	batchRows  = 1000
	batchBytes = 8 << 20
)

const (
	insertStatement = `INSERT INTO records (collection, id, embedding, metadata, document)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (collection, id) DO NOTHING`
	fixStatement = `UPDATE collections SET dimension = ? WHERE number = ?`
)

// batch is a write transaction that is under way.
type batch struct {
	merge  *merge
	insert *sql.Stmt
	open   bool
	rows   int
	bytes  int
	// added are the rows that went in: nobody is told of them before they are
	// committed.
	added []added
}

type added struct {
	id     string
	digest record.Digest
}

// add puts in what is missing.
func (m *merge) add(ctx context.Context, records iter.Seq2[memory.Record, error]) (err error) {
	// Statements get no context of their own: the driver would start a goroutine
	// for each. The loop looks at the merge's.
	insert, err := m.file.conn.PrepareContext(context.WithoutCancel(ctx), insertStatement)
	if err != nil {
		return err
	}
	defer insert.Close()
	b := &batch{merge: m, insert: insert}
	defer b.rollback(ctx)
	for line, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		m.result.Records++
		if err := b.put(ctx, line); err != nil {
			return err
		}
	}
	return b.commit(ctx)
}

// put inserts one record, or reports why not.
func (b *batch) put(ctx context.Context, line memory.Record) error {
	in := &b.merge.scan
	reason := in.parse(line)
	if reason == "" {
		if err := b.begin(ctx); err != nil {
			return err
		}
		reason = in.fits(b.merge.entry.dimension)
	}
	if reason != "" {
		b.merge.result.Rejected++
		return b.merge.report(store.Event{Outcome: store.Rejected, ID: in.name(), Reason: reason, Record: line})
	}
	if err := b.row(ctx, in); err != nil {
		return fmt.Errorf("insert row %q: %w", in.vector.Key, explain(err))
	}
	if b.rows++; b.rows >= batchRows {
		return b.commit(ctx)
	}
	if b.bytes += len(line); b.bytes >= batchBytes {
		return b.commit(ctx)
	}
	return nil
}

// begin takes the write lock and looks at the collection again: between two
// batches another process may have fixed its dimension.
func (b *batch) begin(ctx context.Context) error {
	if b.open {
		return nil
	}
	m := b.merge
	if err := m.file.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	b.open = true
	const query = `SELECT dimension FROM collections WHERE number = ? AND id = ?`
	err := m.file.conn.QueryRowContext(ctx, query, m.entry.number, m.entry.collection.ID).Scan(&m.entry.dimension)
	if err != nil {
		return fmt.Errorf("find collection %q again: %w", m.name, err)
	}
	return nil
}

func (b *batch) row(ctx context.Context, in *incoming) error {
	m := b.merge
	ctx = context.WithoutCancel(ctx)
	if m.entry.dimension == 0 {
		if _, err := m.file.conn.ExecContext(ctx, fixStatement, in.vector.Dimension, m.entry.number); err != nil {
			return err
		}
		m.entry.dimension = in.vector.Dimension
	}
	id := string(in.vector.Key)
	result, err := b.insert.ExecContext(ctx, m.entry.number, id, in.vector.Bits, nullable(in.metadata), nullable(in.document))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return err // it lives already
	}
	digest, err := in.digest()
	b.added = append(b.added, added{id, digest})
	return err
}

func nullable(text []byte) sql.NullString {
	return sql.NullString{String: string(text), Valid: text != nil}
}

// commit ends the batch and tells of it.
func (b *batch) commit(ctx context.Context) error {
	m := b.merge
	if b.open {
		if err := m.file.exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
			return err
		}
		b.open = false
	}
	m.result.Added += int64(len(b.added))
	for i := range b.added {
		if err := m.report(store.Event{Outcome: store.Added, ID: b.added[i].id, Digest: b.added[i].digest}); err != nil {
			return err
		}
	}
	b.added, b.rows, b.bytes = b.added[:0], 0, 0
	return nil
}

// rollback takes back a batch that was not committed.
func (b *batch) rollback(ctx context.Context) {
	if b.open {
		// Should it fail, closing the connection rolls back all the same.
		_ = b.merge.file.exec(context.WithoutCancel(ctx), "ROLLBACK")
		b.open = false
	}
}

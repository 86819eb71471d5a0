package collections

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"keepsake/internal/record"
	"keepsake/internal/store/rows"
)

// batch is rows that were inserted and are not committed yet.
type batch struct {
	stored

	table *table
	bytes int64
}

// Append implements rows.Batch: it inserts the row.
func (b *batch) Append(line []byte, v *record.Vector) (added bool, err error) {
	t := b.table
	metadata, err := b.sorted(v.Metadata.Of(line))
	var document []byte
	if err == nil {
		document, err = b.text(v.Document.Of(line))
	}
	if err != nil {
		return false, &rows.RefusedError{Reason: err.Error()}
	}
	if err := t.change(ctx(), t.again); err != nil {
		return false, err
	}
	if reason := t.Unfit(v.Dimension, t.dimension); reason != "" {
		if b.bytes == 0 { // nobody is to wait for nothing
			if err := t.end(ctx(), "ROLLBACK"); err != nil {
				return false, err
			}
		}
		return false, &rows.RefusedError{Reason: reason}
	}
	result, err := b.insert(string(v.Key), v, metadata, document)
	if err != nil {
		return false, fmt.Errorf("insert row %q: %w", v.Key, explain(err))
	}
	n, err := result.RowsAffected()
	b.bytes += int64(len(line))
	if err == nil {
		err = t.isIn(string(v.Key))
	}
	return n > 0, err
}

// insert leaves a row that lives as it is. The first fixes the dimension.
func (b *batch) insert(id string, v *record.Vector, metadata, document []byte) (sql.Result, error) {
	t := b.table
	if t.dimension == 0 {
		if _, err := t.file.conn.ExecContext(ctx(), fixStatement, v.Dimension, t.entry.number); err != nil {
			return nil, err
		}
		t.dimension = v.Dimension
	}
	return t.insert.ExecContext(ctx(), t.entry.number, id, v.Bits, nullable(metadata), nullable(document))
}

// ctx is for statements: the loop over the records looks at the caller's.
func ctx() context.Context { return context.Background() }

// Size implements rows.Batch.
func (b *batch) Size() int64 { return b.bytes }

// Send implements rows.Batch: it commits all of them.
func (b *batch) Send(ctx context.Context, _, _ int) error { return b.table.end(ctx, "COMMIT") }

// Reset implements rows.Batch.
func (b *batch) Reset() { b.bytes = 0 }

// stored takes the parts of records apart as they are stored.
type stored struct{ metadata, document []byte }

// sorted returns metadata: compact, keys sorted; nil when null.
func (b *stored) sorted(value []byte) (_ []byte, err error) {
	if isNull(value) {
		return nil, nil
	}
	b.metadata, err = record.AppendSorted(b.metadata[:0], value)
	return b.metadata, err
}

// text returns a document, nil when null.
func (b *stored) text(value []byte) (_ []byte, err error) {
	if isNull(value) {
		return nil, nil
	}
	// Never nil for a text, however empty: nil is null.
	b.document, err = record.AppendUnquoted(append(b.document[:0], 0)[:0], value)
	return b.document, err
}

// isNull says that a span is absent or spells null.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func nullable(text []byte) sql.NullString {
	return sql.NullString{String: string(text), Valid: text != nil}
}

// page is rows that were looked up, as they are stored.
type page struct {
	table   *table
	rows    []uint32
	bytes   []byte
	parts   []parts
	live    row
	dest    []any
	line    []byte
	scanner record.Scanner
	stored  stored
	lines   rows.Lines
}

// parts are where those of a row end among the bytes of its page.
type parts struct {
	start, id, bits, metadata, document int
	documented                          bool // it is not null
}

// Fetch implements rows.Page.
func (p *page) Fetch(ctx context.Context, ids *rows.IDs, ask rows.Ask) error {
	p.rows, p.bytes, p.parts = p.rows[:0], p.bytes[:0], p.parts[:0]
	if err := p.table.look(ctx); err != nil {
		return err
	}
	for _, i := range ask.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.find(i, string(ids.At(int(i)))); err != nil {
			return fmt.Errorf("look up row %q: %w", ids.At(int(i)), explain(err))
		}
	}
	return nil
}

// find looks a row up, if it is there.
func (p *page) find(i uint32, id string) (err error) {
	found, err := p.table.lookup.QueryContext(ctx(), p.table.entry.number, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	if !found.Next() {
		return found.Err()
	}
	if err := found.Scan(p.dest...); err != nil {
		return err
	}
	at := parts{start: len(p.bytes), documented: p.live.document.Valid}
	p.bytes = append(p.bytes, p.live.id...)
	at.id = len(p.bytes)
	p.bytes = append(p.bytes, p.live.embedding...)
	at.bits = len(p.bytes)
	p.bytes = append(p.bytes, p.live.metadata...)
	at.metadata = len(p.bytes)
	p.bytes = append(p.bytes, p.live.document.String...)
	at.document = len(p.bytes)
	p.rows, p.parts = append(p.rows, i), append(p.parts, at)
	return nil
}

// Rows implements rows.Page.
func (p *page) Rows() []uint32 { return p.rows }

// Bytes implements rows.Page.
func (p *page) Bytes() int64 { return int64(len(p.bytes)) }

// Same implements rows.Page. Most rows are stored as their records would be: numbers
// are compared as the bits that they are.
func (p *page) Same(n int, rec []byte) (rows.Verdict, error) {
	at, all := p.parts[n], p.bytes
	id, bits, metadata := all[at.start:at.id], all[at.id:at.bits], all[at.bits:at.metadata]
	var document []byte
	if at.documented {
		document = all[at.metadata:at.document]
	}
	if p.stores(rec, bits, metadata, document) {
		return rows.Verdict{}, nil
	}
	// Written otherwise may still mean the same, as 1.50 is 1.5.
	var err error
	if p.line, err = p.scanner.AppendRow(p.line[:0], id, bits, metadata, document); err != nil {
		return rows.Verdict{Differs: "it is in but cannot be read back: " + err.Error(), Unreadable: true}, nil
	}
	return p.lines.Same(p.line, rec), nil
}

// stores reports whether a record would be stored as just these bytes.
func (p *page) stores(rec, bits, metadata, document []byte) bool {
	v, err := p.scanner.Vector(rec)
	if err != nil || !bytes.Equal(v.Bits, bits) {
		return false
	}
	sorted, err := p.stored.sorted(v.Metadata.Of(rec))
	if err != nil || !bytes.Equal(sorted, metadata) {
		return false
	}
	text, err := p.stored.text(v.Document.Of(rec))
	return err == nil && (text == nil) == (document == nil) && bytes.Equal(text, document)
}

// Trim implements rows.Page.
func (p *page) Trim() {
	if cap(p.bytes) > pageBytes {
		p.bytes = nil
	}
}

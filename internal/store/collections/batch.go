package collections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"keepsake/internal/record"
	"keepsake/internal/store/rows"
)

// batch is rows that were inserted and are not committed yet.
type batch struct {
	table              *table
	bytes              int64
	metadata, document []byte
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

// sorted returns metadata as it is stored: compact, keys sorted; nil when null.
func (b *batch) sorted(value []byte) (_ []byte, err error) {
	if isNull(value) {
		return nil, nil
	}
	b.metadata, err = record.AppendSorted(b.metadata[:0], value)
	return b.metadata, err
}

// text returns a document, nil when null.
func (b *batch) text(value []byte) (_ []byte, err error) {
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

// page is rows that were looked up, as canonical lines.
type page struct {
	table   *table
	rows    []uint32
	text    []byte
	ends    []int
	broken  map[int]string // why a row of them could not be printed
	live    row
	dest    []any
	scanner record.Scanner
	lines   rows.Lines
}

// Fetch implements rows.Page.
func (p *page) Fetch(ctx context.Context, ids *rows.IDs, ask rows.Ask) error {
	p.rows, p.text, p.ends, p.broken = p.rows[:0], p.text[:0], p.ends[:0], nil
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
	r, start := &p.live, len(p.text)
	line, err := p.scanner.AppendVector(p.text, r.id, r.embedding, r.metadata, r.text())
	if p.text = line; err != nil {
		if p.broken == nil {
			p.broken = map[int]string{}
		}
		p.broken[len(p.rows)] = err.Error()
		p.text = line[:start]
	}
	p.rows, p.ends = append(p.rows, i), append(p.ends, len(p.text))
	return nil
}

// Rows implements rows.Page.
func (p *page) Rows() []uint32 { return p.rows }

// Bytes implements rows.Page.
func (p *page) Bytes() int64 { return int64(len(p.text)) }

// Same implements rows.Page. What is written otherwise may still mean the same, as
// 1.50 is 1.5.
func (p *page) Same(n int, rec []byte) (rows.Verdict, error) {
	if why, broken := p.broken[n]; broken {
		return rows.Verdict{Differs: "it is in but cannot be read back: " + why, Unreadable: true}, nil
	}
	start := 0
	if n > 0 {
		start = p.ends[n-1]
	}
	return p.lines.Same(p.text[start:p.ends[n]], rec), nil
}

// Trim implements rows.Page.
func (p *page) Trim() {
	if cap(p.text) > 4*batchBytes {
		p.text = nil
	}
}

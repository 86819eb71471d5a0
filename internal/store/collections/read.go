package collections

import (
	"context"
	"database/sql"
	"encoding/binary"
	"iter"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// The table itself is walked, not its index, in the order in which rows came:
// an index that lost rows then shows as fewer rows than it counted.
const rowsQuery = `SELECT id, embedding, metadata, document FROM records NOT INDEXED WHERE collection = ? ORDER BY number`

// reader yields the rows of one collection as canonical lines.
type reader struct {
	section memory.Section
	conn    *sql.Conn
	entry   entry
	now     func() time.Time

	row     row
	scanner record.Scanner
	line    []byte
	capture memory.Capture
}

func (r *reader) all(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		started := r.now()
		read, err := r.walk(ctx, yield)
		if err != nil {
			yield(nil, err)
			return
		}
		if read < 0 {
			return // the caller has had enough
		}
		rows := r.entry.rows
		r.capture.StartedAt, r.capture.EndedAt, r.capture.Method = started, r.now(), "sqlite"
		// One snapshot: the first listing is the last.
		r.capture.Before, r.capture.After, r.capture.Held = rows, rows, rows
		r.capture.Missing = max(0, rows-read)
	}
}

// walk passes every row on and returns how many it came across, -1 when the
// caller stopped it.
func (r *reader) walk(ctx context.Context, yield func(memory.Record, error) bool) (read int64, err error) {
	// The statement gets no context of its own: the driver would start a
	// goroutine for it, and the loop looks at ours at each row anyway.
	rows, err := r.conn.QueryContext(context.WithoutCancel(ctx), rowsQuery, r.entry.number)
	if err != nil {
		return 0, unreadable(r.section, err)
	}
	defer rows.Close()
	r.capture.Unreadable = []string{}
	dest := r.row.dest()
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := rows.Scan(dest...); err != nil {
			return 0, unreadable(r.section, err)
		}
		read++
		if r.print() && !yield(r.line, nil) {
			return -1, nil
		}
	}
	if err := rows.Err(); err != nil {
		return 0, unreadable(r.section, err)
	}
	return read, nil
}

// print writes the row into r.line. A row whose vector is damaged is salvaged
// without it; one whose other parts are is listed, and false is returned.
func (r *reader) print() bool {
	bits := []byte(r.row.embedding)
	if len(bits) != 4*r.entry.dimension || !finite(bits) {
		bits = nil
	}
	line, err := r.scanner.AppendVector(r.line[:0], r.row.id, bits, r.row.metadata, r.row.text())
	if err != nil {
		r.capture.Unreadable = append(r.capture.Unreadable, r.row.id)
		return false
	}
	r.line = line
	if bits == nil {
		r.capture.Salvaged++
	}
	return true
}

// row is where a row of the table records is scanned to; its parts are valid
// until the next.
type row struct {
	id        string
	embedding sql.RawBytes
	metadata  sql.RawBytes
	document  sql.NullString // not RawBytes, in which null and "" look the same
}

// dest is made once, so that Scan allocates nothing.
func (r *row) dest() []any {
	return []any{&r.id, &r.embedding, &r.metadata, &r.document}
}

// text returns the document, nil when it is null.
func (r *row) text() *string {
	if !r.document.Valid {
		return nil
	}
	return &r.document.String
}

// finite reports whether bits, little-endian float32, hold no NaN and no
// infinity: those are the numbers whose exponent is all ones.
func finite(bits []byte) bool {
	const exponent = 0xff << 23
	for ; len(bits) >= 4; bits = bits[4:] {
		if binary.LittleEndian.Uint32(bits)&exponent == exponent {
			return false
		}
	}
	return true
}

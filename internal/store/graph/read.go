package graph

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// reader reads the rows of one look. What it yields is overwritten by the next.
type reader struct {
	session *session
	scanner record.Scanner
	line    []byte
	read    int64
	capture memory.Capture
}

func (r *reader) all(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.capture.StartedAt = r.session.graph.config.Now()
		for _, edge := range []bool{false, true} {
			more, err := r.table(ctx, edge, yield)
			if err != nil {
				yield(nil, explain("read", r.session.look.path, store.ErrUnreadable, err))
				return
			}
			if !more {
				return
			}
		}
		r.finish()
	}
}

// finish fills in the capture: in a snapshot every row is held.
func (r *reader) finish() {
	c, rows := &r.capture, r.session.look.rows
	c.Before, c.After, c.Held = rows, rows, rows
	c.Missing = max(0, rows-r.read-int64(len(c.Unreadable)))
	c.EndedAt = r.session.graph.config.Now()
}

// table yields the rows of Nodes or Edges. More is false when the consumer
// stopped.
func (r *reader) table(ctx context.Context, edge bool, yield func(memory.Record, error) bool) (more bool, err error) {
	look := r.session.look
	rows, err := look.conn.QueryContext(ctx, selectRows(edge, look.tables.hasUser(edge)))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	var row dbRow
	for n := int64(1); rows.Next(); n++ {
		if err := row.scan(rows, edge); err != nil {
			return false, err
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		line, err := row.appendTo(r.line[:0], &r.scanner, edge, look.tables.hasUser(edge))
		if err != nil {
			r.unreadable(edge, n, row.id, err)
			continue
		}
		r.line = line
		r.read++
		if !yield(line, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}

// selectRows selects all rows as dbRow scans them, in the order in which they were
// written.
func selectRows(edge, user bool) string {
	return "SELECT " + rowColumns("", edge, user) + " FROM " + tableName(edge) + " ORDER BY rowid"
}

// rowColumns are the columns that dbRow scans, of the table that prefix names
// ("there."). user says that the table has user_id.
func rowColumns(prefix string, edge, user bool) string {
	columns := prefix + "id, NULL, " + prefix + "data"
	if user {
		columns = prefix + "id, " + prefix + "user_id, " + prefix + "data"
	}
	if edge {
		columns += ", " + prefix + "source, " + prefix + "target, " + prefix + "type"
	}
	return columns
}

func tableName(edge bool) string {
	if edge {
		return "Edges"
	}
	return "Nodes"
}

// unreadable notes a row that no bundle can hold: bytes that are no UTF-8, or no
// id. It is named by its place when it has none.
func (r *reader) unreadable(edge bool, n int64, id []byte, err error) {
	table, name := tableName(edge), string(id)
	if name == "" {
		name = fmt.Sprintf("%s, row %d", table, n)
	}
	r.capture.Unreadable = append(r.capture.Unreadable, name)
	s := r.session
	s.findings = append(s.findings, memory.Finding{
		Level: memory.Warning, Code: "unreadable-row", Section: s.graph.config.Section, File: s.look.path,
		Message: fmt.Sprintf("%s, row %d, id %q: %v", table, n, id, err),
		Hint:    "mend or delete that row in the database; it is in no bundle",
	})
}

// dbRow is a row as the database holds it. Its bytes are valid until the next.
type dbRow struct {
	id, user, data      sql.RawBytes
	source, target, typ sql.RawBytes
}

// scan reads the columns of selectRows.
func (d *dbRow) scan(rows *sql.Rows, edge bool) error {
	return rows.Scan(d.fields(edge)...)
}

// fields is where to scan the columns of rowColumns to, beside others.
func (d *dbRow) fields(edge bool) []any {
	if edge {
		return []any{&d.id, &d.user, &d.data, &d.source, &d.target, &d.typ}
	}
	return []any{&d.id, &d.user, &d.data}
}

// appendTo appends the row as a record. Without a column user_id the row has the
// user that its data implies, so that nothing is said to differ.
func (d *dbRow) appendTo(dst []byte, scanner *record.Scanner, edge, user bool) ([]byte, error) {
	owner := []byte(d.user)
	if !user {
		owner = impliedUser(scanner, d.data)
	}
	return scanner.AppendElement(dst, edge, d.id, owner, d.source, d.target, d.typ, d.data)
}

// impliedUser is the user_id that data implies, nil when there is none.
func impliedUser(scanner *record.Scanner, data []byte) []byte {
	line := append(append([]byte(`{"type":"node","data":`), data...), `,"columns":{"id":"any"}}`...)
	e, err := scanner.Element(line)
	if err != nil {
		return nil
	}
	return e.UserID
}

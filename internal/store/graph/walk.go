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
	"keepsake/internal/store/sqlitefile"
)

// errOther says that the second pass over the records was not like the first.
var errOther = errors.New("the records are not those of the first pass")

// walk ranges over the records once more, and calls judge for each that was
// staged with a row beside it: query selects the id of each row of a stage, in
// its order, and the columns of the row to see. errOther when the records are
// not those that were staged.
func (s *stager) walk(ctx context.Context, records iter.Seq2[memory.Record, error], query func(*stage) string,
	judge func(memory.Record, *record.Element, *cursor) error,
) error {
	var cursors [2]cursor
	for i, table := range s.stages() {
		defer cursors[i].close()
		if err := cursors[i].open(ctx, s.conn, table, query(table)); err != nil {
			return explain("read back", s.path, store.ErrUnreadable, err)
		}
	}
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.step(rec, &cursors, judge)
		}
		if err != nil {
			return err
		}
	}
	if cursors[0].n != s.nodes.rows || cursors[1].n != s.edges.rows {
		return errOther
	}
	return nil
}

// step judges a record.
func (s *stager) step(rec memory.Record, cursors *[2]cursor, judge func(memory.Record, *record.Element, *cursor) error) error {
	e, reason, err := s.scan(rec)
	if err != nil || reason != "" {
		return nil // refused in the first pass
	}
	c := &cursors[0]
	if e.Edge {
		c = &cursors[1]
	}
	more, err := c.next()
	if err != nil {
		return explain("read back", s.path, store.ErrUnreadable, err)
	}
	if !more || !bytes.Equal(c.id, e.ID) {
		return fmt.Errorf("%w: %q for %q", errOther, e.ID, c.id)
	}
	return judge(rec, e, c)
}

// row is a record's row as it would be in the database. It is valid until the
// next call.
func (s *stager) row(rec memory.Record, e *record.Element) (dbRow, error) {
	data, err := s.data(rec, e)
	return dbRow{id: e.ID, user: e.UserID, data: data, source: e.Source, target: e.Target, typ: e.Type}, err
}

// cursor walks through the rows of a stage, each with another row beside it.
type cursor struct {
	stage  *stage
	rows   *sql.Rows
	n      int64
	id     sql.RawBytes
	there  dbRow // without an id when there is none
	fields []any // where a row is scanned to
}

func (c *cursor) open(ctx context.Context, conn *sqlitefile.Conn, table *stage, query string) (err error) {
	c.stage = table
	c.fields = append([]any{&c.id}, c.there.fields(table.edge)...)
	c.rows, err = conn.QueryContext(ctx, query) //nolint:rowserrcheck // next returns it
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

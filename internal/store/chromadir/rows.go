package chromadir

import (
	"context"
	"database/sql"
	"errors"
)

// The rows of a collection in the order in which a server gives them, that of
// their numbers, and their metadata in the same order. The table of rows is
// walked itself, not an index of it: that needs no sorting, and no memory.
const (
	walk       = ` FROM embeddings e NOT INDEXED `
	ofSegment  = ` WHERE e.segment_id = ? ORDER BY e.id`
	rowsQuery  = `SELECT e.id, e.embedding_id, CAST(e.seq_id AS INTEGER)` + walk + ofSegment
	columns    = `SELECT m.id, m.key, m.string_value, m.int_value, m.float_value, m.bool_value`
	valueQuery = columns + walk + `CROSS JOIN embedding_metadata m ON m.id = e.id` + ofSegment + `, m.key`
	arrayQuery = columns + walk + `CROSS JOIN embedding_metadata_array m ON m.id = e.id` + ofSegment + `, m.key, m.rowid`
)

const arrayTable = "embedding_metadata_array"

// row is one row of a collection but for its vector. Its parts are valid until
// the next.
type row struct {
	number   int64
	id       []byte
	seq      int64 // of the last operation on it
	metadata fields
}

// rowReader joins the rows of a collection with their metadata.
type rowReader struct {
	rows    *sql.Rows
	values  valueCursor
	arrays  valueCursor
	current row
	id      sql.RawBytes
}

func (d *database) rows(ctx context.Context, c *collection) (r *rowReader, err error) {
	r = &rowReader{}
	into := map[string]**sql.Rows{rowsQuery: &r.rows, valueQuery: &r.values.rows}
	if d.arrays {
		into[arrayQuery] = &r.arrays.rows
	}
	for query, rows := range into {
		if *rows, err = d.query(ctx, query, c.metadocs); err != nil { //nolint:rowserrcheck,sqlclosecheck // next and Close do
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// next returns the next row, nil after the last.
func (r *rowReader) next() (*row, error) {
	if !r.rows.Next() {
		return nil, r.rows.Err()
	}
	c := &r.current
	if err := r.rows.Scan(&c.number, &r.id, &c.seq); err != nil {
		return nil, err
	}
	c.id = r.id
	c.metadata.reset()
	err := r.values.of(c.number, c.metadata.scalar)
	if err == nil {
		err = r.arrays.of(c.number, c.metadata.element)
	}
	return c, err
}

// Close lets go of the rows. It may be called twice.
func (r *rowReader) Close() error {
	var errs []error
	for _, rows := range []*sql.Rows{r.rows, r.values.rows, r.arrays.rows} {
		if rows != nil {
			errs = append(errs, rows.Close())
		}
	}
	return errors.Join(errs...)
}

// valueCursor walks a table of metadata. The zero cursor has none.
type valueCursor struct {
	rows   *sql.Rows
	number int64 // of the row to which what was scanned belongs
	key    sql.RawBytes
	value  value
	dest   []any
	held   bool // something was scanned and not used
}

// of uses all values of a row. Rows are asked for in order.
func (c *valueCursor) of(number int64, use func(key []byte, v *value)) error {
	if c.rows == nil {
		return nil
	}
	for {
		if !c.held {
			if !c.rows.Next() {
				return c.rows.Err()
			}
			if c.dest == nil {
				c.dest = append([]any{&c.number, &c.key}, c.value.dest()...)
			}
			if err := c.rows.Scan(c.dest...); err != nil {
				return err
			}
			c.held = true
		}
		if c.number > number {
			return nil
		}
		if c.number == number {
			use(c.key, &c.value)
		}
		c.held = false
	}
}

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
	valueQuery = `SELECT m.id, m.key, m.string_value, m.int_value, m.float_value, m.bool_value` + walk +
		`CROSS JOIN embedding_metadata m ON m.id = e.id` + ofSegment + `, m.key`
	arrayQuery = `SELECT m.id, m.key, m.string_value, m.int_value, m.float_value, m.bool_value` + walk +
		`CROSS JOIN embedding_metadata_array m ON m.id = e.id` + ofSegment + `, m.key, m.rowid`
)

// row is one row of a collection but for its vector. Its parts are valid until
// the next.
type row struct {
	number   int64
	id       []byte
	seq      int64 // of the last operation on it
	metadata fields
	lost     bool // the metadata, and with it the document
}

// document returns the document of a row, nil for none.
func (r *row) document() *string {
	m := r.metadata.find([]byte(documentKey))
	if m == nil || m.array || m.kind != textType {
		return nil
	}
	text := r.metadata.text(documentKey)
	return &text
}

// eachID calls use with the id of every row.
func (d *database) eachID(ctx context.Context, c *collection, use func(id []byte)) error {
	rows, err := d.query(ctx, rowsQuery, c.metadocs)
	if err != nil {
		return err
	}
	defer rows.Close()
	var number, seq int64
	var id sql.RawBytes
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := rows.Scan(&number, &id, &seq); err != nil {
			return err
		}
		use(id)
	}
	return rows.Err()
}

// eachListed calls use with the id of every row that the index of ids names.
func (d *database) eachListed(ctx context.Context, c *collection, use func(id []byte)) error {
	const query = `SELECT embedding_id FROM embeddings INDEXED BY sqlite_autoindex_embeddings_1 WHERE segment_id = ?`
	rows, err := d.query(ctx, query, c.metadocs)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id sql.RawBytes
	for rows.Next() && ctx.Err() == nil {
		if err := rows.Scan(&id); err != nil {
			return err
		}
		use(id)
	}
	return errors.Join(ctx.Err(), rows.Err())
}

// rowReader joins the rows of a collection with their metadata.
type rowReader struct {
	rows    *sql.Rows
	values  valueCursor
	arrays  valueCursor
	current row
	id      sql.RawBytes
	// lenient makes rows without metadata of what can't be read.
	lenient bool
	lost    error // why metadata could not be read
}

func (d *database) rows(ctx context.Context, c *collection, lenient bool) (*rowReader, error) {
	r := &rowReader{lenient: lenient}
	arrays, err := d.has(ctx, "embedding_metadata_array", "")
	if err != nil {
		return nil, err
	}
	into := map[string]**sql.Rows{rowsQuery: &r.rows, valueQuery: &r.values.rows}
	if arrays {
		into[arrayQuery] = &r.arrays.rows
	}
	for query, rows := range into {
		*rows, err = d.query(ctx, query, c.metadocs) //nolint:rowserrcheck,sqlclosecheck // next and Close do
		switch {
		case err == nil:
		case lenient && query != rowsQuery:
			r.lost, *rows = err, nil
		default:
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
	if err := r.attach(c); err != nil && !r.lenient {
		return nil, err
	} else if err != nil {
		r.lost = err
	}
	if c.lost = r.lost != nil; c.lost {
		c.metadata.reset()
	}
	return c, nil
}

// attach reads the metadata of a row.
func (r *rowReader) attach(c *row) error {
	c.metadata.reset()
	if r.lost != nil {
		return nil
	}
	if err := r.values.of(c.number, c.metadata.scalar); err != nil {
		return err
	}
	return r.arrays.of(c.number, c.metadata.element)
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

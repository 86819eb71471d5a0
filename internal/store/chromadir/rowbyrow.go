package chromadir

import (
	"context"
	"database/sql"
	"errors"
)

// What is left of damaged tables is found row by row: numbers and ids in the
// table of rows or in its index, and the metadata of each by its number.
const (
	listQuery = `SELECT e.id, e.embedding_id, 0 FROM embeddings e INDEXED BY sqlite_autoindex_embeddings_1 WHERE e.segment_id = ?`
	oneOf     = ` m WHERE m.id = ? ORDER BY m.key, m.rowid`
)

// eachRow calls use with the rows that a query finds, without their metadata,
// until it returns false.
func (d *database) eachRow(ctx context.Context, query string, c *collection, use func(*row) bool) (more bool, err error) {
	rows, err := d.query(ctx, query, c.metadocs)
	if err != nil {
		return true, err
	}
	defer rows.Close()
	var r row
	var id sql.RawBytes
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := rows.Scan(&r.number, &id, &r.seq); err != nil {
			return true, err
		}
		if r.id = id; !use(&r) {
			return false, nil
		}
	}
	return true, rows.Err()
}

// attach reads the metadata of one row.
func (d *database) attach(ctx context.Context, r *row) error {
	r.metadata.reset()
	err := d.attachFrom(ctx, "embedding_metadata", r.number, r.metadata.scalar)
	if err != nil || !d.arrays {
		return err
	}
	return d.attachFrom(ctx, arrayTable, r.number, r.metadata.element)
}

func (d *database) attachFrom(ctx context.Context, table string, number int64, use func(key []byte, v *value)) error {
	rows, err := d.again(ctx, columns+` FROM `+table+oneOf, number)
	if err != nil {
		return err
	}
	defer rows.Close()
	cursor := valueCursor{rows: rows}
	return errors.Join(cursor.of(number, use), rows.Err())
}

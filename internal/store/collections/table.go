package collections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// A transaction ends at whichever comes first, so that other writers wait for
// no longer than it takes to insert so much.
const (
	batchRows  = 1000
	batchBytes = 8 << 20
)

// pageBytes bounds what is read back at once: two pages and their records are in
// memory. Rows are looked up one by one, so that larger pages are no faster.
const pageBytes = 4 << 20

const (
	idsQuery    = `SELECT id FROM records WHERE collection = ?`
	lookupQuery = `SELECT id, embedding, metadata, document FROM records WHERE collection = ? AND id = ?`

	insertStatement = `INSERT INTO records (collection, id, embedding, metadata, document)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (collection, id) DO NOTHING`
	fixStatement    = `UPDATE collections SET dimension = ? WHERE number = ?`
	isInQuery       = `SELECT count(*) FROM records WHERE collection = ? AND id = ?`
	deleteStatement = `DELETE FROM records WHERE collection = ? AND id = ?`
)

// table is a collection as package rows sees it; with the zero entry it is absent.
// Rows are got in one read transaction, and go in and out by write transactions of
// a batch each: what is counted as added or removed has been committed.
type table struct {
	file      *file
	entry     entry
	dimension int // of the collection when it was looked at last, or of the records
	whole     bool
	// leave asks for leave to delete, in the transaction that rows are compared and
	// deleted in; nil where none are deleted.
	leave func(context.Context) error

	inSession bool // a session's transaction is open

	tx       transaction
	lookup   *sql.Stmt
	insert   *sql.Stmt
	isInside *sql.Stmt
	deletes  *sql.Stmt
}

type transaction int

const (
	none transaction = iota
	looking
	changing
)

// table returns the rows of a collection of the file. Close it. Statements get no
// context of their own: the driver would start a goroutine for each.
func (f *file) table(ctx context.Context, e entry) (*table, error) {
	t := &table{file: f, entry: e, dimension: e.dimension}
	if f == nil || e.number == 0 {
		return t, nil
	}
	for text, statement := range map[string]**sql.Stmt{
		lookupQuery: &t.lookup, insertStatement: &t.insert, isInQuery: &t.isInside, deleteStatement: &t.deletes,
	} {
		var err error
		if *statement, err = f.conn.PrepareContext(context.WithoutCancel(ctx), text); err != nil { //nolint:sqlclosecheck // close does
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

// close takes back what was not committed.
func (t *table) close() error {
	err := t.end(context.Background(), "ROLLBACK")
	for _, statement := range []*sql.Stmt{t.lookup, t.insert, t.isInside, t.deletes} {
		if statement != nil {
			err = errors.Join(err, statement.Close())
		}
	}
	return err
}

// end ends the transaction that is open.
func (t *table) end(ctx context.Context, statement string) error {
	if t.tx == none {
		return nil
	}
	t.tx = none
	return t.file.exec(context.WithoutCancel(ctx), statement)
}

// look begins to read, at one moment.
func (t *table) look(ctx context.Context) error {
	switch {
	case t.leave != nil:
		return t.change(ctx, t.leave)
	case t.tx == looking || t.inSession:
		return nil
	}
	// Where a batch is open it holds nothing that is new.
	err := t.end(ctx, "COMMIT")
	if err == nil {
		if err = t.file.exec(ctx, "BEGIN"); err == nil {
			t.tx = looking
		}
	}
	return err
}

// change takes the write lock, and looks at the collection again with it.
func (t *table) change(ctx context.Context, again func(context.Context) error) error {
	if t.tx == changing {
		return nil
	}
	if err := t.end(ctx, "ROLLBACK"); err != nil { // it only read
		return err
	}
	if err := t.file.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	t.tx = changing
	return again(ctx)
}

// again looks at the dimension once more: between two batches another process may
// have fixed it.
func (t *table) again(ctx context.Context) error {
	const query = `SELECT dimension FROM collections WHERE number = ? AND id = ?`
	err := t.file.conn.QueryRowContext(ctx, query, t.entry.number, t.entry.collection.ID).Scan(&t.dimension)
	if err != nil {
		return fmt.Errorf("find collection %q again: %w", t.entry.collection.Name, err)
	}
	return nil
}

// Limits implements rows.Table. There is one connection, and what it says it has
// written it has.
func (t *table) Limits() rows.Limits {
	l := rows.Limits{
		BatchRows: batchRows, BatchBytes: batchBytes, FirstRows: batchRows, PageRows: batchRows, PageBytes: pageBytes,
		Fetching: 1, Dimension: t.dimension, Faithful: true, Unlisted: true, Lenient: !t.whole,
	}
	if t.leave != nil {
		l.Fetching = 0 // each page is deleted from in its own transaction
	}
	return l
}

// List implements rows.Table.
func (t *table) List(ctx context.Context, begin func(rows, size int64), each func(id []byte) error) (n int64, err error) {
	const length = 40 // of an id, as a rule
	begin(t.entry.rows, length*t.entry.rows)
	if t.lookup == nil {
		return 0, nil
	}
	if t.tx == changing && t.leave == nil { // it holds nothing that is new
		if err := t.end(ctx, "COMMIT"); err != nil {
			return 0, err
		}
	}
	found, err := t.file.conn.QueryContext(context.WithoutCancel(ctx), idsQuery, t.entry.number)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	var id sql.RawBytes
	for dest := []any{&id}; found.Next(); n++ {
		if err := errors.Join(ctx.Err(), found.Scan(dest...)); err != nil {
			return n, err
		}
		if err := each(id); err != nil {
			return n, err
		}
	}
	return n, found.Err()
}

// Unfit implements rows.Table. What Chroma refuses is refused here, so that a trial
// on this engine shows what the real restore would do.
func (t *table) Unfit(dimension, fixed int) string {
	switch {
	case dimension < 0:
		return "it has no vector"
	case dimension == 0:
		return "its vector is empty"
	case fixed != 0 && dimension != fixed:
		return fmt.Sprintf("its vector has dimension %d, the collection's have %d", dimension, fixed)
	}
	return ""
}

// Delete implements rows.Table, and ends the transaction.
func (t *table) Delete(ctx context.Context, ids *rows.IDs, which []uint32) (deleted int64, err error) {
	if len(which) > 0 {
		err = t.change(ctx, t.again)
	}
	for _, i := range which {
		if err != nil {
			return 0, err
		}
		_, err = t.deletes.ExecContext(context.WithoutCancel(ctx), t.entry.number, string(ids.At(int(i))))
	}
	if err == nil {
		err = t.end(ctx, "COMMIT")
	}
	if err != nil {
		return 0, err
	}
	return int64(len(which)), nil
}

// NewBatch implements rows.Table.
func (t *table) NewBatch() rows.Batch { return &batch{table: t} }

// NewPage implements rows.Table.
func (t *table) NewPage() rows.Page {
	p := &page{table: t, lines: rows.Lines{SameMetadata: rows.SameJSON}}
	p.dest = p.live.dest()
	return p
}

// inherit fills in what spec doesn't say from the live collection, the zero entry
// when there is none.
func inherit(spec memory.SectionSpec, live entry) memory.SectionSpec {
	if spec.Collection == nil && live.number != 0 {
		spec.Collection = &live.collection
	}
	if spec.Distance == "" {
		spec.Distance = live.distance
	}
	if spec.Dimension == 0 {
		spec.Dimension = live.dimension
	}
	return spec
}

// size is about what live rows take as records in a bundle. It reads no more than
// their heads.
func (f *file) size(ctx context.Context, e entry, d *store.Difference) error {
	// What a row takes beside its texts: keys and punctuation, and a number of its
	// embedding, which is most often written with 8 or 9 digits.
	const rowBytes, numberBytes = len(`{"id":"","embedding":[],"metadata":,"document":""}`) + 1, 12
	const query = `SELECT total(length(id) + ifnull(length(CAST(metadata AS BLOB)), 4) + ifnull(length(CAST(document AS BLOB)), 4))
FROM records WHERE collection = ?`
	var texts float64
	err := f.conn.QueryRowContext(ctx, query, e.number).Scan(&texts)
	d.Bytes = int64(texts) + d.Live*int64(rowBytes+numberBytes*e.dimension)
	return err
}

// isIn returns rows.ErrIgnored when a row that was put in, in the transaction that is
// open, is not there: a trigger may leave one out, or take it away again, and say
// nothing.
func (t *table) isIn(id string) error {
	var n int64
	if err := t.isInside.QueryRowContext(ctx(), t.entry.number, id).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return rows.ErrIgnored
	}
	return nil
}

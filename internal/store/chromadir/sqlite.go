package chromadir

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// databaseFile is the one SQLite file of a directory.
const databaseFile = "chroma.sqlite3"

// openCopy opens a copy of our own. SQLite mends it where its server crashed.
func openCopy(ctx context.Context, path string) (*database, error) {
	conn, err := sqlitefile.Open(ctx, path, sqlitefile.ReadWrite, 0, "trusted_schema(0)", "synchronous(0)")
	if err != nil {
		return nil, err
	}
	d := &database{Conn: conn, prepared: map[string]*sql.Stmt{}}
	if d.arrays, err = d.has(ctx, arrayTable, "id"); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// database is one connection.
type database struct {
	*sqlitefile.Conn

	// arrays says that there is a table of arrays: 1.0 servers have none.
	arrays bool
	// prepared are the statements that are run for single rows.
	prepared map[string]*sql.Stmt
}

// query runs a statement without the context, for which the driver would start a
// goroutine; who loops over the rows looks at the context.
func (d *database) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return d.QueryContext(context.WithoutCancel(ctx), statement, args...)
}

// again is query for a statement that is run often: it is prepared once.
func (d *database) again(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if d.prepared[statement] == nil {
		s, err := d.PrepareContext(ctx, statement) //nolint:sqlclosecheck // close does
		if err != nil {
			return nil, err
		}
		d.prepared[statement] = s
	}
	return d.prepared[statement].QueryContext(ctx, args...)
}

// has reports whether a table has a column; without the table it has not.
func (d *database) has(ctx context.Context, table, column string) (bool, error) {
	var n int
	err := d.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info(?) WHERE name = ?`, table, column).Scan(&n)
	return n > 0, err
}

func (d *database) close() error {
	if d == nil {
		return nil
	}
	var errs []error
	for _, s := range d.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, d.Close())...)
}

// damaged reports whether SQLite could not make sense of a file: it is no
// database, is broken, or has not the tables of a Chroma.
func damaged(err error) bool {
	switch sqlitefile.Code(err) {
	case 0, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return false
	}
	return !sqlitefile.NoRoom(err)
}

// explain puts what SQLite reports into words that an operator can act on, and
// says whether the directory could not be reached or not be read.
func explain(err error) error {
	if damaged(err) && !errors.Is(err, store.ErrUnfinished) {
		return fmt.Errorf("%w: %s is damaged: %w", store.ErrUnreadable, databaseFile, err)
	}
	return sqlitefile.Explain(databaseFile, err, store.ErrUnreadable)
}

// words are what an error says without the ground of it.
func words(err error) string {
	if damaged(err) {
		return fmt.Sprintf("%s is damaged: %v", databaseFile, err)
	}
	return err.Error()
}

package chromadir

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
)

// databaseFile is the one SQLite file of a directory.
const databaseFile = "chroma.sqlite3"

// openLive opens the database of a server, to hold its lock and for nothing
// else: read-only, nothing is written, not even to mend it after a crash.
func openLive(ctx context.Context, path string, busy time.Duration) (*database, error) {
	return openDatabase(ctx, path, fmt.Sprintf("mode=ro&_pragma=busy_timeout(%d)", busy.Milliseconds()))
}

// openCopy opens a copy of our own. SQLite mends it where its server crashed.
func openCopy(ctx context.Context, path string) (*database, error) {
	d, err := openDatabase(ctx, path, "mode=rw&_pragma=trusted_schema(0)&_pragma=synchronous(0)")
	if err != nil {
		return nil, err
	}
	if d.arrays, err = d.has(ctx, arrayTable, "id"); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// database is one connection.
type database struct {
	pool *sql.DB
	conn *sql.Conn
	// arrays says that there is a table of arrays: 1.0 servers have none.
	arrays bool
	// prepared are the statements that are run for single rows.
	prepared map[string]*sql.Stmt
}

func openDatabase(ctx context.Context, path, query string) (*database, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query}).String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &database{pool: pool, conn: conn, prepared: map[string]*sql.Stmt{}}, nil
}

func (d *database) exec(ctx context.Context, statement string, args ...any) error {
	_, err := d.conn.ExecContext(ctx, statement, args...)
	return err
}

// query runs a statement without the context, for which the driver would start a
// goroutine; who loops over the rows looks at the context.
func (d *database) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return d.conn.QueryContext(context.WithoutCancel(ctx), statement, args...)
}

// again is query for a statement that is run often: it is prepared once.
func (d *database) again(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if d.prepared[statement] == nil {
		s, err := d.conn.PrepareContext(ctx, statement) //nolint:sqlclosecheck // close does
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
	err := d.conn.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info(?) WHERE name = ?`, table, column).Scan(&n)
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
	return errors.Join(append(errs, d.conn.Close(), d.pool.Close())...)
}

// code is the extended result code of SQLite, 0 when err is not from it.
func code(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code()
}

// damaged reports whether SQLite could not make sense of a file: it is no
// database, is broken, or has not the tables of a Chroma.
func damaged(err error) bool {
	switch code(err) & 0xff {
	case 0, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return false
	}
	return true
}

// explain puts what SQLite reports into words that an operator can act on, and
// says whether the directory could not be reached or not be read.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, store.ErrUnfinished):
		return err
	case code(err)&0xff == sqlite3.SQLITE_FULL:
		return fmt.Errorf("copy %s: %w: %w", databaseFile, syscall.ENOSPC, err)
	case code(err)&0xff == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w: another process holds the lock of %s: %w", store.ErrUnreachable, databaseFile, err)
	case damaged(err):
		return fmt.Errorf("%w: %s is damaged: %w", store.ErrUnreadable, databaseFile, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnreadable, err)
}

// words are what an error says without the ground of it.
func words(err error) string {
	if damaged(err) {
		return fmt.Sprintf("%s is damaged: %v", databaseFile, err)
	}
	return err.Error()
}

// Package sqlitefile is how the stores that are SQLite databases open one, say what
// SQLite reports of it, and tidy what is left beside it. It knows none of their
// tables.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Mode is what a connection may do with its file.
type Mode string

// The modes. A connection that only reads still makes -wal and -shm beside a
// database in WAL mode, but for a copy: a file of our own that nobody changes, and
// beside which nothing is put.
const (
	ReadOnly  Mode = "ro"
	ReadWrite Mode = "rw"  // never makes the file
	Create    Mode = "rwc" // makes it where there is none
	Copy      Mode = "ro&immutable=1"
)

// Conn is one connection, and the pool that it is alone in.
type Conn struct {
	*sql.Conn
	pool *sql.DB
}

// Open opens the database at path, an absolute one. Busy is how long to wait for a
// lock; the pragmas, as "synchronous(0)", hold for the connection. The error is
// SQLite's own: see Explain.
func Open(ctx context.Context, path string, mode Mode, busy time.Duration, pragmas ...string) (*Conn, error) {
	address := URI(path, mode)
	for _, pragma := range append([]string{fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}, pragmas...) {
		address += "&_pragma=" + pragma
	}
	return connect(ctx, address)
}

// Temporary opens a database that has no name: SQLite spills it into its temporary
// folder past its cache, and removes it.
func Temporary(ctx context.Context) (*Conn, error) { return connect(ctx, "") }

func connect(ctx context.Context, address string) (*Conn, error) {
	pool, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &Conn{Conn: conn, pool: pool}, nil
}

// URI is the address of a database file, as ATTACH takes it.
func URI(path string, mode Mode) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + string(mode)}).String()
}

// Exec runs a statement that returns no rows.
func (c *Conn) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := c.ExecContext(ctx, statement, args...)
	return err
}

// End ends a transaction: it commits, or takes back what was done where err, or
// committing, says so. What is cancelled is taken back all the same.
func (c *Conn) End(ctx context.Context, err error) error {
	if err == nil {
		err = c.Exec(ctx, "COMMIT")
	}
	if err != nil { // this fails where SQLite has done it by itself
		_ = c.Exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// Each runs a query and calls use once for each row, which is scanned into what into
// points to. An error of use ends it.
func (c *Conn) Each(ctx context.Context, into []any, use func() error, query string, args ...any) error {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		err := rows.Scan(into...)
		if err == nil {
			err = use()
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// All runs a query that selects one column.
func All[T any](ctx context.Context, c *Conn, query string, args ...any) (all []T, err error) {
	var one T
	err = c.Each(ctx, []any{&one}, func() error { all = append(all, one); return nil }, query, args...)
	return all, err
}

// Quote is a name as SQL has it, whatever is in it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Touch reads of the database, which is what takes the lock of a transaction, and
// its snapshot.
func (c *Conn) Touch(ctx context.Context) error {
	var n int
	return c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
}

// Close lets go of the database. It may be called twice, and on nil.
func (c *Conn) Close() error {
	if c == nil || c.pool == nil {
		return nil
	}
	err := errors.Join(c.Conn.Close(), c.pool.Close())
	c.pool = nil
	return err
}

package opaque

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
)

// busy is how long another process may hold a lock that is wanted.
const busy = 5 * time.Second

// database is one connection.
type database struct {
	db   *sql.DB
	conn *sql.Conn
}

// connect opens a database: mode is "ro", "rw", or "ro&immutable=1" for a file
// of our own, beside which SQLite must not put anything.
func connect(ctx context.Context, path, mode string) (*database, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	uri := url.URL{Scheme: "file", Path: slashed}
	db, err := sql.Open("sqlite", fmt.Sprintf("%s?mode=%s&_pragma=busy_timeout(%d)&_pragma=trusted_schema(0)", uri.String(), mode, busy.Milliseconds()))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &database{db: db, conn: conn}, nil
}

func (d *database) exec(ctx context.Context, statement string, args ...any) error {
	_, err := d.conn.ExecContext(ctx, statement, args...)
	return err
}

// close may be called twice, and on nil.
func (d *database) close() error {
	if d == nil || d.db == nil {
		return nil
	}
	err := errors.Join(d.conn.Close(), d.db.Close())
	d.db, d.conn = nil, nil
	return err
}

// live is a database of others, opened read-only. Its log is read with it, and
// never checkpointed.
type live struct {
	*database
	path string
	// alone says that it had no log when it was opened.
	alone bool
}

func openLive(ctx context.Context, path string) (*live, error) {
	if err := checkHeader(path); err != nil {
		return nil, err
	}
	l := &live{path: path, alone: !exists(path+"-wal") && !exists(path+"-shm")}
	var err error
	l.database, err = connect(ctx, path, "ro")
	if err != nil {
		return nil, explain(path, err)
	}
	return l, nil
}

// checkHeader refuses what SQLite would take for a database and is none, and
// what is encrypted.
func checkHeader(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Size() > 0 && !isDatabase(file) {
		return unreadable(path, errors.New("it is no SQLite database, or an encrypted one"))
	}
	return err
}

// close lets go of the database, and takes the empty log away that reading one
// in WAL mode makes and, being read-only, can't remove.
func (l *live) close(ctx context.Context) error {
	err := l.database.close()
	if log, missing := os.Stat(l.path + "-wal"); !l.alone || missing != nil || log.Size() > 0 {
		return err
	}
	// SQLite does it itself, as the last of its connections goes: under its own
	// locks, so that a process that came meanwhile keeps its files. What can't be
	// tidied is harmless: the next process takes it over.
	if tidy, failed := connect(ctx, l.path, "rw"); failed == nil {
		var n int
		_ = tidy.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
		_ = tidy.close()
	}
	return err
}

// copyTo makes a copy of one moment of the database, a new file that only its
// owner can read.
func (l *live) copyTo(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := l.exec(ctx, "VACUUM INTO ?", path); err != nil {
		return explain(l.path, err)
	}
	return nil
}

// inspectCopy checks a database that nobody else has open, and counts its rows.
func inspectCopy(ctx context.Context, path string) (rows int64, err error) {
	if err := checkHeader(path); err != nil {
		return 0, err
	}
	d, err := connect(ctx, path, "ro&immutable=1")
	if err != nil {
		return 0, explain(path, err)
	}
	if err = d.check(ctx, path); err == nil {
		rows, err = d.count(ctx)
	}
	if err != nil {
		err = explain(path, err)
	}
	return rows, errors.Join(err, d.close())
}

// check is a full integrity check.
func (d *database) check(ctx context.Context, path string) error {
	rows, err := d.conn.QueryContext(ctx, "PRAGMA integrity_check(5)")
	if err != nil {
		return err
	}
	defer rows.Close()
	var said []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		said = append(said, strings.TrimSpace(line))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if text := strings.Join(said, "; "); text != "ok" {
		return unreadable(path, fmt.Errorf("the database is damaged: %s", text))
	}
	return nil
}

// count sums up the rows of all tables. Virtual ones are left out: what they hold
// is in their shadow tables, which are counted, for only with the module of the
// virtual one, which we may not have, could they be told from others.
func (d *database) count(ctx context.Context) (total int64, err error) {
	names, err := d.tables(ctx)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		var n int64
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		if err := d.conn.QueryRowContext(ctx, "SELECT count(*) FROM main."+quoted).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (d *database) tables(ctx context.Context) (names []string, err error) {
	rows, err := d.conn.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// explain says in which way an operation on a database failed.
func explain(path string, err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	var cause string
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("open %s: %w: another process holds its lock: %w", path, store.ErrUnreachable, err)
	case sqlite3.SQLITE_NOTADB:
		cause = "it is no SQLite database, or is damaged"
	case sqlite3.SQLITE_CORRUPT:
		cause = "the database is damaged"
	case sqlite3.SQLITE_READONLY:
		cause = "it can't be written to, or was not closed properly and its journal must be played back by who may write"
	case sqlite3.SQLITE_CANTOPEN:
		cause = "SQLite must be able to make -wal and -shm beside it"
	default:
		cause = "SQLite gave up"
	}
	return unreadable(path, fmt.Errorf("%s: %w", cause, err))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

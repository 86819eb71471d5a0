package graph

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

// connect returns a pool of one connection. Nothing has been opened yet.
func connect(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// dsn is the address of a database file: mode is ro, rw (never creates) or rwc.
func dsn(path, mode string, busy time.Duration) string {
	return fmt.Sprintf("%s&_pragma=busy_timeout(%d)", fileURI(path, mode), busy.Milliseconds())
}

// fileURI is the address without what only the driver understands.
func fileURI(path, mode string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode}
	return uri.String()
}

// explain says in which way an operation on a database failed. What SQLite gives
// no ground for gets the sentinel ground.
func explain(verb, path string, ground, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s graph %s: %w", verb, path, err)
	}
	cause := ""
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		ground = syscall.ENOSPC
	case sqlite3.SQLITE_READONLY:
		ground, cause = store.ErrUnreachable, "its file or folder can't be written to: "
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		ground, cause = store.ErrUnreachable, "another process holds its lock: "
	case sqlite3.SQLITE_NOTADB:
		ground, cause = store.ErrUnreachable, "it is no SQLite database, or is damaged: "
	case sqlite3.SQLITE_CORRUPT:
		ground, cause = store.ErrUnreadable, "the database is damaged: "
	case sqlite3.SQLITE_CANTOPEN:
		ground, cause = store.ErrUnreachable, "SQLite must be able to make -wal and -shm beside it: "
	}
	return fmt.Errorf("%s graph %s: %w: %s%w", verb, path, ground, cause, err)
}

// code is the primary result code of SQLite, 0 when err is not from it.
func code(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code() & 0xff
}

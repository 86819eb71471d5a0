package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
)

// Code is the primary result code of SQLite, 0 when err is not from it.
func Code(err error) int { return extended(err) & 0xff }

func extended(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code()
}

// Explain says in words that a person can act on what SQLite reports of what the
// store calls its database: "the database". It wraps one ground: syscall.ENOSPC for
// a full disk, store.ErrUnreachable for a lock that another process holds, else the
// caller's; nil is for callers that have none, and gets them the full disk alone.
// What has a ground already stays as it is, and so does the end of a context.
func Explain(what string, err, ground error) error {
	if err == nil || grounded(err) {
		return err
	}
	cause := ""
	if NoRoom(err) {
		ground = syscall.ENOSPC
	}
	switch Code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		cause = "another process holds its lock: "
		if ground != nil {
			ground = store.ErrUnreachable
		}
	case sqlite3.SQLITE_NOTADB:
		cause = "it is no SQLite database, or is damaged: "
	case sqlite3.SQLITE_CORRUPT:
		cause = what + " is damaged: "
	case sqlite3.SQLITE_READONLY:
		cause = "its file or folder can't be written to, or it was not closed properly and its journal must be played back by who may write: "
	case sqlite3.SQLITE_CANTOPEN:
		cause = "SQLite must be able to make -wal and -shm beside it: "
	}
	if ground == nil {
		return fmt.Errorf("%s%w", cause, err)
	}
	return fmt.Errorf("%w: %s%w", ground, cause, err)
}

// NoRoom reports whether a disk is full. SQLite says it of -shm in its own way: that
// must have its room before anything is written to it.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || Code(err) == sqlite3.SQLITE_FULL || extended(err) == sqlite3.SQLITE_IOERR_SHMSIZE
}

// grounded reports whether an error says already why.
func grounded(err error) bool {
	for _, ground := range []error{
		context.Canceled, context.DeadlineExceeded, syscall.ENOSPC,
		store.ErrUnreachable, store.ErrUnreadable, store.ErrAbsent, store.ErrMoved, store.ErrUnfinished,
	} {
		if errors.Is(err, ground) {
			return true
		}
	}
	return false
}

package collections

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// unreachable says why the file at path can't be used. An ended context stays
// what it is: the store isn't to blame.
func unreachable(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("open collections file %s: %w: %w", path, store.ErrUnreachable, explain(err))
}

// unreadable says why a section could not be read.
func unreadable(section memory.Section, err error) error {
	return fmt.Errorf("read %s: %w: %w", section, store.ErrUnreadable, explain(err))
}

// explain puts what SQLite reports into words that an operator can act on.
func explain(err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another process holds its lock: %w", err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is damaged: %w", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("the file or its folder is not writable, which readers need too: %w", err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

package graph

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store/sqlitefile"
)

// breath is how long the lock is free after each transaction on a database that
// others may have open.
const breath = 20 * time.Millisecond

// lockTries is how often to wait for the busy timeout before giving up.
const lockTries = 6

// attach joins the target, which exists, to the stage's connection as live.
func (s *stager) attach(ctx context.Context, mode sqlitefile.Mode) error {
	if err := s.conn.Exec(ctx, "ATTACH ? AS live", sqlitefile.URI(s.path, mode)); err != nil {
		return err
	}
	s.joined = true
	if err := s.conn.Exec(ctx, "PRAGMA live.cache_size = -16384"); err != nil {
		return err
	}
	var err error
	s.tables, err = findTables(ctx, s.conn, "live")
	return err
}

// attachToDelete attaches the target for writing, and lets the look rest: it goes
// on holding the database open, so that closing a connection that could write,
// and did not, is no checkpoint.
func (s *stager) attachToDelete(ctx context.Context, look *look) error {
	if err := look.rest(ctx); err != nil {
		return err
	}
	if err := s.attach(ctx, sqlitefile.ReadWrite); err != nil {
		return err
	}
	// What is deleted must take nothing else with it: references are checked.
	if err := s.conn.Exec(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	return s.leaveLog(ctx)
}

// release lets go of the target. When nothing was written, the look goes last.
func (s *stager) release(ctx context.Context, look *look, wrote bool) error {
	var err error
	if wrote {
		err = look.close()
	}
	if s.joined {
		s.joined = false
		err = errors.Join(err, s.conn.Exec(context.WithoutCancel(ctx), "DETACH live"))
	}
	return errors.Join(err, look.close())
}

// leaveLog leaves the log of a database that others may have open for them to
// checkpoint.
func (s *stager) leaveLog(ctx context.Context) error {
	return s.conn.Exec(ctx, "PRAGMA wal_autocheckpoint = 0")
}

// lock begins a transaction that holds the write lock. SQLite has no queue for
// it: beside a busy writer one wait may be in vain and the next not.
func (s *stager) lock(ctx context.Context) (err error) {
	for range lockTries {
		if err = s.conn.Exec(ctx, "BEGIN IMMEDIATE"); sqlitefile.Code(err) != sqlite3.SQLITE_BUSY {
			return err
		}
	}
	return err
}

// staging says that the temporary database failed. SQLite keeps it in its
// temporary folder: SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp.
func staging(err error) error {
	if sqlitefile.NoRoom(err) {
		return fmt.Errorf("stage graph in the temporary folder: %w: %w", syscall.ENOSPC, err)
	}
	return fmt.Errorf("stage graph: %w", err)
}

// close lets go of the stage, which removes it, and of the target. It may be
// called twice.
func (s *stager) close() error {
	conn := s.conn
	s.conn = nil
	return conn.Close()
}

package graph

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// breath is how long the lock is free after each transaction on a database that
// others may have open.
const breath = 20 * time.Millisecond

// lockTries is how often to wait for the busy timeout before giving up.
const lockTries = 6

// attach joins the target, which exists, to the stage's connection as live. mode
// is ro or rw.
func (s *stager) attach(ctx context.Context, mode string) error {
	if _, err := s.conn.ExecContext(ctx, "ATTACH ? AS live", fileURI(s.path, mode)); err != nil {
		return err
	}
	s.joined = true
	if _, err := s.conn.ExecContext(ctx, "PRAGMA live.cache_size = -16384"); err != nil {
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
	if err := s.attach(ctx, "rw"); err != nil {
		return err
	}
	// What is deleted must take nothing else with it: references are checked.
	if _, err := s.conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
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
		_, detached := s.conn.ExecContext(context.WithoutCancel(ctx), "DETACH live")
		err = errors.Join(err, detached)
	}
	return errors.Join(err, look.close())
}

// leaveLog leaves the log of a database that others may have open for them to
// checkpoint.
func (s *stager) leaveLog(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = 0")
	return err
}

// lock begins a transaction that holds the write lock. SQLite has no queue for
// it: beside a busy writer one wait may be in vain and the next not.
func (s *stager) lock(ctx context.Context) (err error) {
	for range lockTries {
		if _, err = s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); code(err) != sqlite3.SQLITE_BUSY {
			return err
		}
	}
	return err
}

// staging says that the temporary database failed. SQLite keeps it in its
// temporary folder: SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp.
func staging(err error) error {
	if code(err) == sqlite3.SQLITE_FULL {
		return fmt.Errorf("stage graph in the temporary folder: %w: %w", syscall.ENOSPC, err)
	}
	return fmt.Errorf("stage graph: %w", err)
}

// close lets go of the stage, which removes it, and of the target. It may be
// called twice.
func (s *stager) close() error {
	if s.db == nil {
		return nil
	}
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	err = errors.Join(err, s.db.Close())
	s.db, s.conn = nil, nil
	return err
}

// pause lets others at the lock between two transactions: SQLite has no queue,
// and who polls for it would find it taken most of the time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

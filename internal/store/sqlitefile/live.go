package sqlitefile

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// Live is a database of others, opened read-only. Its log is read with it, and
// never checkpointed.
type Live struct {
	*Conn
	Path string
	// alone says that neither -wal nor -shm was there before.
	alone bool
}

// OpenLive opens a database that others may have open. The error is SQLite's own.
func OpenLive(ctx context.Context, path string, busy time.Duration, pragmas ...string) (*Live, error) {
	alone := !Exists(path+"-wal") && !Exists(path+"-shm")
	c, err := Open(ctx, path, ReadOnly, busy, pragmas...)
	if err != nil {
		return nil, err
	}
	return &Live{Conn: c, Path: path, alone: alone}, nil
}

// Close lets go of the database, and takes away the empty -wal and the -shm that
// reading one in WAL mode makes and, being read-only, can't remove. SQLite itself
// does it, as the last of its connections goes: under its own locks, so that a
// process that came meanwhile keeps its files. A log with something in it is never
// touched, for that would be a checkpoint. What can't be tidied is harmless: the
// next process that opens the database takes it over.
func (l *Live) Close() error {
	if l == nil || l.pool == nil {
		return nil
	}
	err := l.Conn.Close()
	if log, missing := os.Stat(l.Path + "-wal"); !l.alone || missing != nil || log.Size() > 0 {
		return err
	}
	ctx := context.Background()
	if last, failed := Open(ctx, l.Path, ReadWrite, 0, "trusted_schema(0)"); failed == nil {
		_ = last.Touch(ctx)
		_ = last.Close()
	}
	return err
}

// CopyTo makes a copy of one moment of the database, a new file that only its owner
// can read. No transaction may be open.
func (l *Live) CopyTo(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return l.Exec(ctx, "VACUUM INTO ?", path)
}

// Lock reports, by its error, whether a database of others can be written to now: it
// takes the write lock and lets go of it. Nothing is written, and no log checkpointed.
func (l *Live) Lock(ctx context.Context, busy time.Duration) error {
	c, err := Open(ctx, l.Path, ReadWrite, busy)
	if err != nil {
		return err
	}
	if err = c.Exec(ctx, "BEGIN IMMEDIATE"); err == nil {
		err = c.Exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return errors.Join(err, c.Close())
}

// Beside are the suffixes of what SQLite keeps beside a database.
func Beside() []string { return []string{"-wal", "-shm", "-journal"} }

// Remove takes away a database of our own and what SQLite left beside it; what
// can't be removed does no harm.
func Remove(path string) {
	for _, suffix := range append(Beside(), "") {
		_ = os.Remove(path + suffix)
	}
}

// Magic begins every database that is not empty (sqlite.org/fileformat2.html).
const Magic = "SQLite format 3\x00"

// IsDatabase reports whether a file begins as a database.
func IsDatabase(f io.ReaderAt) bool {
	head := make([]byte, len(Magic))
	n, _ := f.ReadAt(head, 0)
	return n == len(head) && string(head) == Magic
}

// Exists reports whether a path is taken. What can't be looked at is.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

package opaque

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"keepsake/internal/store/sqlitefile"
)

// held is a database to which nobody else can write now.
//
// It is two connections. The one that holds the lock may write, and if it were
// the last one to go it would checkpoint the log and remove it by its name, which
// may be another database's by then. The other one, that may only read, lets it
// not be the last, and does neither itself.
type held struct {
	reader *sqlitefile.Live
	writer *sqlitefile.Conn
}

// hold takes the write lock. Nothing in this process may open and close the file
// by itself until release: that drops all locks that a process has on it.
func hold(ctx context.Context, path string) (_ *held, err error) {
	h := &held{}
	defer func() {
		if err != nil {
			err = errors.Join(explain(path, err), h.release(false))
		}
	}()
	if h.reader, err = openLive(ctx, path); err != nil {
		return nil, err
	}
	if err = h.reader.Touch(ctx); err != nil {
		return nil, err
	}
	if h.writer, err = sqlitefile.Open(ctx, path, sqlitefile.ReadWrite, busy, untrusted); err != nil {
		return nil, err
	}
	if err = h.writer.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	return h, nil
}

// drop lets go of the database, and touches nothing beside it.
func (h *held) drop() error {
	if h == nil {
		return nil
	}
	err := h.writer.Close() // rolls back, for nothing was written
	if h.reader != nil {
		err = errors.Join(err, h.reader.Conn.Close())
	}
	return err
}

// release lets go of the database. Gone says that it has its name no more.
func (h *held) release(gone bool) error {
	if h == nil || gone {
		return h.drop()
	}
	return errors.Join(h.writer.Close(), h.reader.Close())
}

// contentHeld is content, of a database that is held.
func (f *Files) contentHeld(ctx context.Context, h *held) (c content, err error) {
	temp, err := f.tempDir()
	if err != nil {
		return c, err
	}
	goal := filepath.Join(temp, "copy")
	info, err := os.Stat(h.reader.Path)
	switch {
	case err != nil:
	case info.Size() == 0 && !sqlitefile.Exists(h.reader.Path+"-wal"):
		err = os.WriteFile(goal, nil, 0o600) // as copyDatabase does
	default:
		err = explain(h.reader.Path, h.reader.CopyTo(ctx, goal))
	}
	if err == nil {
		c.sum, c.size, err = digestFile(ctx, goal, true)
	}
	return c, errors.Join(err, os.RemoveAll(temp))
}

package opaque

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// held is a database to which nobody else can write now.
//
// It is two connections. The one that holds the lock may write, and if it were
// the last one to go it would checkpoint the log and remove it by its name, which
// may be another database's by then. The other one, that may only read, lets it
// not be the last, and does neither itself.
type held struct {
	reader *live
	writer *database
}

// hold takes the write lock. Nothing in this process may open and close the file
// by itself until release: that drops all locks that a process has on it.
func hold(ctx context.Context, path string) (_ *held, err error) {
	h := &held{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.release(ctx, false))
		}
	}()
	if h.reader, err = openLive(ctx, path); err != nil {
		return nil, err
	}
	var n int
	if err = h.reader.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil {
		return nil, explain(path, err)
	}
	if h.writer, err = connect(ctx, path, "rw"); err != nil {
		return nil, explain(path, err)
	}
	if err = h.writer.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, explain(path, err)
	}
	return h, nil
}

// drop lets go of the database, and touches nothing beside it.
func (h *held) drop() error {
	if h == nil {
		return nil
	}
	err := h.writer.close() // rolls back, for nothing was written
	if h.reader != nil {
		err = errors.Join(err, h.reader.database.close())
	}
	return err
}

// release lets go of the database. Gone says that it has its name no more.
func (h *held) release(ctx context.Context, gone bool) error {
	if h == nil || h.reader == nil {
		return nil
	}
	err := h.drop()
	if gone {
		return err
	}
	return errors.Join(err, h.reader.close(ctx))
}

// contentHeld is content, of a database that is held.
func (f *Files) contentHeld(ctx context.Context, h *held) (c content, err error) {
	temp, err := f.tempDir()
	if err != nil {
		return c, err
	}
	goal := filepath.Join(temp, "copy")
	info, err := os.Stat(h.reader.path)
	switch {
	case err != nil:
	case info.Size() == 0 && !exists(h.reader.path+"-wal"):
		err = os.WriteFile(goal, nil, 0o600) // as copyDatabase does
	default:
		err = h.reader.copyTo(ctx, goal)
	}
	if err == nil {
		c.sum, c.size, err = digestFile(ctx, goal, true)
	}
	return c, errors.Join(err, os.RemoveAll(temp))
}

package opaque

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// reader reads one file of a session: first into a copy of one moment, then as
// blocks of that. What has been handed on can't be taken back, so a file that is
// written to meanwhile must not be handed on as it comes.
type reader struct {
	*opened
	session *session
	capture memory.Capture
}

func (r *reader) all(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.capture = memory.Capture{StartedAt: r.session.files.config.Now(), Method: "files", Unreadable: []string{}}
		goal := filepath.Join(r.session.temp, "copy")
		rows, err := r.copyTo(ctx, goal)
		if err != nil {
			yield(nil, errors.Join(err, os.RemoveAll(goal)))
			return
		}
		if err := handOn(ctx, goal, yield); err != nil {
			if !errors.Is(err, errStopped) {
				yield(nil, fmt.Errorf("read %s: %w", r.path, err))
			}
			_ = os.Remove(goal) // Close removes what is left
			return
		}
		c := &r.capture
		c.Before, c.Held, c.After, c.EndedAt = rows, rows, rows, r.session.files.config.Now()
		_ = os.Remove(goal)
	}
}

func (r *reader) copyTo(ctx context.Context, goal string) (rows int64, err error) {
	if err := os.RemoveAll(goal); err != nil {
		return 0, err
	}
	if !r.source.SQLite {
		return r.copyFile(ctx, goal)
	}
	r.capture.Method = "sqlite"
	rows, err = copyDatabase(ctx, r.path, goal)
	if err != nil {
		return 0, unreadable(r.path, err)
	}
	return rows, nil
}

// copyDatabase copies the database at path, checks the copy and counts its rows.
// A file without a byte that has no log is a database without tables, kept as
// what it is.
func copyDatabase(ctx context.Context, path, goal string) (rows int64, err error) {
	if info, err := os.Stat(path); err != nil {
		return 0, err
	} else if info.Size() == 0 && !sqlitefile.Exists(path+"-wal") && !sqlitefile.Exists(path+"-journal") {
		return 0, os.WriteFile(goal, nil, 0o600)
	}
	l, err := openLive(ctx, path)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(l.CopyTo(ctx, goal), l.Close()); err != nil {
		return 0, err
	}
	return inspectCopy(ctx, goal)
}

// errShrunk says that a file has fewer bytes than it was seen to have, and does not
// come to rest.
var errShrunk = errors.New("it was cut after the first look at it, and is still being written to")

// copied is how one copy went.
type copied struct {
	size    int64
	settled bool // the file was the same before and after
	short   bool // it has fewer bytes than the first look saw
}

// copyFile copies the file until it was the same before and after. One that has
// become shorter may be in the middle of being written anew: it gets time to come to
// rest, and is taken as it is then. One that is written to all the while is taken as
// it was copied last, and that is said, unless it was cut.
func (r *reader) copyFile(ctx context.Context, goal string) (rows int64, err error) {
	const tries = 4
	var c copied
	for try := range tries {
		if c, err = r.copyOnce(ctx, goal); err != nil {
			return 0, unreadable(r.path, err)
		}
		if c.settled && !c.short {
			return min(c.size, 1), nil
		}
		if c.short && try < tries-1 {
			if err := store.Pause(ctx, time.Duration(try+1)*50*time.Millisecond); err != nil {
				return 0, err
			}
		}
	}
	finding := memory.Finding{
		Level: memory.Warning, Code: "changed-while-read", Section: r.section, File: r.path,
		Message: "it changed while it was read, each time: its parts may be of different moments",
		Hint:    "back it up again when nobody writes to it",
	}
	switch {
	case c.settled:
		finding.Level, finding.Code, finding.Hint = memory.Note, "shorter-than-seen", ""
		finding.Message = fmt.Sprintf("it was cut from %d bytes to %d after the first look at it", r.size, c.size)
	case c.short:
		return 0, unreadable(r.path, errShrunk)
	}
	r.session.findings = append(r.session.findings, finding)
	return min(c.size, 1), nil
}

// copyOnce copies the bytes that the file has now.
func (r *reader) copyOnce(ctx context.Context, goal string) (c copied, err error) {
	before, err := r.file.Stat()
	if err != nil {
		return c, err
	}
	out, err := os.OpenFile(goal, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return c, err
	}
	err = blocks(ctx, io.NewSectionReader(r.file, 0, before.Size()), func(p []byte) error {
		n, err := out.Write(p)
		c.size += int64(n)
		return err
	})
	if err = errors.Join(err, out.Close()); err != nil {
		return c, err
	}
	r.session.files.copied()
	after, err := r.file.Stat()
	if err != nil {
		return c, err
	}
	c.short = min(c.size, after.Size()) < r.size
	c.settled = c.size == before.Size() && same(before, after)
	return c, nil
}

func same(a, b fs.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }

var errStopped = errors.New("the reader wants no more")

// handOn yields a file as blocks.
func handOn(ctx context.Context, path string, yield func(memory.Record, error) bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return blocks(ctx, file, func(p []byte) error {
		if !yield(p, nil) {
			return errStopped
		}
		return nil
	})
}

package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
)

// nowhere is the file system of a bundle that is only tried: it takes all and keeps
// nothing. A name that the disk of root would not take is refused as it would.
type nowhere struct{ root string }

// Create implements FS.
func (n nowhere) Create(path string, _ fs.FileMode) (atomicfile.Handle, error) {
	if err := n.fits(path); err != nil {
		return nil, err
	}
	return gone{}, nil
}

// fits asks the disk for each part of a path: it doesn't look for what it can't have.
func (n nowhere) fits(path string) error {
	rel, err := filepath.Rel(n.root, path)
	if err != nil {
		return err
	}
	at := n.root
	for parent := filepath.Dir(at); at != parent; at, parent = parent, filepath.Dir(parent) {
		if _, err := os.Lstat(at); err == nil {
			break
		}
	}
	for _, part := range strings.Split(rel, string(filepath.Separator)) {
		if _, err := os.Lstat(filepath.Join(at, part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "open", Path: path, Err: errors.Unwrap(err)}
		}
	}
	return nil
}

// Mkdir implements FS.
func (nowhere) Mkdir(string, fs.FileMode) error { return nil }

// Rename implements FS.
func (nowhere) Rename(string, string) error { return nil }

// RenameNoReplace implements FS.
func (nowhere) RenameNoReplace(string, string) error { return nil }

// RemoveAll implements FS.
func (nowhere) RemoveAll(string) error { return nil }

// SyncDir implements FS.
func (nowhere) SyncDir(string) error { return nil }

// gone is a file of nowhere.
type gone struct{}

// Write implements io.Writer.
func (gone) Write(p []byte) (int, error) { return len(p), nil }

// Sync implements atomicfile.Handle.
func (gone) Sync() error { return nil }

// Close implements atomicfile.Handle.
func (gone) Close() error { return nil }

// eachRecord passes records on with their number, from 1.
func eachRecord(ctx context.Context, records iter.Seq2[memory.Record, error], do func(n int64, line []byte) error) error {
	n := int64(0)
	for row, err := range records {
		n++
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read row %d: %w", n, err)
		}
		if err := do(n, row); err != nil {
			return err
		}
	}
	return ctx.Err()
}

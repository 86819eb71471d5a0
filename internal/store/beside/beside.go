// Package beside writes a file beside the one whose place it takes: hidden, with
// the owner and the mode of that one, on disk before it gets the name. It is what
// the stores that keep files share.
package beside

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/atomicfile"
)

// File is a new file that is written beside a live one, to take its place. No
// reading takes it: its name is hidden.
type File struct {
	FS    atomicfile.FS
	Path  string // of the live file, links resolved
	Temp  string
	made  []string // folders that were made for it, the deepest first
	there bool     // it is ours to remove
	Moved bool     // it has its name

	handle atomicfile.Handle
	w      *bufio.Writer
	// Sum is of what was written.
	Sum hash.Hash
}

// New returns a file beside the one at path, whose links are resolved. Tag becomes
// part of its name; nothing has been written yet.
func New(fsys atomicfile.FS, path, tag string) *File {
	dir, base := filepath.Split(path)
	return &File{FS: fsys, Path: path, Temp: filepath.Join(dir, "."+base+"."+tag+".tmp"), Sum: sha256.New()}
}

// Create makes the file, as one of the same owner and mode as the live one; nil
// when there is none. What an earlier try left is taken away.
func (b *File) Create(live fs.FileInfo) (err error) {
	dir := filepath.Dir(b.Path)
	b.made = missing(dir)
	if err := atomicfile.MkdirAll(b.FS, dir, 0o755); err != nil {
		return err
	}
	if err := b.clear(); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if live != nil {
		mode = 0o600 // until it is the owner's
	}
	if b.handle, err = b.FS.Create(b.Temp, mode); err != nil {
		return err
	}
	b.there = true
	b.w = bufio.NewWriterSize(b.handle, 256<<10)
	return b.Adopt(live)
}

// clear removes a file that has the name of ours: an earlier try's.
func (b *File) clear() error {
	info, err := os.Lstat(b.Temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file but %s", b.Temp, Kind(info.Mode()))
	}
	if err != nil {
		return err
	}
	return b.FS.RemoveAll(b.Temp)
}

// missing lists dir and the folders above it that aren't there.
func missing(dir string) (folders []string) {
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return folders
		}
		folders = append(folders, dir)
		dir = filepath.Dir(dir)
	}
}

// Adopt gives the file the owner and the mode of the live one.
func (b *File) Adopt(live fs.FileInfo) error {
	if live == nil {
		return nil
	}
	if err := adoptOwner(b.Temp, live); err != nil {
		return fmt.Errorf("keep owner: %w", Bare(err))
	}
	const kept = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if err := os.Chmod(b.Temp, live.Mode()&kept); err != nil { // after the owner, which takes bits off
		return fmt.Errorf("keep mode: %w", Bare(err))
	}
	return nil
}

// Write implements io.Writer.
func (b *File) Write(p []byte) (int, error) {
	b.Sum.Write(p) // a hash takes all
	return b.w.Write(p)
}

// Sync makes what was written durable.
func (b *File) Sync() error {
	if err := b.w.Flush(); err != nil {
		return err
	}
	return b.handle.Sync()
}

// Close closes what is being written. It may be called twice.
func (b *File) Close() error {
	if b.handle == nil {
		return nil
	}
	h := b.handle
	b.handle = nil
	return h.Close()
}

// Take takes the place of the file that has the name. The name is durable after
// Settle.
func (b *File) Take() error {
	if err := b.FS.Rename(b.Temp, b.Path); err != nil {
		return err
	}
	b.Moved = true
	return nil
}

// Anew takes the name where nothing has it: fs.ErrExist otherwise.
func (b *File) Anew() error {
	err := b.FS.RenameNoReplace(b.Temp, b.Path)
	b.Moved = err == nil
	return err
}

// Settle makes the name durable.
func (b *File) Settle() error { return b.FS.SyncDir(filepath.Dir(b.Path)) }

// Discard removes the file unless it took its place, and the folders that were
// made for it if nothing came into them. It may be called twice.
func (b *File) Discard() error {
	err := b.Close()
	if b.Moved {
		return err
	}
	if b.there {
		if err := b.FS.RemoveAll(b.Temp); err != nil {
			return err
		}
	}
	for _, dir := range b.made {
		_ = os.Remove(dir) // one that is not empty stays
	}
	b.made = nil
	return err
}

// Package atomicfile writes files that are there whole or not at all: beside the
// goal, fsync, rename, fsync of the parent. Its FS is the seam through which
// tests make each of those steps fail.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrAborted is returned by a File that was aborted or has failed.
var ErrAborted = errors.New("file was aborted")

// File is written beside its goal and takes its place at Commit. It is used by
// one goroutine.
type File struct {
	fsys       FS
	handle     Handle
	temp, goal string
	err        error // the first failure; it also ends the file
	committed  bool
}

// CreateOn starts to write the file at path, whose directory exists. Until Commit
// the old file, or none, stands there. perm is before umask.
func CreateOn(fsys FS, path string, perm fs.FileMode) (*File, error) {
	dir, base := filepath.Split(path)
	temp := filepath.Join(dir, "."+base+"."+rand.Text()[:8]+".tmp")
	handle, err := fsys.Create(temp, perm)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &File{fsys: fsys, handle: handle, temp: temp, goal: path}, nil
}

// Write implements io.Writer. After an error the file can only be aborted.
func (f *File) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.handle.Write(p)
	if err == nil && n < len(p) {
		err = fmt.Errorf("write %s: %w", f.goal, io.ErrShortWrite)
	}
	f.err = err
	return n, err
}

// Commit makes the file durable under its name and replaces what was there. An
// error means that the old file stands, but for one: when the last step fails,
// the sync of the directory, the new one stands and may not survive a crash.
func (f *File) Commit() error {
	if f.committed {
		return nil
	}
	if err := f.commit(); err != nil {
		return errors.Join(fmt.Errorf("commit %s: %w", f.goal, err), f.Abort())
	}
	return nil
}

func (f *File) commit() error {
	if f.err != nil {
		return f.err
	}
	if err := f.handle.Sync(); err != nil {
		return err
	}
	err := f.handle.Close()
	f.handle = nil
	if err != nil {
		return err
	}
	if err := f.fsys.Rename(f.temp, f.goal); err != nil {
		return err
	}
	f.committed = true
	return f.fsys.SyncDir(filepath.Dir(f.goal))
}

// Abort removes what was written and leaves the goal as it is. It is harmless
// after Commit, and twice.
func (f *File) Abort() error {
	if f.committed {
		return nil
	}
	if f.err == nil {
		f.err = ErrAborted
	}
	if f.handle != nil {
		_ = f.handle.Close() // what it holds is thrown away
		f.handle = nil
	}
	return f.fsys.RemoveAll(f.temp)
}

// WriteFile writes data to path, whole or not at all, and durably.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return WriteFileOn(System{}, path, data, perm)
}

// WriteFileOn is WriteFile on another file system.
func WriteFileOn(fsys FS, path string, data []byte, perm fs.FileMode) error {
	f, err := CreateOn(fsys, path, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), f.Abort())
	}
	return f.Commit()
}

// MkdirAll makes a directory and the parents that it lacks, durably: each new
// name is synced in its parent. One that exists is no error.
func MkdirAll(fsys FS, path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if err := MkdirAll(fsys, parent, perm); err != nil {
		return err
	}
	if err := fsys.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

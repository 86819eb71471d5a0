package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is the steps by which a file system is changed. It is a seam: System takes
// them for real, package faulty takes them until told to fail. Every error
// wraps the system's own, so errors.Is(err, syscall.ENOSPC) holds.
type FS interface {
	// Create makes a new file and opens it for writing; perm is before umask.
	// It never opens one that exists: fs.ErrExist. A perm without write bits
	// makes a file that this handle alone can write.
	Create(path string, perm fs.FileMode) (Handle, error)
	// Mkdir makes one directory. fs.ErrExist when the name is taken.
	Mkdir(path string, perm fs.FileMode) error
	// Rename renames a file, replacing one that has the new name.
	Rename(from, to string) error
	// RenameNoReplace renames a file or directory. fs.ErrExist when the new name
	// is taken, and nothing has changed then.
	RenameNoReplace(from, to string) error
	// RemoveAll removes path and all below it; one that isn't there is no error.
	RemoveAll(path string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
}

// Handle is a file that is being written. Sync may be called beside Write from
// another goroutine: it then covers what was written before it began.
type Handle interface {
	io.Writer
	Sync() error
	Close() error
}

// System is the real file system.
type System struct{}

// Create implements FS.
func (System) Create(path string, perm fs.FileMode) (Handle, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err // a typed nil *os.File would not equal nil
	}
	return f, nil
}

// Mkdir implements FS.
func (System) Mkdir(path string, perm fs.FileMode) error { return os.Mkdir(path, perm) }

// Rename implements FS.
func (System) Rename(from, to string) error { return os.Rename(from, to) }

// RenameNoReplace implements FS.
func (System) RenameNoReplace(from, to string) error { return renameNoReplace(from, to) }

// RemoveAll implements FS.
func (System) RemoveAll(path string) error { return os.RemoveAll(path) }

// SyncDir implements FS. A file system that has no way to sync a directory
// (EINVAL, ENOTSUP: some network and user-space ones) is no error: there is
// nothing more that could be done on it.
func (System) SyncDir(path string) error {
	err := syncDir(path)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// SyncDir makes the names in a directory durable on the real file system.
func SyncDir(path string) error { return System{}.SyncDir(path) }

// RenameNoReplace renames from to to on the real file system and fails with
// fs.ErrExist when to is taken. It does not sync the parent.
func RenameNoReplace(from, to string) error { return System{}.RenameNoReplace(from, to) }

// renameChecked looks first and renames then, for file systems that cannot do
// both at once. The gap is harmless for a directory that isn't empty: rename(2)
// never replaces one.
func renameChecked(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return linkError(from, to, syscall.EEXIST)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at new name: %w", err)
	}
	return os.Rename(from, to)
}

func linkError(from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

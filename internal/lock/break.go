package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Break removes the owners of a lock whom nobody here can judge, on the word of
// an operator who can, and returns them; one that can't be read is the zero
// Owner. Of the options it takes Path, Me and Alive. When a process of this
// machine holds the lock the error is a *HeldError, and nothing is removed. A lock
// that nobody holds, or that was never made, is no error.
func Break(opts Options) ([]Owner, error) {
	if absent(opts.Path) && absent(folder(opts.Path)) {
		return nil, nil
	}
	kernel, err := tryKernel(opts.Path, Exclusive)
	if err != nil {
		return nil, fmt.Errorf("break lock %s: %w", opts.Path, err)
	}
	all, err := readEntries(opts.Path)
	switch {
	case err != nil:
	case kernel == nil:
		err = &HeldError{Path: opts.Path, Owners: owners(all)}
	default:
		err = breakAll(opts, all)
	}
	if kernel != nil {
		err = errors.Join(err, kernel.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("break lock %s: %w", opts.Path, err)
	}
	return owners(all), nil
}

// breakAll removes the owner files, those half written too, or none.
func breakAll(opts Options, all []entry) error {
	var alive []Owner
	for _, e := range all {
		if judge(e.owner, opts) == live {
			alive = append(alive, e.owner)
		}
	}
	if len(alive) > 0 {
		return &HeldError{Path: opts.Path, Owners: alive}
	}
	return errors.Join(removeEntries(all), removeTemps(opts.Path))
}

func removeTemps(path string) error {
	files, err := os.ReadDir(folder(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	failed := []error{err}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), tempPrefix) {
			failed = append(failed, removeFile(filepath.Join(folder(path), f.Name())))
		}
	}
	return errors.Join(failed...)
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Erase lets go of a lock that is held alone and takes its files away, for a run that
// leaves nothing behind. Where others have written down that they hold it, the files
// stay. Who waits for the file that is gone makes a new one.
func (l *Lock) Erase() error {
	if l == nil || l.kernel == nil {
		return nil
	}
	path, entry := l.kernel.Path(), l.entry
	l.entry = ""
	err := removeFile(entry)
	if os.Remove(folder(path)) == nil { // it is empty
		err = errors.Join(err, removeFile(path))
	}
	return errors.Join(err, l.Release())
}

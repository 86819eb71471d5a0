package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// existingFolder goes up to the deepest part of a path that is there, and wants a folder.
func existingFolder(path string) (string, error) {
	for {
		info, err := os.Stat(path)
		parent := filepath.Dir(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && parent != path:
			path = parent
			continue
		case err == nil && !info.IsDir():
			err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return path, err
	}
}

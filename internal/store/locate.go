package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Locate resolves the links of path, as a locator wants it. Info is nil when
// there is nothing; then the links of the deepest folder that exists are
// resolved. A link to nothing is an error, not an absent file: what it led to
// may be on a disk that is missing.
func Locate(path string) (resolved string, info fs.FileInfo, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return path, nil, err
	}
	info, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return path, nil, errors.New("it is a link to nothing")
		}
		resolved, err = resolveParent(path)
		return resolved, nil, err
	}
	if err != nil {
		return path, nil, err
	}
	resolved, err = filepath.EvalSymlinks(path)
	return resolved, info, err
}

func resolveParent(path string) (string, error) {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	resolved, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != path {
		resolved, err = resolveParent(dir)
	}
	return filepath.Join(resolved, name), err
}

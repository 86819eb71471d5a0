package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// roomFor refuses what would not fit on the disk of dir, by its estimate. A disk
// that doesn't say how much is free is no reason.
func roomFor(dir string, need int64, what string) error {
	dir = existing(dir)
	disk, err := diskOf(dir)
	if err != nil || disk.Free >= need {
		return nil
	}
	return fail(exitNoRoom, fmt.Errorf("no room for %s: it needs about %s, and %s are free on the disk of %s",
		what, size(need), size(disk.Free), dir), "make room there; nothing was written")
}

// existing returns the deepest folder of a path that is there.
func existing(path string) string {
	for {
		_, err := os.Stat(path)
		if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
			path = parent
			continue
		}
		return path
	}
}

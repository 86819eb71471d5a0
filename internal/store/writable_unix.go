//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// Writable reports, by its error, whether this user can make files in a folder. It
// makes none. Of one that isn't there the deepest part is looked at that is.
func Writable(dir string) error {
	dir, err := existingFolder(dir)
	if err != nil {
		return err
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

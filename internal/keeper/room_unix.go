//go:build unix

package keeper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"keepsake/internal/restore"
)

// diskOf tells of the disk that path is on, and what this user may still write to it.
func diskOf(path string) (restore.Disk, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return restore.Disk{}, err
	}
	var file unix.Stat_t
	if err := unix.Stat(path, &file); err != nil {
		return restore.Disk{}, err
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // the types differ between systems
	return restore.Disk{ID: fmt.Sprint(file.Dev), Free: free}, nil
}

package keeper

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"keepsake/internal/restore"
)

// diskOf tells of the disk that path is on, and what this user may still write to
// it. A folder that another disk is mounted at is taken for a folder.
func diskOf(path string) (restore.Disk, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return restore.Disk{}, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return restore.Disk{}, err
	}
	return restore.Disk{ID: strings.ToUpper(filepath.VolumeName(path)), Free: int64(free)}, nil
}

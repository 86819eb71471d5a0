//go:build unix

package memoryid

import (
	"io/fs"
	"syscall"
)

// identify returns the device and inode of a folder.
func identify(info fs.FileInfo) (device, inode uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	//nolint:unconvert // the types differ between systems
	return uint64(stat.Dev), uint64(stat.Ino)
}

//go:build unix

package beside

import (
	"io/fs"
	"os"
	"syscall"
)

// RenamesOverOpen says that a name can be given to another file while the one that had it
// is open.
const RenamesOverOpen = true

// adoptOwner gives path the owner and the group of live, where they differ.
func adoptOwner(path string, live fs.FileInfo) error {
	now, err := os.Lstat(path)
	if err != nil {
		return err
	}
	is, ok := now.Sys().(*syscall.Stat_t)
	want, wanted := live.Sys().(*syscall.Stat_t)
	if !ok || !wanted || is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	return os.Lchown(path, int(want.Uid), int(want.Gid))
}

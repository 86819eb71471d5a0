package guard

import "golang.org/x/sys/unix"

// mountOf returns the id of the mount that path is on, 0 when the kernel (before
// 5.8) doesn't say. A folder bound over one in /tmp has the device of /tmp when
// both are on one file system; only the mount tells them apart.
func mountOf(path string) uint64 {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &stat)
	if err != nil || stat.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return stat.Mnt_id
}

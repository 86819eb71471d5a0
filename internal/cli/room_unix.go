//go:build unix

package cli

import "golang.org/x/sys/unix"

// freeBytes is what this user may still write to the disk that path is on.
func freeBytes(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}

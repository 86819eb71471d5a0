package cli_test

import (
	"syscall"
	"testing"
)

// bind makes a folder be there under another path as well, as a container sees one of
// its host.
func bind(t *testing.T, dir, at string) {
	t.Helper()
	if err := syscall.Mount(dir, at, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
}

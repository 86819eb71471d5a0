package bundle_test

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

// A real disk of 64 MiB that fills up. The older bundle on it stays as it is,
// and once there is room the next backup succeeds.
func TestRealFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no leave to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	opts := options(t, filepath.Join(root, "backups"))
	opts.Now = at(t, olderTime)
	if _, err := write(opts, sampleParts()[:1], nil); err != nil {
		t.Fatal(err)
	}
	before := bundletest.State(t, opts.Root)
	opts.Now = at(t, sampleTime)
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(context.Background(), memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, big(7000))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want ENOSPC", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if got := bundletest.State(t, opts.Root); got != before {
		t.Errorf("root holds %v", bundletest.Names(t, opts.Root))
	}
	if _, err := write(opts, sampleParts(), nil); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

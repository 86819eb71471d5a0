package graph_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// TestNoRoom merges into a database on a disk that is too small for it.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	result, err := newGraph(path).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
		records(storetest.Graph("a", 20000)), store.MergeOptions{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	rows, _ := read(t, path)
	if int64(len(rows)) != 30+result.Added {
		t.Errorf("got %d rows, want those that lived and the %d that were added", len(rows), result.Added)
	}
}

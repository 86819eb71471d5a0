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

// small makes a folder on a disk of 2 MiB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestNoRoom merges into a database on a disk that is too small for it.
func TestNoRoom(t *testing.T) {
	path := filepath.Join(small(t), "memory.sqlite")
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

// TestNoRoomToReplace: a graph that does not fit is not there by halves.
func TestNoRoomToReplace(t *testing.T) {
	path := filepath.Join(small(t), "memory.sqlite")
	rows := storetest.Graph("a", 30)
	put(t, live(t, path), rows)
	s, leave := stage(t, newGraph(path), records(storetest.Graph("b", 20000))), permit(t, path)
	if _, err := s.Commit(t.Context(), leave, records(rows)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	wantContent(t, path, rows)
}

package flat_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// TestNoRoom appends to a log on a disk that is too small for it: what is in is
// whole lines, as many as were counted.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "mail.jsonl")
	write(t, path, "live\n")
	var lines []string
	for i := range 5000 {
		lines = append(lines, fmt.Sprint(i, " ", strings.Repeat("x", 1000)))
	}
	result, err := newFiles(logFile(path)).Merge(t.Context(), memory.SectionSpec{Name: memory.MailboxSentToCull},
		records(lines...), store.MergeOptions{})
	if !errors.Is(err, syscall.ENOSPC) || result.Added == 0 {
		t.Errorf("got %+v, %v, want some lines and ENOSPC", result, err)
	}
	want := "live\n" + strings.Join(lines[:result.Added], "\n") + "\n"
	if got := content(t, path); got != want {
		t.Errorf("got %d bytes that end in %q, want %d", len(got), got[max(0, len(got)-20):], len(want))
	}

	other := filepath.Join(dir, "new.jsonl")
	_, err = newFiles(logFile(other)).Merge(t.Context(), memory.SectionSpec{Name: memory.MailboxSentToCull},
		records(lines...), store.MergeOptions{})
	if got := state(t, dir); !errors.Is(err, syscall.ENOSPC) || strings.Contains(got, "new") {
		t.Errorf("got %v, files %s, want ENOSPC and no other file", err, got)
	}
}

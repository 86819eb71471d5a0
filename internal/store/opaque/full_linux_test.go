package opaque_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
	"keepsake/internal/store/storetest"
)

// TestFullDisk: where the folder for copies is full, a database is not one that can't be
// read, so nothing goes on without having read it: no reading, no replace.
func TestFullDisk(t *testing.T) {
	temp := t.TempDir()
	if err := syscall.Mount("none", temp, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(temp, 0); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	closed(t, make3(t, path, "DELETE", fmt.Sprintf("%03000000d", 7)))
	write(t, filepath.Join(dir, "notes", "long"), fmt.Sprintf("%03000000d", 7))
	f := opaque.New(opaque.Config{
		Sources: []opaque.Source{database(dir), plain(filepath.Join(dir, "notes"))}, TempDir: temp, Now: time.Now,
	})
	full := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: got %v, want ENOSPC alone", what, err)
		}
		if left := storetest.Names(t, temp); left != "" {
			t.Errorf("%s: left %s", what, left)
		}
	}
	_, _, err := read(t, f, appDB)
	full("read a database", err)
	_, _, err = read(t, f, "notes/long")
	full("read a file", err)
	spec, text := newer(t, "new")
	_, err = replace(t, f, spec, text, nil)
	full("replace", err)
	if got := storetest.Names(t, dir); got != "app.db notes" {
		t.Errorf("got %s, want the live files alone", got)
	}
	if got := rowsOf(t, path); len(got) != 3_000_004 {
		t.Errorf("got %d bytes of rows", len(got))
	}
}

//go:build unix

package flat_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReplaceKeepsModeAndOwner: what a run by root makes belongs to the one whose
// file it was.
func TestReplaceKeepsModeAndOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\n")
	owner := os.Geteuid()
	if owner == 0 {
		owner = 12345
	}
	if err := os.Chown(path, owner, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	files := logOn(path, nil)
	replace(t, files, log, path, records("a"), "b", "c")
	wantOwner(t, path, owner)
	if _, _, err := remove(t, files, log, records("b")); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, path, owner)
}

// TestReplaceKeepsTheModeOfNow: the live file's mode may change once it is staged.
func TestReplaceKeepsTheModeOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\n")
	files := logOn(path, nil)
	permit, staged := leave(t, files, log), stage(t, files, log, "new")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := staged.Commit(t.Context(), permit, records("a")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
}

func wantOwner(t *testing.T, path string, owner int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o640|os.ModeSetgid {
		t.Errorf("got mode %v, want it kept", got)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != owner {
		t.Errorf("got owner %+v, want %d", info.Sys(), owner)
	}
}

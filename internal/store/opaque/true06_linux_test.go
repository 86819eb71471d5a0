package opaque_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// TestTrue_06_OneFolder: a folder that can't be opened is told of by itself, and a file
// that can't be is listed: the others are read.
func TestTrue_06_OneFolder(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir := t.TempDir()
	for _, name := range []string{"a.md", "b.md", "shut/c.md"} {
		write(t, filepath.Join(dir, name), "text")
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if at != os.TempDir() && at != "/" {
			_ = os.Chmod(at, 0o755)
		}
	}
	err := errors.Join(os.Chmod(filepath.Join(dir, "a.md"), 0o644), os.Chmod(filepath.Join(dir, "b.md"), 0o600), os.Chmod(filepath.Join(dir, "shut"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	all := files(t, plain(dir))
	session := openAs(t, 65534, func() (store.Session, error) { return all.Open(t.Context(), nil) })
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 2 || specs[0].Rows != 1 || specs[1].Rows != -1 {
		t.Errorf("got %+v, %v, want a.md of 1 row and b.md of -1", specs, err)
	}
	if err := store.Refused(t.Context(), session, memory.SectionSpec{Name: "notes/b.md", Rows: -1}); !errors.Is(err, store.ErrUnreadable) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v of b.md, want ErrUnreadable for its mode", err)
	}
	unlisted := session.(store.Partial).Unlisted()
	if len(unlisted) != 1 || !errors.Is(unlisted[0], fs.ErrPermission) {
		t.Errorf("got %v unlisted, want the folder shut", unlisted)
	}
}

// openAs opens a session as another user sees the files.
func openAs(t *testing.T, user int, open func() (store.Session, error)) store.Session {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(user); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setfsuid(0) }() // it was 0
	session, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return session
}

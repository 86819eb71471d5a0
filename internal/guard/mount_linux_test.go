package guard_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// bind mounts source over goal until the test ends.
func bind(t *testing.T, source, goal string) {
	t.Helper()
	if err := unix.Mount(source, goal, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(goal, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", goal, err)
		}
	})
}

// A folder of elsewhere that is mounted under /tmp is elsewhere, although its
// path says /tmp and, here, its device does too. A folder that holds such a
// mount must not go either: removing it would remove what is mounted.
func TestMountUnderTmpIsElsewhere(t *testing.T) {
	away, temp := elsewhere(t), scratch(t)
	write(t, "x", away, "g.sqlite")
	mounted := folder(t, temp, "mounted")
	bind(t, away, mounted)
	file := write(t, "y", temp, "over", "file.sqlite")
	bind(t, filepath.Join(away, "g.sqlite"), file)
	empty := folder(t, temp, "empty", "mounted")
	bind(t, folder(t, away, "nothing"), empty)
	for name, c := range map[string]struct{ kind, path string }{
		"file":              {memory.KindGraph, filepath.Join(mounted, "g.sqlite")},
		"new file":          {memory.KindGraph, filepath.Join(mounted, "new.sqlite")},
		"the mount":         {memory.KindFiles, mounted},
		"around it":         {memory.KindFiles, temp},
		"mounted file":      {memory.KindGraph, file},
		"around the file":   {memory.KindFiles, filepath.Dir(file)},
		"around a void one": {memory.KindFiles, filepath.Dir(empty)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newBench(t).ask(t, requestFor(at(c.kind, c.path)))
			wantRefused(t, err, guard.Production, guard.ErrNoToken)
		})
	}
	t.Run("beside it", func(t *testing.T) {
		req := requestFor(at(memory.KindGraph, write(t, "x", temp, "g.sqlite")))
		permit, err := newBench(t).ask(t, req)
		wantAllowed(t, permit, err, guard.Disposable, req)
	})
}

// What was mounted over the target since the decision is another target.
func TestMountSinceTheDecision(t *testing.T) {
	away, temp := elsewhere(t), scratch(t)
	path := folder(t, temp, "folder")
	permit, req := permitFor(t, memory.KindFiles, path)
	bind(t, away, path)
	if err := permit.Covers(req.Operation, req.Target.Locator()); err == nil {
		t.Error("the permit covers what was mounted over its target")
	}
	if err := os.WriteFile(filepath.Join(away, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The text of a magic link isn't where it leads: of a file that was removed it
// says "name (deleted)", which may be the name of another.
func TestMagicLinkIsUnknown(t *testing.T) {
	temp := scratch(t)
	for name, decoy := range map[string]bool{"nothing has that name": false, "another file has it": true} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "x", temp, name)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			remove(t, path)
			if decoy {
				write(t, "x", path+" (deleted)")
			}
			_, err = newBench(t).allow().ask(t, requestFor(at(memory.KindGraph, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))))
			wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
		})
	}
}

// A disk without room leaves no half file, and no log that can't be gone on with.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4096"); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	torn := write(t, strings.Repeat("x", os.Getpagesize()), dir, "audit.jsonl")
	ledger := guard.DirLedger{Dir: dir}
	if err := ledger.Create("name", []byte("value")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Create: %v, want no space", err)
	}
	if _, err := ledger.Read("name"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read: %v, want that nothing was left", err)
	}
	if a, err := guard.OpenAudit(torn); !errors.Is(err, unix.ENOSPC) || a != nil {
		t.Errorf("OpenAudit: %v, want no space", err)
	}
}

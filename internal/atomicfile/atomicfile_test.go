package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/atomicfile"
	"keepsake/internal/atomicfile/faulty"
)

const before, after = "what was there", "what comes"

// folder returns a directory that holds one file, and the path of that file.
func folder(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "file.json")
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestCommitReplaces(t *testing.T) {
	dir, path := folder(t)
	f, err := atomicfile.CreateOn(atomicfile.System{}, path, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	if _, err := f.Write([]byte(after)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != before {
		t.Errorf("before Commit the file holds %q, want %q", got, before)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Errorf("second Commit: %v", err)
	}
	if got := read(t, path); got != after {
		t.Errorf("file holds %q, want %q", got, after)
	}
	if got := names(t, dir); got != "file.json" {
		t.Errorf("directory holds %q", got)
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := atomicfile.WriteFile(path, []byte(after), 0o400); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o400 {
		t.Errorf("mode is %o, want 400", got)
	}
}

func TestAbortLeavesTheOldFile(t *testing.T) {
	dir, path := folder(t)
	f, err := atomicfile.CreateOn(atomicfile.System{}, path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(after)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Commit(); !errors.Is(err, atomicfile.ErrAborted) {
		t.Errorf("Commit after Abort: %v, want ErrAborted", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, atomicfile.ErrAborted) {
		t.Errorf("Write after Abort: %v, want ErrAborted", err)
	}
	if got := read(t, path); got != before {
		t.Errorf("file holds %q, want %q", got, before)
	}
	if got := names(t, dir); got != "file.json" {
		t.Errorf("directory holds %q", got)
	}
}

// Every step of WriteFile fails in turn: the error says why, the old file stands
// (but when only the directory's sync failed), and nothing lies beside it.
func TestWriteFileFailsAtEveryStep(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for k := 1; ; k++ {
			dir, path := folder(t)
			var failed faulty.Op
			fsys := faulty.New(func(s faulty.Step) faulty.Fault {
				if s.N != k {
					return faulty.Fault{}
				}
				failed = s.Op
				return faulty.Fault{Err: cause, Partial: true}
			})
			err := atomicfile.WriteFileOn(fsys, path, []byte(after), 0o600)
			if failed == "" {
				if err != nil || k < 5 {
					t.Fatalf("no step failed, k = %d, error %v", k, err)
				}
				break
			}
			if !errors.Is(err, cause) {
				t.Errorf("%s: error is %v, want %v", failed, err, cause)
			}
			want := before
			if failed == faulty.SyncDir {
				want = after
			}
			if got := read(t, path); got != want {
				t.Errorf("%s: file holds %q, want %q", failed, got, want)
			}
			if got := names(t, dir); got != "file.json" {
				t.Errorf("%s: directory holds %q", failed, got)
			}
		}
	}
}

func TestKilledWriteFileIsOldOrNew(t *testing.T) {
	for k := 1; k <= 7; k++ {
		_, path := folder(t)
		_ = atomicfile.WriteFileOn(faulty.New(faulty.KillAt(k)), path, []byte(after), 0o600)
		if got := read(t, path); got != before && got != after {
			t.Errorf("killed at step %d: file holds %q", k, got)
		}
	}
}

func TestRenameNoReplace(t *testing.T) {
	for _, kind := range []string{"free", "file", "empty directory", "full directory"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
			if err := os.MkdirAll(filepath.Join(from, "inner"), 0o700); err != nil {
				t.Fatal(err)
			}
			var err error
			switch kind {
			case "file":
				err = os.WriteFile(to, nil, 0o600)
			case "empty directory":
				err = os.Mkdir(to, 0o700)
			case "full directory":
				err = os.MkdirAll(filepath.Join(to, "other"), 0o700)
			}
			if err != nil {
				t.Fatal(err)
			}
			err = atomicfile.RenameNoReplace(from, to)
			_, stat := os.Stat(filepath.Join(to, "inner"))
			if kind == "free" {
				if err != nil || stat != nil {
					t.Fatalf("rename onto a free name: %v, %v", err, stat)
				}
				return
			}
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("error is %v, want fs.ErrExist", err)
			}
			if stat == nil {
				t.Error("the taken name was replaced")
			}
			if _, err := os.Stat(filepath.Join(from, "inner")); err != nil {
				t.Errorf("what was to be renamed is gone: %v", err)
			}
		})
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c")
	var synced []string
	fsys := faulty.New(func(s faulty.Step) faulty.Fault {
		if s.Op == faulty.SyncDir {
			synced = append(synced, filepath.Base(s.Path))
		}
		return faulty.Fault{}
	})
	for range 2 {
		if err := atomicfile.MkdirAll(fsys, path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(synced, " "), filepath.Base(dir)+" a b"; got != want {
		t.Errorf("synced %q, want %q", got, want)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("no directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.MkdirAll(fsys, filepath.Join(file, "x"), 0o700); err == nil {
		t.Error("made a directory below a file")
	}
}

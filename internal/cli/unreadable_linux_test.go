package cli_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// writeOnly is a file of the system that not even root may read.
func writeOnly(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/sys/bus/*/drivers_probe", "/sys/devices/*/uevent", "/sys/bus/*/uevent"} {
		all, _ := filepath.Glob(pattern) // the patterns are good
		for _, path := range all {
			if _, err := os.ReadFile(path); err != nil {
				return path
			}
		}
	}
	t.Skip("there is no file that root can't read")
	return ""
}

// unreadable puts a file that can't be read, also by root, in the place of one.
func unreadable(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mount(writeOnly(t), path, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("no file that can't be read can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
}

// TestTrue_06_OneFile: files that can't be read are named, all at once, and don't take
// the others of their source out.
func TestTrue_06_OneFile(t *testing.T) {
	w := &workshop{agent: bare(t)}
	w.declare("preset: none\nsources:\n  notes: files:notes/**/*\n  log: files:log/*.jsonl\n")
	for _, name := range []string{"notes/a.md", "notes/b.md", "notes/sub/c.md", "log/d.jsonl", "log/e.jsonl"} {
		w.write(w.at(name), "{\"id\":1}\n")
	}
	for _, name := range []string{"notes/b.md", "notes/sub/c.md", "log/e.jsonl"} {
		unreadable(t, w.at(name))
	}
	for _, dry := range [][]string{{}, {"--dry-run"}} {
		says(t, w.must(8, append([]string{"backup"}, dry...)...).stderr, "no bundle was made", "notes/b.md", "notes/sub/c.md", "e.jsonl")
	}
	r := w.must(3, "backup", "--allow-degraded")
	says(t, r.stderr, "notes/b.md: not in the bundle: ", "notes/sub/c.md: not in the bundle: ", "log/e: not in the bundle: ")
	wantBundled(t, w.newestBundle(), map[string]float64{"notes/a.md": 1, "notes/b.md": 0, "notes/sub/c.md": 0, "log/d": 1, "log/e": 0})
}

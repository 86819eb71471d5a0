package guard_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/guard"
)

// What there may be before a log gets its new name, and what there has to be then.
func renames() map[string]struct{ old, now, want string } {
	return map[string]struct{ old, now, want string }{
		"OldAlone":           {"{1}\n{2}\n", "", "{1}\n{2}\n"},
		"OldAloneTorn":       {"{1}\n{to", "", "{1}\n{to"}, // OpenAudit ends it
		"Both":               {"{1}\n{2}\n", "{3}\n{4}\n", "{1}\n{2}\n{3}\n{4}\n"},
		"BothTorn":           {"{1}\n{to", "{3}\n", "{1}\n{to\n{3}\n"},
		"NewTorn":            {"{1}\n", "{2}\n{to", "{1}\n{2}\n{to"},
		"OldEmpty":           {"", "{3}\n", "{3}\n"},
		"OldNotRemoved":      {"{1}\n{2}\n", "{1}\n{2}\n{3}\n", "{1}\n{2}\n{3}\n"},
		"TornNotRemoved":     {"{1}\n{to", "{1}\n{to\n{3}\n", "{1}\n{to\n{3}\n"},
		"OldWentOn":          {"{1}\n{2}\n", "{1}\n{3}\n", "{1}\n{2}\n{3}\n"},
		"ALineBeginsAnother": {"{1}\n{2", "{1}\n{2}\n", "{1}\n{2\n{2}\n"},
	}
}

// twoLogs writes them; "" is no file, but for the old one of OldEmpty.
func twoLogs(t *testing.T, name string) (old, path string) {
	t.Helper()
	dir, c := t.TempDir(), renames()[name]
	old, path = filepath.Join(dir, ".audit.jsonl"), filepath.Join(dir, ".audit.log")
	write(t, c.old, old)
	if c.now != "" {
		write(t, c.now, path)
	}
	return old, path
}

func wantRenamed(t *testing.T, old, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == filepath.Base(old) {
			t.Errorf("%s is still there", e.Name())
		}
	}
}

func TestRenameAudit(t *testing.T) {
	for name, c := range renames() {
		t.Run(name, func(t *testing.T) {
			old, path := twoLogs(t, name)
			for range 2 { // the second time there is no old one
				if err := guard.RenameAudit(old, path); err != nil {
					t.Fatal(err)
				}
				wantRenamed(t, old, path, c.want)
			}
		})
	}
	t.Run("NoneThere", func(t *testing.T) {
		dir := t.TempDir()
		if err := guard.RenameAudit(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("got %v, %v, want nothing made", entries, err)
		}
	})
	t.Run("ErrFolder", func(t *testing.T) {
		old, path := twoLogs(t, "OldAlone")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := guard.RenameAudit(old, path); err == nil {
			t.Error("onto a folder: no error")
		}
		if got, err := os.ReadFile(old); err != nil || string(got) != "{1}\n{2}\n" {
			t.Errorf("the old log is %q, %v", got, err)
		}
	})
}

// Killed before any of its steps, or with a step that fails, every line is in one of
// the two logs; and the next run ends what this one began, with no line twice.
func TestRenameAuditKilled(t *testing.T) {
	for name, c := range renames() {
		for how, plan := range map[string]func(int) faulty.Plan{
			"killed": faulty.KillAt,
			"fails":  func(k int) faulty.Plan { return faulty.At(k, faulty.Fault{Err: syscall.ENOSPC, Partial: true}) },
		} {
			for k := 1; ; k++ {
				old, path := twoLogs(t, name)
				fsys := faulty.New(plan(k))
				err := guard.RenameAuditOn(fsys, old, path)
				if fsys.Steps() < k {
					break
				}
				t.Run(fmt.Sprintf("%s/%s %d", name, how, k), func(t *testing.T) {
					if err != nil && !errors.Is(err, faulty.ErrKilled) && !errors.Is(err, syscall.ENOSPC) {
						t.Fatal(err)
					}
					if now, err := os.ReadFile(path); err == nil && string(now) != c.now && string(now) != c.want {
						t.Errorf("the new log is %q, want it as it was or whole", now)
					} else if was, err := os.ReadFile(old); string(now) != c.want && (err != nil || string(was) != c.old) {
						t.Errorf("the old log is %q, %v, before the new one is whole", was, err)
					}
					if err := guard.RenameAudit(old, path); err != nil {
						t.Fatal(err)
					}
					wantRenamed(t, old, path, c.want)
				})
			}
		}
	}
}

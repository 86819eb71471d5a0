package flat_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/atomicfile"
	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// TestReplaceKilled kills a replace before each of its steps. The old file or the
// new one is there, whole, and the same plan finishes.
func TestReplaceKilled(t *testing.T) {
	for name, old := range map[string]string{"Live": "a\nb\n", "Absent": ""} {
		t.Run(name, func(t *testing.T) {
			steps := 100
			for k := 1; k <= steps; k++ {
				path := filepath.Join(t.TempDir(), "sub", "mail.jsonl")
				if old != "" {
					write(t, path, old)
				}
				fsys := faulty.New(faulty.KillAt(k))
				if killedReplace(t, path, fsys) == nil {
					steps = k // it needed no more
				}
				if got, err := os.ReadFile(path); string(got) != old && string(got) != "new\n" {
					t.Fatalf("killed before step %d: got %q, %v, want the old or the new", k, got, err)
				}
				replace(t, logOn(path, nil), log, path, nil, "new")
				wantFiles(t, filepath.Dir(path), "mail.jsonl")
			}
			if steps < 6 {
				t.Errorf("got %d steps, want create, write, sync, close, rename, sync at least", steps)
			}
		})
	}
}

// killedReplace replaces on a file system that ends in the middle.
func killedReplace(t *testing.T, path string, fsys atomicfile.FS) error {
	t.Helper()
	files := logOn(path, fsys)
	permit := leave(t, files, log)
	staged, err := files.Stage(t.Context(), memory.SectionSpec{Name: log}, records("new"),
		store.StageOptions{Plan: "plan-1", Operation: guard.ReplaceOperation(memory.MailboxSentToCull)})
	if err != nil {
		return err
	}
	_, err = staged.Commit(t.Context(), permit, nil)
	return errors.Join(err, staged.Close())
}

// TestReplaceSettlesAgain: a commit whose folder could not be synced is not done;
// the next one does that.
func TestReplaceSettlesAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\n")
	cause, failed := errors.New("the disk is away"), false
	fsys := faulty.New(func(s faulty.Step) faulty.Fault {
		if s.Op == faulty.SyncDir && !failed {
			failed = true
			return faulty.Fault{Err: cause}
		}
		return faulty.Fault{}
	})
	files := logOn(path, fsys)
	permit, staged := leave(t, files, log), stage(t, files, log, "new")
	if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, cause) {
		t.Errorf("got %v, want the failure", err)
	}
	before := fsys.Steps()
	if done, err := staged.Commit(t.Context(), permit, nil); err != nil || done.Rows != 1 || fsys.Steps() != before+1 {
		t.Errorf("got %+v, %v and %d steps, want the sync alone", done, err, fsys.Steps()-before)
	}
}

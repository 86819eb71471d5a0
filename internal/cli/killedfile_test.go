package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/atomicfile/faulty"
)

// TestT2_KilledReplaceOfADatabase ends a replace at each step that it takes in the
// folder of a database. What is there then is the old one, the new one, or a window
// that --resume closes, and that keeps backups away until then.
func TestT2_KilledReplaceOfADatabase(t *testing.T) {
	t.Parallel()
	steps := 0
	w, args := replacedDatabase(t)
	w.disk = faulty.New(func(s faulty.Step) faulty.Fault {
		if w.inState(s) {
			steps++
		}
		return faulty.Fault{}
	})
	w.confirmed(0, args...)
	if got := w.titles(); got != "abc" || steps < 8 {
		t.Fatalf("got %q after %d steps, want abc after some more", got, steps)
	}
	for k := 1; k <= steps; k++ {
		w, args := replacedDatabase(t)
		n := 0
		w.disk = faulty.New(func(s faulty.Step) faulty.Fault {
			if w.inState(s) {
				if n++; n >= k {
					return faulty.Fault{Err: faulty.ErrKilled}
				}
			}
			return faulty.Fault{}
		})
		token := w.token(args...)
		w.env[allowed] = "true"
		r := w.run(append(args, "--confirm", token)...)
		w.disk = nil
		if r.code == 0 {
			t.Fatalf("step %d: got code 0 of a replace that was killed\n%s", k, r.stderr)
		}
		if _, there := tree(t, w.at("state"))["tasks.sqlite"]; !there {
			w.must(11, "backup")
		} else if got := w.titles(); got != "abc" && got != "bclater" {
			t.Errorf("step %d: got %q, want the old or the new one", k, got)
		}
		if strings.Contains(w.must(0, "restore", "--resume").stdout, "Nothing to resume") { // it had not begun to commit
			w.confirmed(0, args...)
		}
		if got := w.titles(); got != "abc" {
			t.Errorf("step %d: got %q in the end, want abc", k, got)
		}
		delete(w.env, allowed)
		w.must(0, "backup", "--only", "state")
	}
}

// replacedDatabase is the example with another database than its bundle has, and the
// command that replaces it.
func replacedDatabase(t *testing.T) (*workshop, []string) {
	t.Helper()
	w := newWorkshop(t, "preset: none\nsources:\n  state: sqlite:state/tasks.sqlite\n")
	w.mkdir(w.at("state"))
	w.tasks("PRAGMA journal_mode = wal", "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)", "INSERT INTO tasks (title) VALUES ('a'), ('b'), ('c')")
	bundle := w.backupWith(0)
	w.tasks("DELETE FROM tasks WHERE id = 1", "INSERT INTO tasks (title) VALUES ('later')")
	return w, []string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}
}

// inState reports whether a step is one in the folder of the database.
func (w *workshop) inState(s faulty.Step) bool {
	return filepath.Dir(s.Path) == w.at("state") || s.Path == w.at("state")
}

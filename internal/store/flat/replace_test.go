package flat_test

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/storetest"
)

const log = memory.MailboxSentToCull

// logOn is the log at path, on a file system.
func logOn(path string, fsys atomicfile.FS) *flat.Files {
	return flat.New(flat.Config{Sources: []flat.Source{logFile(path)}, Now: time.Now, FS: fsys})
}

// leave gets a permit for what stands there.
func leave(t *testing.T, files *flat.Files, section memory.Section) guard.Permit {
	t.Helper()
	survey, err := files.Survey(t.Context(), section)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	return storetest.Permit(t, guard.ReplaceOperation(section), section, survey)
}

// stage stages and checks; it is closed when the test ends.
func stage(t *testing.T, files *flat.Files, section memory.Section, lines ...string) store.Staged {
	t.Helper()
	staged, err := files.Stage(t.Context(), memory.SectionSpec{Name: section, Kind: memory.Lines}, records(lines...),
		store.StageOptions{Plan: "plan-1", Operation: guard.ReplaceOperation(section)})
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	t.Cleanup(func() { _ = staged.Close() })
	if err := staged.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	return staged
}

// replace goes all the way and wants the file to be what was staged.
func replace(t *testing.T, files *flat.Files, section memory.Section, path string, safety iter.Seq2[memory.Record, error], lines ...string) store.Committed {
	t.Helper()
	permit := leave(t, files, section)
	staged := stage(t, files, section, lines...)
	done, err := staged.Commit(t.Context(), permit, safety)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if err := staged.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if got, want := content(t, path), strings.Join(lines, "\n")+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	return done
}

// codes are the codes of findings, in their order.
func codes(findings []memory.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

// wantFiles wants the folder to hold these names and no others, hidden or not.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := storetest.Names(t, dir); got != strings.Join(want, " ") {
		t.Errorf("got files %q, want %q", got, want)
	}
}

// TestReplaceThroughLinks: the file that a link leads to is replaced; the link
// stays one.
func TestReplaceThroughLinks(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real.txt"), filepath.Join(dir, "nodes.jsonl")
	write(t, path, "{}\n")
	if err := os.Symlink("real.txt", link); err != nil {
		t.Fatal(err)
	}
	replace(t, newFiles(concepts(dir)), "concepts/nodes", path, records("{}"), `{"id":"a"}`)
	if goal, err := os.Readlink(link); err != nil || goal != "real.txt" {
		t.Errorf("got a link to %q, %v, want the link as it was", goal, err)
	}
	wantFiles(t, dir, "nodes.jsonl", "real.txt")
}

// TestReplaceMoved: a live file that is no longer the safety copy stays, byte for
// byte, and nothing is left beside it.
func TestReplaceMoved(t *testing.T) {
	for _, tt := range []struct {
		name, live string
		safety     []string
	}{
		{"More", "a\nb\nc\n", []string{"a", "b"}},
		{"Fewer", "a\n", []string{"a", "b"}},
		{"Other", "a\nX\n", []string{"a", "b"}},
		{"Order", "b\na\n", []string{"a", "b"}},
		{"Bytes", "{\"a\": 1}\n", []string{`{"a":1}`}},
		{"Emptied", "", []string{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, tt.live)
			files := logOn(path, nil)
			permit, staged := leave(t, files, log), stage(t, files, log, "new")
			if _, err := staged.Commit(t.Context(), permit, records(tt.safety...)); !errors.Is(err, store.ErrMoved) {
				t.Errorf("got %v, want ErrMoved", err)
			}
			if err := staged.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if got := content(t, path); got != tt.live {
				t.Errorf("got %q, want %q", got, tt.live)
			}
			wantFiles(t, filepath.Dir(path), "mail.jsonl")
		})
	}
}

// TestReplaceMovedMeanwhile: an agent writes while the safety copy is compared.
func TestReplaceMovedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\nb\n")
	files := logOn(path, nil)
	permit, staged := leave(t, files, log), stage(t, files, log, "new")
	_, err := staged.Commit(t.Context(), permit, func(yield func(memory.Record, error) bool) {
		if yield(memory.Record("a"), nil) && grow(path, "late\n") == nil {
			yield(memory.Record("b"), nil)
		}
	})
	if !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	if got := content(t, path); got != "a\nb\nlate\n" {
		t.Errorf("got %q, want the agent's line", got)
	}
	if done, err := staged.Commit(t.Context(), permit, records("a", "b", "late")); err != nil || done.Rows != 1 {
		t.Errorf("with a new safety copy: got %+v, %v, want the one line", done, err)
	}
}

// TestReplaceUnsaid: a file that is what was staged already stays, whatever the
// safety copy of before; its name is made durable.
func TestReplaceUnsaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "new\n")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	synced := false
	files := logOn(path, faulty.New(func(s faulty.Step) faulty.Fault {
		synced = synced || s.Op == faulty.SyncDir
		return faulty.Fault{}
	}))
	replace(t, files, log, path, records("old"), "new")
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || !synced {
		t.Errorf("got %v, synced %t, want the very file, and its folder synced", err, synced)
	}
	wantFiles(t, filepath.Dir(path), "mail.jsonl")
}

// TestReplaceWhatComesAndGoes: between the survey and the commit the file comes,
// goes, or is another.
func TestReplaceWhatComesAndGoes(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string // "-" for no file
		want                error
	}{
		{"Comes", "-", "theirs\n", guard.ErrTargetMoved},
		{"Goes", "a\n", "-", guard.ErrTargetMoved},
		{"Another", "a\n", "a\n", guard.ErrTargetMoved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			if tt.before != "-" {
				write(t, path, tt.before)
			}
			files := logOn(path, nil)
			permit, staged := leave(t, files, log), stage(t, files, log, "new")
			keep := filepath.Join(t.TempDir(), "other") // so that its inode is not given again
			_ = os.Rename(path, keep)
			if tt.after != "-" {
				write(t, path, tt.after)
			}
			before := state(t, filepath.Dir(path))
			if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if got := state(t, filepath.Dir(path)); got != before {
				t.Errorf("got  %s\nwant %s", got, before)
			}
		})
	}
	t.Run("ComesAtTheRename", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		files := logOn(path, faulty.New(func(s faulty.Step) faulty.Fault {
			if s.Op == faulty.RenameNoReplace {
				write(t, path, "theirs\n")
			}
			return faulty.Fault{}
		}))
		permit, staged := leave(t, files, log), stage(t, files, log, "new")
		if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, store.ErrMoved) {
			t.Errorf("got %v, want ErrMoved", err)
		}
		if got := content(t, path); got != "theirs\n" {
			t.Errorf("got %q, want the agent's file", got)
		}
	})
	t.Run("SafetyOfNone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		files := logOn(path, nil)
		permit, staged := leave(t, files, log), stage(t, files, log, "new")
		if _, err := staged.Commit(t.Context(), permit, records("gone")); !errors.Is(err, store.ErrMoved) {
			t.Errorf("got %v, want ErrMoved", err)
		}
		wantFiles(t, filepath.Dir(path), ".mail.jsonl.plan-1.tmp")
	})
}

// TestReplaceUnderAnAgent: what an agent that holds the file open writes while
// the file gets another is in the new one.
func TestReplaceUnderAnAgent(t *testing.T) {
	for _, at := range []faulty.Op{faulty.Rename, faulty.SyncDir} {
		t.Run(string(at), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, "a\nb")
			agent, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer agent.Close()
			wrote := false
			files := logOn(path, faulty.New(func(s faulty.Step) faulty.Fault {
				if s.Op == at && !wrote {
					wrote = true
					if _, err := agent.WriteString("ee\nlate\ntor"); err != nil {
						t.Error(err)
					}
				}
				return faulty.Fault{}
			}))
			permit, staged := leave(t, files, log), stage(t, files, log, "new")
			done, err := staged.Commit(t.Context(), permit, records("a"))
			if err != nil || done.Rows != 3 {
				t.Fatalf("got %+v, %v, want three lines", done, err)
			}
			if got := content(t, path); got != "new\nbee\nlate\n" {
				t.Errorf("got %q, want the new line, then what was late", got)
			}
			if got := codes(done.Findings); got != "late-lines torn-line" {
				t.Errorf("got findings %v, want the late lines and the torn one", done.Findings)
			}
			if done, err = staged.Commit(t.Context(), permit, nil); err != nil || done.Rows != 3 {
				t.Errorf("committed again: got %+v, %v, want three lines still", done, err)
			}
		})
	}
}

// TestReplaceOverATornLine: it is in no safety copy, so it is told.
func TestReplaceOverATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\n{\"to\":\"rn\"}")
	done := replace(t, logOn(path, nil), log, path, records("a"), "new")
	if codes(done.Findings) != "torn-line" {
		t.Fatalf("got %v, want the torn line told", done.Findings)
	}
	f := done.Findings[0]
	if f.Section != log || !strings.Contains(f.Message, "its 11 bytes") || !strings.Contains(f.Hint, `{\"to\":\"rn\"}`) {
		t.Errorf("got %+v, want section, length and text", f)
	}
}

// TestCheckFindsDamage: what lies beside the file is not what was written.
func TestCheckFindsDamage(t *testing.T) {
	for name, damage := range map[string]string{"Other": "b\n", "Fewer": "", "More": "a\na\n", "Torn": "a\nx"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			staged := stage(t, logOn(path, nil), log, "a")
			write(t, filepath.Join(filepath.Dir(path), ".mail.jsonl.plan-1.tmp"), damage)
			if err := staged.Check(t.Context()); !errors.Is(err, store.ErrStaged) {
				t.Errorf("got %v, want ErrStaged", err)
			}
		})
	}
}

// TestStageRefuses: lines that are none, and a folder in the way.
func TestStageRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.jsonl")
	write(t, path, "a\n")
	options := store.StageOptions{Plan: "plan-1", Operation: guard.ReplaceOperation(memory.MailboxSentToCull)}
	for _, line := range []string{"b\nc", "\xff"} {
		staged, err := logOn(path, nil).Stage(t.Context(), memory.SectionSpec{Name: log}, records("a", line), options)
		if err == nil || staged != nil {
			t.Errorf("%q: got %v, %v, want an error", line, staged, err)
		}
		wantFiles(t, dir, "mail.jsonl")
	}
	inTheWay := filepath.Join(dir, ".mail.jsonl.plan-1.tmp", "kept")
	write(t, inTheWay, "x")
	staged, err := logOn(path, nil).Stage(t.Context(), memory.SectionSpec{Name: log}, records("a"), options)
	if err == nil || staged != nil {
		t.Errorf("got %v, %v, want an error", staged, err)
	}
	if got := content(t, inTheWay); got != "x" {
		t.Errorf("got %q, want what was in the way untouched", got)
	}
}

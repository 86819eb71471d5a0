package flat_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/atomicfile"
	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

// remove removes lines with leave, and returns the events as "outcome id".
func remove(t *testing.T, files *flat.Files, section memory.Section, lines iter.Seq2[memory.Record, error]) (store.Removal, []string, error) {
	t.Helper()
	var events []string
	op := guard.ReplaceOperation(section)
	removal, err := files.Remove(t.Context(), memory.SectionSpec{Name: section}, lines, leave(t, files, section), store.RemoveOptions{
		Operation: op,
		Report: func(e store.Event) error {
			events = append(events, fmt.Sprintf("%s %.8s", e.Outcome, e.ID))
			return nil
		},
	})
	return removal, events, err
}

// TestRemoveFromALog: lines go from the end, as often as they were recorded; the
// rest stays as it is, to the byte.
func TestRemoveFromALog(t *testing.T) {
	for _, tt := range []struct {
		name, live string
		lines      []string
		want       string
		removal    store.Removal
	}{
		{"Last", "a\nb\na\nc\na\n", []string{"a"}, "a\nb\na\nc\n", store.Removal{Removed: 1, Rows: 4}},
		{"LastTwo", "a\nb\na\nc\na\n", []string{"a", "a"}, "a\nb\nc\n", store.Removal{Removed: 2, Rows: 3}},
		{"MoreThanThere", "a\nb\n", []string{"a", "a"}, "b\n", store.Removal{Removed: 1, Gone: 1, Rows: 1}},
		{"Gone", "a\nb\n", []string{"c"}, "a\nb\n", store.Removal{Gone: 1, Rows: 2}},
		{"Bytes", "{\"a\": 1}\n", []string{`{"a":1}`}, "{\"a\": 1}\n", store.Removal{Gone: 1, Rows: 1}},
		{"TornStays", "a\nb\ntor", []string{"a"}, "b\ntor", store.Removal{Removed: 1, Rows: 1}},
		{"TornIsNoLine", "a\nb", []string{"b"}, "a\nb", store.Removal{Gone: 1, Rows: 1}},
		{"NoLine", "a\n", []string{"a\nb"}, "a\n", store.Removal{Gone: 1, Rows: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, tt.live)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			got, events, err := remove(t, logOn(path, nil), log, records(tt.lines...))
			if err != nil || got != tt.removal || len(events) != int(got.Gone) {
				t.Errorf("got %+v, %q, %v, want %+v", got, events, err, tt.removal)
			}
			if got := content(t, path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
				t.Errorf("got mode %v, %v, want it kept", info.Mode(), err)
			}
			wantFiles(t, filepath.Dir(path), "mail.jsonl")
		})
	}
}

// TestRemoveFromAKeyedFile: a line that says something else by now stays.
func TestRemoveFromAKeyedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nodes.jsonl")
	live := `{"id":"mine","n":1}` + "\n" + `{"id":"as-it-was","n":1}` + "\n" + `{"id":"changed","n":2}` + "\n"
	write(t, path, live)
	got, events, err := remove(t, newFiles(concepts(dir)), "concepts/nodes",
		records(`{"n":1,"id":"as-it-was"}`, `{"id":"changed","n":1}`, `{"id":"gone","n":1}`))
	if want := (store.Removal{Removed: 1, Kept: 1, Gone: 1, Rows: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got := strings.Join(events, ", "); got != "differs changed, removed gone" {
		t.Errorf("got events %q", got)
	}
	if got := content(t, path); got != `{"id":"mine","n":1}`+"\n"+`{"id":"changed","n":2}`+"\n" {
		t.Errorf("got %q", got)
	}
}

// TestRemoveUnderAnAgent: an agent appends all the while, before and after the
// file gets its name; nothing of it is lost.
func TestRemoveUnderAnAgent(t *testing.T) {
	for _, at := range []faulty.Op{faulty.Create, faulty.Sync, faulty.Rename, faulty.SyncDir} {
		t.Run(string(at), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, "a\nours\nb")
			agent, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer agent.Close()
			wrote := false
			files := logOn(path, faulty.New(func(s faulty.Step) faulty.Fault {
				if s.Op == at && !wrote {
					wrote = true
					if _, err := agent.WriteString("ee\nours\n"); err != nil {
						t.Error(err)
					}
				}
				return faulty.Fault{}
			}))
			got, _, err := remove(t, files, log, records("ours"))
			if want := (store.Removal{Removed: 1, Rows: 3}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			if got := content(t, path); got != "a\nbee\nours\n" {
				t.Errorf("got %q, want the agent's lines", got)
			}
		})
	}
}

// TestRemoveGivesUp: a file that is written to again and again, or once in place,
// is left as it is.
func TestRemoveGivesUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		times   int
		disturb func(path string) error
		want    string
	}{
		{"Appended", 1000, func(path string) error { return grow(path, "more\n") }, "a\nb\n"},
		{"Rewritten", 1, func(path string) error { return os.WriteFile(path, []byte("X\nY\nmore\n"), 0o600) }, "X\nY\nmore\n"},
		{"Cut", 1, func(path string) error { return os.Truncate(path, 1) }, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, "a\nb\n")
			times := 0
			files := logOn(path, faulty.New(func(s faulty.Step) faulty.Fault {
				if s.Op == faulty.Sync && times < tt.times {
					times++
					return faulty.Fault{Err: tt.disturb(path)}
				}
				return faulty.Fault{}
			}))
			got, _, err := remove(t, files, log, records("b"))
			if !errors.Is(err, store.ErrMoved) || got.Removed != 0 {
				t.Errorf("got %+v, %v, want nothing removed and ErrMoved", got, err)
			}
			if tt.times > 1 {
				tt.want += strings.Repeat("more\n", times)
			}
			if got := content(t, path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			wantFiles(t, filepath.Dir(path), "mail.jsonl")
		})
	}
}

func grow(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// TestRemoveKilled: killed before each of its steps, the file is the old one or
// the new one, and the same removal ends it.
func TestRemoveKilled(t *testing.T) {
	for k, done := 1, false; !done; k++ {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		write(t, path, "a\nb\n")
		_, _, err := remove(t, logOn(path, faulty.New(faulty.KillAt(k))), log, records("b"))
		done = err == nil
		if got := content(t, path); got != "a\nb\n" && got != "a\n" {
			t.Fatalf("killed before step %d: got %q, want the old or the new", k, got)
		}
		if _, _, err := remove(t, logOn(path, atomicfile.System{}), log, records("b")); err != nil {
			t.Fatalf("after step %d: %v", k, err)
		}
		if got := content(t, path); got != "a\n" {
			t.Errorf("after step %d: got %q, want line b removed", k, got)
		}
	}
}

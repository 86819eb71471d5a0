package graph_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// stageOptions are those of every stage here.
var stageOptions = store.StageOptions{Plan: "plan-1", Operation: guard.ReplaceOperation(memory.Graph)}

// permit is leave to replace the graph at path, as it is now.
func permit(t *testing.T, path string) guard.Permit {
	t.Helper()
	return permitFor(t, path, guard.ReplaceOperation(memory.Graph))
}

func permitFor(t *testing.T, path string, op guard.Operation) guard.Permit {
	t.Helper()
	survey, err := newGraph(path).Survey(t.Context(), memory.Graph)
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Permit(t, op, memory.Graph, survey)
}

// staged stages rows for the graph g and checks them.
func stage(t *testing.T, g *graph.Graph, rows iter.Seq2[memory.Record, error]) store.Staged {
	t.Helper()
	s, err := g.Stage(t.Context(), memory.SectionSpec{Name: memory.Graph}, rows, stageOptions)
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	return s
}

// replace replaces the graph at path by rows; safety is what it is to hold, nil
// to compare nothing.
func replace(t *testing.T, path string, safety, rows []memory.Record) {
	t.Helper()
	s := stage(t, newPatient(path), records(rows))
	done, err := s.Commit(t.Context(), permit(t, path), sequenceOf(safety))
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if done.Rows != int64(len(rows)) || done.Aside != nil || done.Findings != nil {
		t.Errorf("got %+v, want %d rows and nothing aside", done, len(rows))
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func sequenceOf(rows []memory.Record) iter.Seq2[memory.Record, error] {
	if rows == nil {
		return nil
	}
	return records(rows)
}

// lines are rows as records.
func lines(rows ...string) (all []memory.Record) {
	for _, row := range rows {
		all = append(all, memory.Record(row))
	}
	return all
}

// digests are those of the rows, sorted.
func digests(rows []string) (all []string) {
	var scanner record.Scanner
	for _, row := range rows {
		all = append(all, fmt.Sprintf("%x", scanner.LineDigest([]byte(row))))
	}
	slices.Sort(all)
	return all
}

// wantContent wants the graph at path to hold the rows and no others, in
// whatever order.
func wantContent(t *testing.T, path string, rows []memory.Record) {
	t.Helper()
	got, capture := read(t, path)
	var want []string
	for _, row := range rows {
		want = append(want, string(row))
	}
	if !slices.Equal(digests(got), digests(want)) {
		t.Errorf("got %d rows %.300q…, want %d rows %.300q…", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	if !capture.Complete() {
		t.Errorf("got capture %+v, want it complete", capture)
	}
}

// TestReplace: the graph becomes the records, whatever it was.
func TestReplace(t *testing.T) {
	many := storetest.Graph("a", 3000)
	for _, tt := range []struct {
		name         string
		before, want []memory.Record
	}{
		{"Other", storetest.Graph("b", 3000), many},
		{"Fewer", many, storetest.Graph("a", 300)},
		{"More", storetest.Graph("a", 300), many},
		{"Nothing", many, nil},
		{"Empty", nil, many},
		{"Equal", many, many},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			put(t, live(t, path), tt.before)
			replace(t, path, append([]memory.Record{}, tt.before...), tt.want)
			wantContent(t, path, tt.want)
			if got := storetest.Names(t, filepath.Dir(path)); got != "memory.sqlite" {
				t.Errorf("got files %s, want the database alone", got)
			}
		})
	}
}

// TestReplaceAbsent makes the database, and the tables in one that has none.
func TestReplaceAbsent(t *testing.T) {
	rows := storetest.Graph("a", 300)
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"File", func(*testing.T, string) {}},
		{"EmptyFile", func(t *testing.T, path string) { t.Helper(); write(t, path, "") }},
		{"OtherTables", func(t *testing.T, path string) {
			t.Helper()
			agent := open(t, path)
			run(t, agent, "CREATE TABLE mc_tool_call_log (id)")
			if err := agent.Close(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			tt.make(t, path)
			s, leave := stage(t, newGraph(path), records(rows)), permit(t, path)
			for range 2 { // committed again it changes nothing
				if _, err := s.Commit(t.Context(), leave, nil); err != nil {
					t.Fatalf("commit: %v", err)
				}
			}
			wantContent(t, path, rows)
			if got := query(t, path, "SELECT count(*) FROM GraphLog"); got[0] != "300" {
				t.Errorf("got %s events in the log, want that of each row", got[0])
			}
		})
	}
}

// TestReplaceNotPermitted: nothing is touched, not even the log.
func TestReplaceNotPermitted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		permit func(t *testing.T, path string) guard.Permit
		want   error
	}{
		{"Zero", func(*testing.T, string) guard.Permit { return guard.Permit{} }, guard.ErrNotPermitted},
		{"OtherTarget", func(t *testing.T, _ string) guard.Permit {
			t.Helper()
			return permit(t, filepath.Join(t.TempDir(), "memory.sqlite"))
		}, guard.ErrNotPermitted},
		{"OtherOperation", func(t *testing.T, path string) guard.Permit {
			t.Helper()
			return permitFor(t, path, guard.Undo)
		}, guard.ErrNotPermitted},
		{"OtherFileSince", func(t *testing.T, path string) guard.Permit {
			t.Helper()
			leave := permit(t, path)
			if err := errors.Join(os.WriteFile(path+".new", []byte(hash(t, path)), 0o644), os.Rename(path+".new", path)); err != nil {
				t.Fatal(err)
			}
			return leave
		}, guard.ErrTargetMoved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := crashed(t, storetest.Graph("a", 30))
			g := newGraph(path)
			s, leave := stage(t, g, records(storetest.Graph("b", 60))), tt.permit(t, path)
			before := state(t, filepath.Dir(path))
			if _, err := s.Commit(t.Context(), leave, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			_, err := g.Remove(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(storetest.Graph("a", 30)),
				leave, store.RemoveOptions{Operation: guard.ReplaceOperation(memory.Graph)})
			if !errors.Is(err, tt.want) {
				t.Errorf("remove: got %v, want %v", err, tt.want)
			}
			if after := state(t, filepath.Dir(path)); after != before {
				t.Errorf("got files\n%swant\n%s", after, before)
			}
		})
	}
}

// crashed makes a database that an agent left which was killed: its rows are in
// the log alone.
func crashed(t *testing.T, rows []memory.Record) string {
	t.Helper()
	from := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, from)
	keep := open(t, from) // so that closing the other is no checkpoint
	run(t, keep, "PRAGMA wal_autocheckpoint = 0; SELECT count(*) FROM Nodes")
	run(t, agent, "PRAGMA wal_autocheckpoint = 0")
	put(t, agent, rows)
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	for _, suffix := range []string{"", "-wal"} {
		write(t, path+suffix, hash(t, from+suffix))
	}
	read(t, path) // which makes the -shm
	return path
}

func relink(t *testing.T, link, to string) {
	t.Helper()
	_ = os.Remove(link) // there is none at first
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

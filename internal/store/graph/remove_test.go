package graph_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// takeBack removes rows from g, which is at path, and returns what was said.
func takeBack(t *testing.T, g *graph.Graph, path string, rows []memory.Record) (store.Removal, []string) {
	t.Helper()
	var events []string
	removal, err := g.Remove(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(rows), permitFor(t, path, guard.Undo),
		store.RemoveOptions{Operation: guard.Undo, Report: func(e store.Event) error {
			events = append(events, fmt.Sprintf("%s %s: %s", e.Outcome, e.ID, e.Reason))
			return nil
		}})
	if err != nil {
		t.Fatalf("remove: %v", err)
	}
	if n := removal.Kept + removal.Gone; int64(len(events)) != n {
		t.Errorf("got %d events, want %d as counted: %q", len(events), n, events)
	}
	return removal, events
}

// TestRemove takes a merge back, over several transactions, and does it once.
func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	all := storetest.Graph("a", 15000)
	was, added := all[:4000], all[4000:] // of 10,000 nodes
	put(t, live(t, path), was)
	mergeAll(t, path, records(all), nil)
	removal, _ := takeBack(t, newGraph(path), path, added)
	if want := (store.Removal{Removed: 11000, Rows: 4000}); removal != want {
		t.Errorf("got  %+v\nwant %+v", removal, want)
	}
	wantContent(t, path, was)
	files := state(t, filepath.Dir(path))
	removal, _ = takeBack(t, newGraph(path), path, added)
	if want := (store.Removal{Gone: 11000, Rows: 4000}); removal != want {
		t.Errorf("again: got %+v, want %+v", removal, want)
	}
	if now := state(t, filepath.Dir(path)); now != files {
		t.Errorf("again: got files\n%swant\n%s", now, files)
	}
}

// TestRemoveKeeps what is no longer as it was recorded, and what others need.
func TestRemoveKeeps(t *testing.T) {
	rows := lines(
		`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"b"}}`, `{"type":"node","data":{"id":"c"}}`,
		`{"type":"node","data":{"id":"d"}}`, `{"type":"node","data":{"id":"gone"}}`, `{"type":"node","data":{"id":"spaced"}}`,
		`{"type":"edge","data":{"id":"ab","source":"a","target":"b","type":"T"}}`,
		`{"type":"edge","data":{"id":"cd","source":"c","target":"d","type":"T"}}`,
		`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{}}`)
	for _, tt := range []struct {
		name string
		make func(t *testing.T) string
	}{
		{"References", func(t *testing.T) string {
			t.Helper()
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			merge(t, path)
			return path
		}},
		{"NoReferences", func(t *testing.T) string {
			t.Helper()
			path := oldFile(t)
			run(t, open(t, path), "DELETE FROM Edges; DELETE FROM Nodes")
			return path
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.make(t)
			mergeAll(t, path, records(rows), nil)
			agent := open(t, path)
			run(t, agent, `DELETE FROM Nodes WHERE id = 'gone'; UPDATE Nodes SET data = '{ "id": "spaced" }' WHERE id = 'spaced';
				UPDATE Nodes SET data = '{"id":"b","n":1}' WHERE id = 'b'; UPDATE Edges SET type = 'U' WHERE id = 'cd';
				INSERT INTO Nodes (id, data) VALUES ('late', '{}');
				INSERT INTO Edges (id, source, target, type, data) VALUES ('later', 'late', 'd', 'T', '{}')`)
			removal, events := takeBack(t, newPatient(path), path, rows)
			wantRows(t, events,
				"removed record 10: offset 0: id is empty", "removed a: its id comes twice",
				"differs cd: it changed since",
				"differs b: it changed since", "differs c: an edge that came later, or changed, refers to it",
				"differs d: an edge that came later, or changed, refers to it", "removed gone: it is not there any more")
			if want := (store.Removal{Removed: 3, Kept: 4, Gone: 3, Rows: 6}); removal != want {
				t.Errorf("got  %+v\nwant %+v", removal, want)
			}
			wantRows(t, query(t, path, "SELECT id FROM Nodes ORDER BY id"), "b", "c", "d", "late")
			wantRows(t, query(t, path, "SELECT id FROM Edges ORDER BY id"), "cd", "later")
		})
	}
}

// TestRemoveOtherTable: a node that another table refers to is not taken from it.
func TestRemoveOtherTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	rows := storetest.Graph("a", 30)
	mergeAll(t, path, records(rows), nil)
	run(t, open(t, path), `CREATE TABLE "my ""notes" (n, "a node" TEXT REFERENCES Nodes(id) ON DELETE CASCADE,
		edge TEXT REFERENCES edges(id)); INSERT INTO "my ""notes" VALUES (1, 'row-000010', 'edge-000003')`)
	_, events := takeBack(t, newGraph(path), path, rows)
	wantRows(t, events,
		"differs edge-000003: another table refers to it",
		"differs ünïcödé 記憶 🧠 e\u0301: an edge that came later, or changed, refers to it",
		"differs %_*?; DROP TABLE Nodes; --: an edge that came later, or changed, refers to it",
		"differs row-000010: another table refers to it")
}

// TestRemoveFromNothing: without a graph all is gone already.
func TestRemoveFromNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "memory.sqlite")
	removal, _ := takeBack(t, newGraph(path), path, storetest.Graph("a", 30))
	if want := (store.Removal{Gone: 30}); removal != want {
		t.Errorf("got %+v, want %+v", removal, want)
	}
	if got := storetest.Names(t, dir); got != "" {
		t.Errorf("got files %s, want none", got)
	}
}

// TestRemoveLeavesTheLog of an agent that was killed, when nothing is removed.
func TestRemoveLeavesTheLog(t *testing.T) {
	path := crashed(t, storetest.Graph("a", 30))
	files := state(t, filepath.Dir(path))
	if removal, _ := takeBack(t, newGraph(path), path, storetest.Graph("b", 30)); removal.Kept == 0 || removal.Removed > 0 {
		t.Errorf("got %+v, want the rows kept", removal)
	}
	if now := state(t, filepath.Dir(path)); now != files {
		t.Errorf("got files\n%swant\n%s", now, files)
	}
}

// TestRemoveBesideAnAgent leaves its log to it, and waits for its lock.
func TestRemoveBesideAnAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	rows := storetest.Graph("a", 3000)
	put(t, live(t, path), rows)
	agent := open(t, path)
	run(t, agent, "SELECT count(*) FROM Nodes")
	main := hash(t, path)
	if removal, _ := takeBack(t, newGraph(path), path, rows); removal.Removed != 3000 {
		t.Errorf("got %+v, want all removed", removal)
	}
	if hash(t, path) != main {
		t.Error("a removal beside an agent changed the main file: it made a checkpoint")
	}
}

// TestRemoveMeanwhile: an agent changes a row after it was looked at, before the
// lock; and it is the file that the permit is for that counts, under the lock too.
func TestRemoveMeanwhile(t *testing.T) {
	rows := lines(`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"b"}}`)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, path string)
		want error
		left []string
	}{
		{"Changed", func(t *testing.T, path string) {
			t.Helper()
			run(t, open(t, path), "UPDATE Nodes SET data = '{}' WHERE id = 'b'")
		}, nil, []string{"b"}},
		{"Referred", func(t *testing.T, path string) {
			t.Helper()
			run(t, open(t, path), "INSERT INTO Edges VALUES ('e', NULL, 'a', 'a', 'T', '{}')")
		}, nil, []string{"a"}},
		{"OtherFile", func(t *testing.T, path string) {
			t.Helper()
			rename(t, path, path+".old")
			put(t, live(t, path), rows)
		}, guard.ErrTargetMoved, []string{"a", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			put(t, live(t, path), rows)
			g := newGraph(path)
			graph.OnStep(g, func(string) { tt.do(t, path) })
			removal, err := g.Remove(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(rows), permitFor(t, path, guard.Undo),
				store.RemoveOptions{Operation: guard.Undo})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if gone := int64(2 - len(tt.left)); removal.Removed != gone || removal.Kept != gone {
				t.Errorf("got %+v, want one removed and one kept, or nothing done", removal)
			}
			if got := query(t, path, "SELECT id FROM Nodes ORDER BY id"); !slices.Equal(got, tt.left) {
				t.Errorf("got nodes %s, want %s", got, tt.left)
			}
		})
	}
}

// TestRemoveEnds with the first error that anyone has; what is not the graph's is
// refused.
func TestRemoveEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	stop := errors.New("enough")
	remove := func(section memory.Section, rows func(func(memory.Record, error) bool)) error {
		_, err := newGraph(path).Remove(t.Context(), memory.SectionSpec{Name: section}, rows, permitFor(t, path, guard.Undo),
			store.RemoveOptions{Operation: guard.Undo, Report: func(store.Event) error { return stop }})
		return err
	}
	if err := remove(memory.Graph, func(yield func(memory.Record, error) bool) { yield(nil, stop) }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the sequence's error", err)
	}
	if err := remove(memory.Graph, records(storetest.Graph("b", 30))); !errors.Is(err, stop) {
		t.Errorf("got %v, want the report's error", err)
	}
	if err := remove(memory.Memories, records(nil)); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
	wantContent(t, path, storetest.Graph("a", 30))
}

// TestSurveyTarget: the guard is shown the file that the path leads to.
func TestSurveyTarget(t *testing.T) {
	dir := t.TempDir()
	put(t, live(t, filepath.Join(dir, "real")), storetest.Graph("a", 30))
	relink(t, filepath.Join(dir, "memory.sqlite"), "real")
	survey, err := newGraph(filepath.Join(dir, "memory.sqlite")).Survey(t.Context(), memory.Graph)
	if err != nil {
		t.Fatal(err)
	}
	if got := survey.Target.Locator(); got != survey.Locator || !strings.HasSuffix(got.Path, "real") {
		t.Errorf("got target %v of survey %v, want the file itself", got, survey.Locator)
	}
}

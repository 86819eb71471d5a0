package graph_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// compare compares rows with the graph at path, which must not change by it.
func compare(t *testing.T, path string, rows []memory.Record) (store.Difference, []string) {
	t.Helper()
	was := state(t, filepath.Dir(path))
	var events []string
	found, err := newGraph(path).Compare(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(rows),
		store.CompareOptions{Report: func(e store.Event) error {
			events = append(events, fmt.Sprintf("%s %s: %s", e.Outcome, e.ID, e.Reason))
			if (e.Record != nil) != (e.Outcome == store.Rejected) {
				t.Errorf("got record %q with a row that is %s", e.Record, e.Outcome)
			}
			return nil
		}})
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	if now := state(t, filepath.Dir(path)); now != was {
		t.Errorf("a comparison changed the files:\n%swant\n%s", now, was)
	}
	return found, events
}

// TestCompare counts and reports each kind of row.
func TestCompare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('same', NULL, '{ "id" : "same", "f": 1.50 }'), ('changed', NULL, '{"id":"changed"}'),
		('lost', NULL, '{"id":"lost"}'), (NULL, NULL, '{}'), ('user', 'me', '{"id":"user"}');
		INSERT INTO Edges VALUES ('lost', NULL, 'same', 'same', 'T', '{}'), ('e', NULL, 'same', 'same', 'T', '{"id":"e"}')`)
	closed(t, agent)
	found, events := compare(t, path, lines(
		`{"type":"node","data":{"f":1.5,"id":"same"}}`, `{"type":"node","data":{"id":"changed","n":1}}`,
		`{"type":"node","data":{"id":"user"}}`, `{"type":"node","data":{"id":"new"}}`, `{"type":"node","data":{"id":"new","n":2}}`,
		`{"type":"node","data":{}}`,
		`{"type":"edge","data":{"id":"e","source":"same","target":"changed","type":"T"}}`,
		`{"type":"edge","data":{"id":"f","source":"same","target":"lost","type":"T"}}`,
		`{"type":"edge","data":{"id":"g","source":"same","target":"same"}}`))
	wantRows(t, events,
		"rejected record 6: offset 0: id is empty",
		"rejected g: edge has no type",
		"rejected new: its id comes twice",
		`rejected f: edge's node "lost" is not among the records`,
		"lost lost: it is not among the records", "lost row 2 without an id: it is not among the records",
		"differs changed: the record is another", "differs user: the record is another",
		"lost lost: it is not among the records",
		"differs e: the record is another",
		"missing new: it is not in the graph")
	want := store.Difference{Live: 7, Same: 1, Changed: 3, Lost: 3, New: 1, Rejected: 4, Bytes: found.Bytes}
	if found != want {
		t.Errorf("got  %+v\nwant %+v", found, want)
	}
}

// TestCompareSpaceAround: white space around an object means nothing, whether the
// record has it or an older version lost it.
func TestCompareSpaceAround(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('lost', NULL, '{"id":"lost"} '), ('kept', NULL, ' {"id":"kept"}')`)
	closed(t, agent)
	found, events := compare(t, path, lines(
		`{"type":"node","data":{"id":"lost"}}`, `{"type":"node","raw":" {\"id\":\"kept\"}","columns":{"id":"kept"}}`))
	if found.Same != 2 || len(events) != 0 {
		t.Errorf("got %+v, %q, want both the same", found, events)
	}
}

// TestCompareAll: sets of rows that are the same, others, or not there at all.
func TestCompareAll(t *testing.T) {
	a, b := storetest.Graph("a", 300), storetest.Graph("b", 270)
	for _, tt := range []struct {
		name       string
		live, rows []memory.Record
		want       store.Difference
	}{
		{"Same", a, a, store.Difference{Live: 300, Same: 300}},
		// 200 nodes and 100 edges against 180 and 90.
		{"Other", a, b, store.Difference{Live: 300, Changed: 270, Lost: 30}},
		{"NothingThere", nil, b, store.Difference{New: 270}},
		{"NothingToPut", a, nil, store.Difference{Live: 300, Lost: 300}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			put(t, live(t, path), tt.live)
			found, events := compare(t, path, tt.rows)
			if n := found.Changed + found.Lost + found.New; int64(len(events)) != n {
				t.Errorf("got %d events, want %d as counted", len(events), n)
			}
			size := int64(0)
			for _, rec := range tt.live {
				size += int64(len(rec)) + 1
			}
			if found.Bytes < size*8/10 || found.Bytes > size*12/10 {
				t.Errorf("got %d bytes, want about %d", found.Bytes, size)
			}
			if found.Bytes = 0; found != tt.want {
				t.Errorf("got  %+v\nwant %+v", found, tt.want)
			}
		})
	}
}

// TestCompareAbsent: no file, or one without the tables, has no live rows.
func TestCompareAbsent(t *testing.T) {
	for _, name := range []string{"File", "Tables"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			if name == "Tables" {
				agent := open(t, path)
				run(t, agent, "CREATE TABLE mc_tool_call_log (id)")
				closed(t, agent)
			}
			found, events := compare(t, path, lines(`{"type":"node","data":{"id":"a"}}`, `{"type":"edge","data":{"id":"e"}}`,
				`{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`))
			if want := (store.Difference{New: 2, Rejected: 1}); found != want {
				t.Errorf("got  %+v\nwant %+v", found, want)
			}
			if !slices.Contains(events, "missing a: it is not in the graph") || len(events) != 3 {
				t.Errorf("got events %q, want both rows and the one that is none", events)
			}
		})
	}
}

// TestCompareLeavesTheLog of an agent that was killed, byte for byte.
func TestCompareLeavesTheLog(t *testing.T) {
	path := crashed(t, storetest.Graph("a", 30))
	if found, _ := compare(t, path, storetest.Graph("a", 60)); found.Same+found.Changed != 30 {
		t.Errorf("got %+v, want the 30 rows of the log seen", found)
	}
}

// TestCompareOldSchema: a user that data implies is no difference.
func TestCompareOldSchema(t *testing.T) {
	path := oldFile(t)
	was, _ := read(t, path)
	found, events := compare(t, path, append(lines(was...), memory.Record(`{"type":"node","data":{"id":"f"},"columns":{"user_id":"you"}}`)))
	if found.Same != 3 || found.Live != 3 || found.Rejected != 1 {
		t.Errorf("got %+v, %q, want 3 rows that are the same and a user that can't be kept", found, events)
	}
}

// TestNewest: the newest time that any row gives, in the ways that Neo.mjs
// writes it.
func TestNewest(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"Timestamp", `{"properties":{"timestamp":"2026-11-22T23:14:18.029Z"}}`, "2026-11-22T23:14:18.029Z"},
		{"UpdatedAfterCreated", `{"properties":{"createdAt":"2026-11-20T00:00:00Z","updatedAt":"2026-11-21T00:00:00Z"}}`, "2026-11-21T00:00:00Z"},
		{"CreatedAfterTimestamp", `{"properties":{"createdAt":"2026-11-20T00:00:00Z","timestamp":"2026-11-19T00:00:00Z"}}`, "2026-11-20T00:00:00Z"},
		{"Milliseconds", `{"properties":{"timestamp":1795417019658}}`, "2026-11-23T06:56:59.658Z"},
		{"Zone", `{"properties":{"timestamp":"2026-11-22T23:14:18+02:00"}}`, "2026-11-22T21:14:18Z"},
		{"NoZone", `{"properties":{"timestamp":"2026-11-22T23:14:18"}}`, "2026-11-22T23:14:18Z"},
		{"Date", `{"properties":{"createdAt":"2026\u002d11-22"}}`, "2026-11-22T00:00:00Z"},
		{"NoTime", `{"properties":{"timestamp":"now","createdAt":"2461000.5","updatedAt":null}}`, ""},
		{"NoProperties", `{"timestamp":"2026-11-22T23:14:18.029Z"}`, ""},
		{"NoObject", `{"properties":[1]}`, ""},
		{"NoJSON", `{"properties":{"timestamp":`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, table := range []string{"Nodes", "Edges"} {
				path := filepath.Join(t.TempDir(), "memory.sqlite")
				agent := live(t, path)
				run(t, agent, `INSERT INTO Nodes VALUES ('a', NULL, '{"properties":{"timestamp":0}}')`)
				if table == "Nodes" {
					run(t, agent, "INSERT INTO Nodes VALUES ('b', NULL, ?)", tt.data)
				} else {
					run(t, agent, "INSERT INTO Edges VALUES ('b', NULL, 'a', 'a', 'T', ?)", tt.data)
				}
				closed(t, agent)
				found, _ := compare(t, path, nil)
				got := ""
				if !found.Newest.IsZero() {
					got = found.Newest.Format(time.RFC3339Nano)
				}
				if got != tt.want {
					t.Errorf("%s: got %q, want %q", table, got, tt.want)
				}
			}
		})
	}
}

// TestCompareEnds with the first error that anyone has.
func TestCompareEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	stop := errors.New("enough")
	calls := 0
	_, err := newGraph(path).Compare(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(storetest.Graph("b", 60)),
		store.CompareOptions{Report: func(store.Event) error { calls++; return stop }})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d events, want the first to end it", err, calls)
	}
	_, err = newGraph(path).Compare(t.Context(), memory.SectionSpec{Name: memory.Graph},
		func(yield func(memory.Record, error) bool) { yield(nil, stop) }, store.CompareOptions{})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the sequence's error", err)
	}
	_, err = newGraph(path).Compare(t.Context(), memory.SectionSpec{Name: memory.Memories}, records(nil), store.CompareOptions{})
	if !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent for a section that is not the graph", err)
	}
}

// TestStageRefuses: each record that the target will not take, by its name.
func TestStageRefuses(t *testing.T) {
	const node = `{"type":"node","data":{"id":"a"}}`
	for _, tt := range []struct {
		name string
		rows []memory.Record
		want string
	}{
		{"NoRecord", lines(node, `{"type":"node"}`), `stage "record 2": offset 0`},
		{"NoType", lines(node, `{"type":"edge","data":{"id":"e","source":"a","target":"a"}}`), `stage "e": edge has no type`},
		{
			"NoSource", lines(node, `{"type":"edge","data":{"id":"e","source":"b","target":"a","type":"T"}}`),
			`stage "e": edge's node "b" is not among the records`,
		},
		{
			"NoTarget", lines(node, `{"type":"edge","data":{"id":"e","source":"a","target":"live","type":"T"}}`),
			`stage "e": edge's node "live" is not among the records`,
		},
		{"NodeTwice", lines(node, node), `stage "a": its id comes twice`},
		{
			"EdgeTwice", lines(node, `{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`,
				`{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"U"}}`),
			`stage "e": its id comes twice`,
		},
		{"NoColumn", lines(`{"type":"node","data":{"id":"f"},"columns":{"user_id":"you"}}`), `stage "f": the graph's tables have no column user_id`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			if tt.name == "NoColumn" {
				path = oldFile(t)
			} else {
				put(t, live(t, path), lines(`{"type":"node","data":{"id":"live"}}`))
			}
			was := state(t, filepath.Dir(path))
			s, err := newGraph(path).Stage(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(tt.rows), stageOptions)
			if err == nil || !strings.Contains(err.Error(), tt.want) || s != nil {
				t.Errorf("got %v, %v, want %q", s, err, tt.want)
			}
			if now := state(t, filepath.Dir(path)); now != was {
				t.Errorf("got files\n%swant\n%s", now, was)
			}
		})
	}
}

// TestStageNeedsAPlan and an operation, and the graph's section.
func TestStageNeedsAPlan(t *testing.T) {
	g := newGraph(filepath.Join(t.TempDir(), "memory.sqlite"))
	for name, opts := range map[string]store.StageOptions{
		"Plan":      {Operation: stageOptions.Operation},
		"Operation": {Plan: stageOptions.Plan},
	} {
		if _, err := g.Stage(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(nil), opts); err == nil {
			t.Errorf("got no error without %s", name)
		}
	}
	if _, err := g.Stage(t.Context(), memory.SectionSpec{Name: memory.Memories}, records(nil), stageOptions); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
}

// TestCheckFindsOthers: a second pass over the records that is not the first.
func TestCheckFindsOthers(t *testing.T) {
	first := storetest.Graph("a", 30)
	broken := errors.New("the bundle broke")
	for name, second := range map[string][]memory.Record{
		"Fewer":    first[:29],
		"More":     append(slices.Clone(first), memory.Record(`{"type":"node","data":{"id":"more"}}`)),
		"OtherID":  append(lines(`{"type":"node","data":{"id":"other"}}`), first[1:]...),
		"Data":     append(storetest.Graph("b", 30)[:1:1], first[1:]...),
		"User":     slices.Concat(first[:4], lines(`{"type":"node","data":{"id":" leading and trailing "}}`), first[5:]),
		"NoRecord": append(lines(`{}`), first[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			pass := 0
			s, err := newGraph(filepath.Join(t.TempDir(), "memory.sqlite")).Stage(t.Context(), memory.SectionSpec{Name: memory.Graph},
				func(yield func(memory.Record, error) bool) {
					rows := first
					if pass++; pass == 2 {
						rows = second
					}
					records(rows)(yield)
					if pass == 3 {
						yield(nil, broken)
					}
				}, stageOptions)
			if err != nil {
				t.Fatalf("stage: %v", err)
			}
			defer s.Close()
			if err := s.Check(t.Context()); !errors.Is(err, store.ErrStaged) {
				t.Errorf("got %v, want ErrStaged", err)
			}
			if err := s.Check(t.Context()); !errors.Is(err, broken) || errors.Is(err, store.ErrStaged) {
				t.Errorf("got %v, want the sequence's error", err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("got %v, want it good", err)
			}
		})
	}
}

// TestStagedClosed: what was let go does nothing more.
func TestStagedClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	s, leave := stage(t, newGraph(path), records(storetest.Graph("a", 30))), permit(t, path)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Check(t.Context()); err == nil {
		t.Error("check: got no error")
	}
	if _, err := s.Commit(t.Context(), leave, nil); err == nil {
		t.Error("commit: got no error")
	}
	if got := storetest.Names(t, filepath.Dir(path)); got != "" {
		t.Errorf("got files %s, want none", got)
	}
}

func closed(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

package graph_test

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// merge merges rows into the graph at path.
func merge(t *testing.T, path string, rows ...string) (store.Result, []store.Event) {
	t.Helper()
	return mergeAll(t, path, overwritten(rows), nil)
}

// mergeAll merges records and calls heard, if there is one, with each event.
func mergeAll(t *testing.T, path string, records iter.Seq2[memory.Record, error], heard func(store.Event)) (store.Result, []store.Event) {
	t.Helper()
	var events []store.Event
	result, err := newGraph(path).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph}, records,
		store.MergeOptions{Report: func(e store.Event) error {
			e.Record = slices.Clone(e.Record)
			events = append(events, e)
			if heard != nil {
				heard(e)
			}
			return nil
		}})
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	return result, events
}

func wantResult(t *testing.T, got, want store.Result) {
	t.Helper()
	want.Proof = store.ProofFull
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// wantEvents compares events as "outcome id: reason", Added ones aside.
func wantEvents(t *testing.T, events []store.Event, want ...string) {
	t.Helper()
	var got []string
	for _, e := range events {
		if e.Outcome != store.Added {
			got = append(got, fmt.Sprintf("%s %s: %s", e.Outcome, e.ID, e.Reason))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// query returns the rows of a query as text, a row a string.
func query(t *testing.T, path, text string) []string {
	t.Helper()
	db := open(t, path)
	defer db.Close()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			row = append(row, v.String)
		}
		all = append(all, strings.Join(row, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestIncidentL_MergeKeepsLiveEdges: INSERT OR REPLACE of a node deletes it
// first, and with it every edge that it has; and the older row wins.
func TestIncidentL_MergeKeepsLiveEdges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('a', NULL, '{"id":"a","label":"newer"}'), ('b', NULL, '{"id":"b"}');
		INSERT INTO Edges VALUES ('ab', NULL, 'a', 'b', 'KNOWS', '{"id":"ab"}')`)
	edges := query(t, path, "SELECT * FROM Edges")
	result, events := merge(t, path, `{"type":"node","data":{"id":"a","label":"older"}}`, `{"type":"node","data":{"id":"c"}}`)
	wantResult(t, result, store.Result{Records: 2, Added: 1, Same: 1, Differs: 1, Before: 3, After: 4})
	wantEvents(t, events, "differs a: the live row was kept")
	if got := query(t, path, "SELECT * FROM Edges"); !slices.Equal(got, edges) {
		t.Errorf("got edges %q, want %q", got, edges)
	}
	if got := query(t, path, "SELECT data FROM Nodes WHERE id = 'a'"); got[0] != `{"id":"a","label":"newer"}` {
		t.Errorf("got %q, want the live row", got)
	}
}

// TestNewDatabase compares what a merge makes of nothing with what Neo.mjs needs.
func TestNewDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "sqlite", "memory.sqlite")
	merge(t, path, `{"type":"node","data":{"id":"a"}}`, `{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`)
	for _, tt := range []struct{ query, want string }{
		{"PRAGMA user_version", "0"},
		{"PRAGMA journal_mode", "wal"},
		{
			"SELECT group_concat(name||' '||type||' '||\"notnull\"||pk, ', ') FROM pragma_table_info('Nodes')",
			"id TEXT 01, user_id TEXT 00, data TEXT 10",
		},
		{
			"SELECT group_concat(name||' '||type||' '||\"notnull\"||pk, ', ') FROM pragma_table_info('Edges')",
			"id TEXT 01, user_id TEXT 00, source TEXT 10, target TEXT 10, type TEXT 10, data TEXT 10",
		},
		{
			`SELECT group_concat("from"||' '||"table"||' '||"to"||' '||on_delete, ', ') FROM pragma_foreign_key_list('Edges')`,
			"target Nodes id CASCADE, source Nodes id CASCADE",
		},
		{
			"SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1)",
			"idx_edges_source idx_edges_target",
		},
		{
			"SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1)",
			"edge_delete edge_insert edge_update node_delete node_insert node_update",
		},
		{"SELECT group_concat(entity_id||' '||entity_type, ', ') FROM GraphLog", "a nodes, e edges"},
	} {
		if got := query(t, path, tt.query); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
	agent := open(t, path)
	run(t, agent, "UPDATE Nodes SET data = '{}'; DELETE FROM Nodes")
	if got := query(t, path, "SELECT group_concat(entity_id, ' ') FROM GraphLog"); got[0] != "a e a e a" && got[0] != "a e a a e" {
		t.Errorf("got log %q after an update and a delete that cascades", got)
	}
}

// TestTablesAdded: a file that has other tables, but none of a graph.
func TestTablesAdded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	run(t, open(t, path), "CREATE TABLE SchemaVersion (id, version); INSERT INTO SchemaVersion VALUES ('graph', 1)")
	result, _ := merge(t, path, `{"type":"node","data":{"id":"a"}}`)
	wantResult(t, result, store.Result{Records: 1, Added: 1, Same: 1, Created: true, After: 1})
	if got := query(t, path, "SELECT * FROM SchemaVersion"); !slices.Equal(got, []string{"graph|1"}) {
		t.Errorf("got %q in the other table, want it as it was", got)
	}
}

// TestOtherTables: only the triggers that are there write to other tables, once
// for each row that was added.
func TestOtherTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	merge(t, path, `{"type":"node","data":{"id":"a"}}`)
	run(t, open(t, path), "CREATE TABLE mc_tool_call_log (n); INSERT INTO mc_tool_call_log VALUES (1); DELETE FROM GraphLog")
	merge(t, path, `{"type":"node","data":{"id":"a","n":2}}`, `{"type":"node","data":{"id":"b"}}`)
	if got := query(t, path, "SELECT * FROM mc_tool_call_log"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %q, want the table untouched", got)
	}
	if got := query(t, path, "SELECT entity_id FROM GraphLog"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got log of %q, want b alone", got)
	}
}

// TestColumns: what a row holds goes back into the columns as it was.
func TestColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	rows := []string{
		`{"type":"node","data":{"id":"a","properties":{"userId":"me"}}}`,
		`{"type":"node","data":{"id":"b","properties":{"userId":"me"}},"columns":{"user_id":null}}`,
		`{"type":"node","data":{"id":"c"},"columns":{"user_id":"you"}}`,
		`{"type":"node","data":{"id":"x"},"columns":{"id":"d"}}`,
		`{"type":"node","raw":"torn {\n","columns":{"id":"e"}}`,
		`{"type":"edge","data":{"source":"a","target":"b","type":"T"}}`,
		`{"type":"edge","raw":"","columns":{"id":"g","user_id":"","source":"a","target":"c","type":""}}`,
		`{"type":"node","data":{"id":"f"},"columns":{"id":"f"}}`, // says twice what data implies
	}
	result, events := merge(t, path, rows...)
	wantResult(t, result, store.Result{Records: 8, Added: 8, Same: 8, Created: true, After: 8})
	wantEvents(t, events)
	want := []string{
		`a|me|{"id":"a","properties":{"userId":"me"}}`,
		`b|NULL|{"id":"b","properties":{"userId":"me"}}`,
		`c|you|{"id":"c"}`, `d|NULL|{"id":"x"}`, "e|NULL|torn {\n", `f|NULL|{"id":"f"}`,
	}
	if got := query(t, path, "SELECT id, user_id, data FROM Nodes ORDER BY id"); !slices.Equal(got, want) {
		t.Errorf("got nodes %q, want %q", got, want)
	}
	want = []string{`a->b:T|NULL|a|b|T|{"source":"a","target":"b","type":"T"}`, "g||a|c||"}
	if got := query(t, path, "SELECT id, user_id, source, target, type, data FROM Edges ORDER BY id"); !slices.Equal(got, want) {
		t.Errorf("got edges %q, want %q", got, want)
	}
}

// TestSameButWritten: rows that say the same in other bytes are the same.
func TestSameButWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	run(t, live(t, path), `INSERT INTO Nodes VALUES ('a', NULL, '{ "id" : "a", "f": 1.50, "n": 10 }'),
		('b', NULL, '{"id":"b","n":10}'), ('c', 'you', '{"id":"c"}')`)
	result, events := merge(t, path, `{"type":"node","data":{"n":10,"id":"\u0061","f":1.5}}`,
		`{"type":"node","data":{"id":"b","n":10.0}}`, `{"type":"node","data":{"id":"c"}}`)
	wantResult(t, result, store.Result{Records: 3, Same: 1, Differs: 2, Before: 3, After: 3})
	wantEvents(t, events, "differs b: the live row was kept", "differs c: the live row was kept")
}

// TestEdgeWithoutItsNode: it is reported with its row, and the rest goes in; in
// databases that don't declare the references too.
func TestEdgeWithoutItsNode(t *testing.T) {
	for _, tt := range []struct {
		name string
		path func(t *testing.T) string
	}{
		{"References", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "memory.sqlite") }},
		{"NoReferences", oldFile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			stray := `{"type":"edge","data":{"id":"no-target","source":"a","target":"nobody","type":"T"}}`
			_, events := merge(t, path,
				`{"type":"node","data":{"id":"a"}}`,
				`{"type":"edge","data":{"id":"no-source","source":"no \"one\"","target":"a","type":"T"}}`,
				stray,
				`{"type":"edge","data":{"id":"fine","source":"a","target":"a","type":"T"}}`)
			events = slices.DeleteFunc(events, func(e store.Event) bool { return e.Outcome == store.Differs })
			wantEvents(t, events,
				`rejected no-source: edge's node "no \"one\"" is not in the graph`,
				`rejected no-target: edge's node "nobody" is not in the graph`)
			if got := string(events[slices.IndexFunc(events, func(e store.Event) bool { return e.ID == "no-target" })].Record); got != stray {
				t.Errorf("got record %s, want %s", got, stray)
			}
			if got := query(t, path, "SELECT id FROM Edges WHERE id IN ('fine', 'no-source', 'no-target')"); !slices.Equal(got, []string{"fine"}) {
				t.Errorf("got edges %q, want fine alone", got)
			}
		})
	}
}

// TestRejected: a row that the database will not take keeps no other out.
func TestRejected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	run(t, live(t, path), `CREATE TRIGGER guard BEFORE INSERT ON Nodes WHEN NEW.id = 'evil' BEGIN
		SELECT RAISE(ABORT, 'not this one'); END`)
	result, events := merge(t, path,
		`{"type":"node","data":{"id":"a"}}`,
		`{"type":"node","data":{"id":"evil"}}`,
		`{"type":"node","data":{"id":""}}`,
		`{"type":"edge","data":{"id":"e","source":"a","target":"a"}}`,
		`{"type":"edge","data":{"id":"f","source":"a","target":"evil","type":"T"}}`,
		`{"type":"node","data":{"id":"b"}}`)
	wantResult(t, result, store.Result{Records: 6, Added: 2, Same: 2, Rejected: 4, After: 2})
	for i, want := range []string{"record 3: offset", "e: edge has no type", "evil: constraint failed: not this one", `f: edge's node "evil"`} {
		rejected := slices.DeleteFunc(slices.Clone(events), func(e store.Event) bool { return e.Outcome != store.Rejected })
		if got := rejected[i].ID + ": " + rejected[i].Reason; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want it to begin with %q", got, want)
		}
	}
}

// TestOtherReferences: what else the database declares is kept too.
func TestOtherReferences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	run(t, open(t, path), `CREATE TABLE Users (id TEXT PRIMARY KEY); INSERT INTO Users VALUES ('me');
		CREATE TABLE Nodes (id TEXT PRIMARY KEY, user_id TEXT REFERENCES Users, data TEXT NOT NULL);
		CREATE TABLE Edges (id TEXT PRIMARY KEY, source TEXT, target TEXT, type TEXT, data TEXT)`)
	result, events := merge(t, path,
		`{"type":"node","data":{"id":"a","properties":{"userId":"me"}}}`,
		`{"type":"node","data":{"id":"b","properties":{"userId":"nobody"}}}`)
	wantResult(t, result, store.Result{Records: 2, Added: 1, Same: 1, Rejected: 1, After: 1})
	if e := events[len(events)-1]; e.ID != "b" || !strings.Contains(e.Reason, "FOREIGN KEY") {
		t.Errorf("got %+v, want b rejected for its user", e)
	}
}

// TestTwiceInTheSequence: the second row of an id meets the first.
func TestTwiceInTheSequence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	result, events := merge(t, path, `{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"a"}}`,
		`{"type":"node","data":{"id":"a","n":1}}`, `{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`,
		`{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`)
	wantResult(t, result, store.Result{Records: 5, Added: 2, Same: 4, Differs: 1, Created: true, After: 2})
	wantEvents(t, events, "differs a: the live row was kept")
}

// TestAnyOrder: edges that come before their nodes.
func TestAnyOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	result, _ := merge(t, path, `{"type":"edge","data":{"id":"e","source":"a","target":"a","type":"T"}}`, `{"type":"node","data":{"id":"a"}}`)
	wantResult(t, result, store.Result{Records: 2, Added: 2, Same: 2, Created: true, After: 2})
}

// TestOldTarget merges into a file of a version without user_id: its table stays
// as it is, and a user that would be lost is not lost silently.
func TestOldTarget(t *testing.T) {
	path := oldFile(t)
	run(t, open(t, path), `INSERT INTO Nodes VALUES ('h', '{ "id": "h", "properties": {"userId":"me"} }')`)
	result, events := merge(t, path,
		`{"type":"node","data":{"id":"h","properties":{"userId":"me"}},"columns":{"user_id":null}}`,
		`{"type":"node","data":{"id":"a","properties":{"userId":"me"}}}`,
		`{"type":"node","data":{"id":"c","properties":{"userId":"you"}}}`,
		`{"type":"node","data":{"id":"d","properties":{"userId":"you"}},"columns":{"user_id":null}}`,
		`{"type":"node","data":{"id":"f"},"columns":{"user_id":"you"}}`,
		`{"type":"edge","data":{"id":"g","source":"c","target":"a","type":"T"}}`)
	wantResult(t, result, store.Result{Records: 6, Added: 3, Same: 5, Rejected: 1, Before: 4, After: 7})
	wantEvents(t, events, "rejected f: the graph's tables have no column user_id for its user; "+
		"start the Neo.mjs of this graph once, which adds it")
	if got := query(t, path, "SELECT group_concat(name) FROM pragma_table_info('Nodes')"); got[0] != "id,data" {
		t.Errorf("got columns %q, want those that were there", got)
	}
}

// TestMeanwhile: rows that their owner deletes or changes between the writing
// and the proof.
func TestMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('old', NULL, '{"id":"old"}')`)
	rows := []string{`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"b"}}`, `{"type":"node","data":{"id":"old"}}`}
	result, events := mergeAll(t, path, overwritten(rows), func(e store.Event) {
		if e.ID == "b" && e.Outcome == store.Added {
			run(t, agent, `DELETE FROM Nodes WHERE id IN ('a', 'old'); UPDATE Nodes SET data = '{}' WHERE id = 'b'`)
		}
	})
	wantResult(t, result, store.Result{Records: 3, Added: 2, Differs: 1, Removed: 2, Unkept: 2, Before: 1, After: 1})
	wantEvents(t, events,
		"removed a: it was in the graph, and was deleted while the merge ran",
		"differs b: it was put in, and was changed while the merge ran; the live row was kept",
		"removed old: it was in the graph, and was deleted while the merge ran")
}

// TestChunks merges more than one transaction holds, over rows that are in parts
// there already.
func TestChunks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	all := storetest.Graph("a", 15000)
	nodes := 10000
	odd := func(rows []memory.Record) (some []memory.Record) {
		for i := 1; i < len(rows); i += 2 {
			some = append(some, rows[i])
		}
		return some
	}
	held := append(slices.Clone(all[:6000]), odd(all[6000:nodes])...)
	result, events := mergeAll(t, path, records(held), nil)
	wantResult(t, result, store.Result{Records: 8000, Added: 8000, Same: 8000, Created: true, After: 8000})
	result, more := mergeAll(t, path, records(all), nil)
	wantResult(t, result, store.Result{Records: 15000, Added: 7000, Same: 15000, Before: 8000, After: 15000})
	ids := map[string]bool{}
	for _, e := range slices.Concat(events, more) {
		ids[e.ID] = true
	}
	if len(ids) != 15000 {
		t.Errorf("got events about %d rows, want each of 15000 to be reported as added once", len(ids))
	}
}

func records(rows []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for _, rec := range rows {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// TestLocked: an agent that does not let go. Nothing has been written then.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, "BEGIN IMMEDIATE")
	result, err := newGraph(path).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
		overwritten([]string{`{"type":"node","data":{"id":"a"}}`}), store.MergeOptions{})
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "another process holds its lock") {
		t.Errorf("got %v, want ErrUnreachable and why", err)
	}
	if result.Added != 0 || result.Records != 1 {
		t.Errorf("got %+v, want nothing added", result)
	}
	run(t, agent, "COMMIT")
	if got := query(t, path, "SELECT count(*) FROM Nodes"); got[0] != "0" {
		t.Errorf("got %s nodes, want none", got[0])
	}
}

// TestPatience: an agent that holds the lock for longer than one wait.
func TestPatience(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, "BEGIN IMMEDIATE")
	released := make(chan error, 1)
	release := sync.OnceFunc(func() {
		time.AfterFunc(500*time.Millisecond, func() {
			_, err := agent.Exec("COMMIT")
			released <- err
		})
	})
	g := graph.New(graph.Config{Path: path, BusyTimeout: 200 * time.Millisecond})
	result, err := g.Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
		func(yield func(memory.Record, error) bool) {
			yield(memory.Record(`{"type":"node","data":{"id":"a"}}`), nil)
			release() // now the lock is what the merge waits for
		}, store.MergeOptions{})
	if err != nil || result.Added != 1 {
		t.Errorf("got %+v, %v, want the merge to have waited again", result, err)
	}
	if err := <-released; err != nil {
		t.Error(err)
	}
}

// TestBrokenSequence: what broke while it was staged has made nothing.
func TestBrokenSequence(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("the bundle broke")
	_, err := newGraph(filepath.Join(dir, "new", "memory.sqlite")).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
		func(yield func(memory.Record, error) bool) {
			if yield(memory.Record(`{"type":"node","data":{"id":"a"}}`), nil) {
				yield(nil, broken)
			}
		}, store.MergeOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the sequence's error", err)
	}
	if got := storetest.Names(t, dir); got != "" {
		t.Errorf("got files %q, want none", got)
	}
}

// TestOtherSecondPass: a proof is of the rows that were put in, or none.
func TestOtherSecondPass(t *testing.T) {
	for name, second := range map[string][]string{
		"Other": {"a", "c"}, "Fewer": {"a"}, "More": {"a", "b", "c"},
	} {
		t.Run(name, func(t *testing.T) {
			pass := 0
			_, err := newGraph(filepath.Join(t.TempDir(), "memory.sqlite")).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
				func(yield func(memory.Record, error) bool) {
					ids := []string{"a", "b"}
					if pass++; pass == 2 {
						ids = second
					}
					for _, id := range ids {
						if !yield(memory.Record(`{"type":"node","data":{"id":"`+id+`"}}`), nil) {
							return
						}
					}
				}, store.MergeOptions{})
			if err == nil || !strings.Contains(err.Error(), "not those of the first pass") {
				t.Errorf("got %v, want an error that says so", err)
			}
		})
	}
}

// TestNoCheckpoint: the log of a database that an agent has open stays its own.
func TestNoCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	agent := open(t, path)
	run(t, agent, "SELECT count(*) FROM Nodes")
	before := hash(t, path)
	var rows []string
	for i := range 3000 { // more than the 1,000 pages after which SQLite makes one
		rows = append(rows, fmt.Sprintf(`{"type":"node","data":{"id":"n%d","text":%q}}`, i, strings.Repeat("x", 2000)))
	}
	merge(t, path, rows...)
	if hash(t, path) != before {
		t.Error("a merge beside an agent changed the main file: it made a checkpoint")
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("got %v, %v, want the rows in the log", info, err)
	}
}

// A row that the database took without a word and has not was never in: it is missing,
// also where another trigger took it away in the same breath. Rows that were there, and
// go while the merge runs, are removed.
func TestTrue_03_NeverInIsMissing(t *testing.T) {
	for name, trigger := range map[string]string{
		"Ignored":   `BEFORE INSERT ON Nodes WHEN NEW.id LIKE 'x%' BEGIN SELECT RAISE(IGNORE); END`,
		"TakenAway": `AFTER INSERT ON Nodes WHEN NEW.id LIKE 'x%' BEGIN DELETE FROM Nodes WHERE id = NEW.id; END`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			run(t, live(t, path), `CREATE TRIGGER sieve `+trigger)
			result, events := merge(t, path,
				`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"x1"}}`, `{"type":"node","data":{"id":"x2"}}`,
				`{"type":"node","data":{"id":"b"}}`)
			wantResult(t, result, store.Result{Records: 4, Added: 2, Same: 2, Missing: 2, After: 2})
			never := "the database took it and said nothing, but it was never in: a trigger may have left it out"
			wantEvents(t, events, "missing x1: "+never, "missing x2: "+never)
		})
	}
}

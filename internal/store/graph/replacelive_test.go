package graph_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// TestReplaceBesideAWriter replaces while another process writes all the time
// and a reader has a transaction open: the one never waits five seconds in vain,
// the other sees one moment, and what is there then is the new graph and what was
// written after it.
func TestReplaceBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	want := storetest.Graph("b", 20000)
	put(t, live(t, path), storetest.Graph("a", 20000))
	reader := open(t, path)
	run(t, reader, "BEGIN")
	seen := counted(t, reader, "Nodes")
	writer := startWriter(t, path)

	s := stage(t, newPatient(path), records(want))
	if _, err := s.Commit(t.Context(), permit(t, path), nil); err != nil {
		t.Fatalf("commit beside a writer: %v", err)
	}
	if got := counted(t, reader, "Nodes"); got != seen {
		t.Errorf("got %d nodes in the reader's transaction, want %d as before", got, seen)
	}
	run(t, reader, "COMMIT")
	wantOneMoment(t, path)
	commits, slowest := writer.stop(t)
	if commits < 10 {
		t.Errorf("the writer made %d commits, want it to have been at work", commits)
	}
	if slowest > 5*time.Second {
		t.Errorf("a commit of the writer took %v, want at most 5s", slowest)
	}
	t.Logf("%d commits, the slowest in %v", commits, slowest)
	rows, _ := read(t, path)
	var ours []string
	for _, row := range rows {
		if !strings.Contains(row, `"columns":{"id":"from-`) && !strings.Contains(row, `"columns":{"id":"to-`) && !strings.Contains(row, `"between-`) {
			ours = append(ours, row)
		}
	}
	if len(ours) != len(want) {
		t.Errorf("got %d rows beside the writer's, want %d", len(ours), len(want))
	}
}

func counted(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReplaceLogsWhatChanged: the triggers of the database hear of the rows that
// differ, and the log of a database that an agent has open stays its own.
func TestReplaceLogsWhatChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	merge(t, path, `{"type":"node","data":{"id":"same", "f":1.50}}`, `{"type":"node","data":{"id":"other"}}`,
		`{"type":"node","data":{"id":"lost"}}`, `{"type":"edge","data":{"id":"e","source":"other","target":"same","type":"T"}}`,
		`{"type":"edge","data":{"id":"moves","source":"lost","target":"lost","type":"T"}}`)
	agent := open(t, path)
	run(t, agent, "DELETE FROM GraphLog; SELECT count(*) FROM Nodes")
	main := hash(t, path)
	replace(t, path, nil, lines(`{"type":"node","data":{"f":1.5,"id":"same"}}`, `{"type":"node","data":{"id":"other","n":1}}`,
		`{"type":"node","data":{"id":"new"}}`, `{"type":"edge","data":{"id":"e","source":"other","target":"same","type":"T"}}`,
		`{"type":"edge","data":{"id":"moves","source":"new","target":"same","type":"T"}}`))
	if hash(t, path) != main {
		t.Error("a replace beside an agent changed the main file: it made a checkpoint")
	}
	wantRows(t, query(t, path, "SELECT entity_type || ' ' || entity_id FROM GraphLog ORDER BY log_id"),
		"nodes other", "nodes new", "edges moves", "nodes lost")
	wantRows(t, query(t, path, "SELECT id FROM Nodes ORDER BY rowid"), "same", "other", "new")
	wantRows(t, query(t, path, "SELECT * FROM Edges ORDER BY rowid"),
		`e|NULL|other|same|T|{"id":"e","source":"other","target":"same","type":"T"}`,
		`moves|NULL|new|same|T|{"id":"moves","source":"new","target":"same","type":"T"}`)
}

// TestReplaceLeavesOtherTables byte for byte, and columns that are none of ours.
func TestReplaceLeavesOtherTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `ALTER TABLE Nodes ADD COLUMN embedding BLOB;
		INSERT INTO Nodes VALUES ('a', NULL, '{"id":"a"}', x'0102'), ('b', NULL, '{"id":"b"}', x'03');
		CREATE TABLE SummarizationJobs (id, state, blob); CREATE TABLE SchemaVersion (id, version);
		CREATE TABLE mc_tool_call_log (n INTEGER PRIMARY KEY, node TEXT);
		INSERT INTO SummarizationJobs VALUES (1, 'done', x'00ff'), (2, NULL, 0.1); INSERT INTO SchemaVersion VALUES ('graph', 1);
		INSERT INTO mc_tool_call_log VALUES (7, 'a'), (9, 'b')`)
	others := func() (all []string) {
		for _, table := range []string{"SummarizationJobs", "SchemaVersion", "mc_tool_call_log", "sqlite_schema"} {
			all = append(all, query(t, path, "SELECT rowid, * FROM "+table)...)
		}
		return all
	}
	was := others()
	replace(t, path, nil, lines(`{"type":"node","data":{"id":"a","n":1}}`))
	wantRows(t, others(), was...)
	wantRows(t, query(t, path, "SELECT id, data, hex(embedding) FROM Nodes"), `a|{"id":"a","n":1}|0102`)
}

// TestReplaceRefused: what the database will not have is not done by halves.
func TestReplaceRefused(t *testing.T) {
	const refers = `CREATE TABLE notes (n, node TEXT REFERENCES Nodes(id) ON DELETE CASCADE); INSERT INTO notes VALUES (1, 'row-000020')`
	rows := storetest.Graph("a", 300)
	for _, tt := range []struct {
		name, ddl, want string
	}{
		{
			"Abort", `CREATE TRIGGER t BEFORE DELETE ON Edges BEGIN SELECT RAISE(ABORT, 'not this one'); END`,
			"not this one",
		},
		{
			"Ignore", `CREATE TRIGGER t BEFORE DELETE ON Nodes WHEN OLD.id = 'row-000100' BEGIN SELECT RAISE(IGNORE); END`,
			"delete nodes: they were 159, not 160",
		},
		{
			"AddsRows", `CREATE TRIGGER t AFTER INSERT ON Nodes BEGIN INSERT INTO Nodes VALUES ('more', NULL, '{}') ON CONFLICT DO NOTHING; END;
			DELETE FROM Edges; DELETE FROM Nodes WHERE id = 'row-000012'`,
			"count nodes: they would be 41, not 40",
		},
		{
			"MovesAnEdge", `CREATE TRIGGER t AFTER UPDATE ON Edges BEGIN UPDATE Edges SET source = 'nobody' WHERE id = NEW.id; END`,
			"check references: row",
		},
		{"OtherTableRefers", refers + `; UPDATE notes SET node = 'row-000100'`, "of notes would refer to a row that Nodes has not"},
		{"OtherTableRefersToWhatStays", refers, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			put(t, live(t, path), rows)
			agent := open(t, path)
			run(t, agent, tt.ddl)
			was, _ := read(t, path)
			want := storetest.Graph("b", 60)
			s := stage(t, newGraph(path), records(want))
			_, err := s.Commit(t.Context(), permit(t, path), nil)
			if tt.want == "" {
				if err != nil {
					t.Errorf("commit: %v", err)
				}
				wantContent(t, path, want)
				wantRows(t, query(t, path, "SELECT * FROM notes"), "1|row-000020")
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			now, _ := read(t, path)
			wantRows(t, now, was...)
		})
	}
}

// TestReplaceOldSchema: tables without user_id and without declared references.
func TestReplaceOldSchema(t *testing.T) {
	path := oldFile(t)
	was, _ := read(t, path)
	rows := lines(`{"type":"node","data":{"id":"a","properties":{"userId":"me"},"n":1}}`,
		`{"type":"node","data":{"id":"d","properties":{"userId":"you"}}}`,
		`{"type":"edge","data":{"id":"e","source":"a","target":"d","type":"KNOWS"}}`)
	replace(t, path, lines(was...), rows)
	wantContent(t, path, rows)
	wantRows(t, query(t, path, "SELECT group_concat(name) FROM pragma_table_info('Nodes')"), "id,data")

	run(t, open(t, path), `CREATE TRIGGER t AFTER INSERT ON Edges BEGIN UPDATE Edges SET target = 'nobody' WHERE id = NEW.id; END`)
	s := stage(t, newGraph(path), records(append(rows, memory.Record(`{"type":"edge","data":{"id":"f","source":"a","target":"d","type":"T"}}`))))
	if _, err := s.Commit(t.Context(), permit(t, path), nil); err == nil || !strings.Contains(err.Error(), `edge "f" would lack a node`) {
		t.Errorf("got %v, want the edge named", err)
	}
	wantContent(t, path, rows)
}

// TestSchemaGotOlder: tables that can't hold any more what was staged for them.
func TestSchemaGotOlder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	s, leave := stage(t, newGraph(path), records(storetest.Graph("b", 30))), permit(t, path)
	run(t, open(t, path), "ALTER TABLE Nodes DROP COLUMN user_id")
	was, _ := read(t, path)
	for range 2 {
		if _, err := s.Commit(t.Context(), leave, nil); !errors.Is(err, store.ErrMoved) {
			t.Errorf("got %v, want ErrMoved", err)
		}
	}
	now, _ := read(t, path)
	wantRows(t, now, was...)
}

// TestReplaceLocked: an agent that does not let go.
func TestReplaceLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	agent := open(t, path)
	s, leave := stage(t, newGraph(path), records(storetest.Graph("b", 60))), permit(t, path)
	run(t, agent, "BEGIN IMMEDIATE")
	if _, err := s.Commit(t.Context(), leave, nil); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "another process holds its lock") {
		t.Errorf("got %v, want ErrUnreachable and why", err)
	}
	run(t, agent, "COMMIT")
	wantContent(t, path, storetest.Graph("a", 30))
	if _, err := s.Commit(t.Context(), leave, nil); err != nil {
		t.Errorf("after the agent let go: %v", err)
	}
	wantContent(t, path, storetest.Graph("b", 60))
}

// TestReplaceIsUnseen: until the commit others see the old graph, whole.
func TestReplaceIsUnseen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), before())
	g, looks := newPatient(path), 0
	graph.OnStep(g, func(name string) {
		if name != "committed" {
			wantContent(t, path, before())
			looks++
		}
	})
	s := stage(t, g, records(after(0)))
	if _, err := s.Commit(t.Context(), permit(t, path), records(before())); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if looks != len(steps)-1 {
		t.Errorf("got %d looks, want one at each step", looks)
	}
	wantContent(t, path, after(0))
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("a log is left of a database that nobody has open")
	}
}

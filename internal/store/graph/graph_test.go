package graph_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Factory{New: newFixture, Unreachable: unreachable, Rejects: true})
}

func newFixture(t *testing.T) storetest.Fixture {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	g := newGraph(path)
	return storetest.Fixture{
		Store: g, Target: g,
		Spec:   memory.SectionSpec{Name: memory.Graph, Kind: memory.Elements},
		Put:    func(t *testing.T, rows []memory.Record) { put(t, live(t, path), rows) },
		Delete: func(t *testing.T, ids []string) { remove(t, live(t, path), ids) },
		State:  func(t *testing.T) string { return state(t, filepath.Dir(path)) },
	}
}

func newGraph(path string) *graph.Graph {
	return graph.New(graph.Config{Path: path, BusyTimeout: 100 * time.Millisecond, Now: time.Now})
}

// newPatient waits as long as it does by default.
func newPatient(path string) *graph.Graph {
	return graph.New(graph.Config{Path: path, Now: time.Now})
}

func unreachable(t *testing.T) (store.Store, store.Target, memory.Section) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	write(t, path, strings.Repeat("this is no database\n", 400))
	g := newGraph(path)
	return g, g, memory.Graph
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// state is the names, sizes and hashes of the files of a folder.
func state(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %.8x\n", entry.Name(), len(content), sha256.Sum256(content))
	}
	return b.String()
}

// schema is what an agent makes of an empty file.
const schema = `
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS Nodes (id TEXT PRIMARY KEY, user_id TEXT, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS Edges (id TEXT PRIMARY KEY, user_id TEXT, source TEXT NOT NULL, target TEXT NOT NULL,
	type TEXT NOT NULL, data TEXT NOT NULL,
	FOREIGN KEY (source) REFERENCES Nodes(id) ON DELETE CASCADE,
	FOREIGN KEY (target) REFERENCES Nodes(id) ON DELETE CASCADE);`

// live opens the database as an agent does, until the test ends.
func live(t *testing.T, path string) *sql.DB {
	t.Helper()
	db := open(t, path)
	run(t, db, schema)
	return db
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	return openFor(t, path)
}

func openFor(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() }) // some tests close it before
	return db
}

func run(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// put inserts rows as an agent does, and lets go of the database.
func put(t *testing.T, db *sql.DB, rows []memory.Record) {
	t.Helper()
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var scanner record.Scanner
	for _, rec := range rows {
		e, err := scanner.Element(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := insert(tx, rec, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func insert(tx *sql.Tx, rec memory.Record, e *record.Element) error {
	data := string(e.Data.Of(rec))
	if !e.Raw.Empty() {
		raw, err := record.AppendUnquoted(nil, e.Raw.Of(rec))
		if err != nil {
			return err
		}
		data = string(raw)
	}
	var user any
	if e.UserID != nil {
		user = string(e.UserID)
	}
	if !e.Edge {
		_, err := tx.Exec("INSERT INTO Nodes VALUES (?,?,?)", string(e.ID), user, data)
		return err
	}
	_, err := tx.Exec("INSERT INTO Edges VALUES (?,?,?,?,?,?)", string(e.ID), user,
		string(e.Source), string(e.Target), string(e.Type), data)
	return err
}

func remove(t *testing.T, db *sql.DB, ids []string) {
	t.Helper()
	defer db.Close()
	for _, id := range ids {
		run(t, db, "DELETE FROM Edges WHERE id = ?", id)
		run(t, db, "DELETE FROM Nodes WHERE id = ?", id)
	}
}

package graph

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/store/sqlitefile"
)

// neoSchema is what Neo.mjs makes of an empty file (ai/graph/storage/SQLite.mjs,
// 13.1.0), as far as the graph goes: the two tables, their indexes, and the log
// by which its processes hear of each other's changes. The tables that are no
// part of a bundle it adds at its next start, and columns that later versions
// have as well. user_version stays 0.
const neoSchema = `
CREATE TABLE IF NOT EXISTS Nodes (
    id TEXT PRIMARY KEY,
    user_id TEXT,
    data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS Edges (
    id TEXT PRIMARY KEY,
    user_id TEXT,
    source TEXT NOT NULL REFERENCES Nodes(id) ON DELETE CASCADE,
    target TEXT NOT NULL REFERENCES Nodes(id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_edges_source ON Edges(source);
CREATE INDEX IF NOT EXISTS idx_edges_target ON Edges(target);
CREATE TABLE IF NOT EXISTS GraphLog (
    log_id INTEGER PRIMARY KEY AUTOINCREMENT,
    entity_id TEXT NOT NULL,
    entity_type TEXT NOT NULL
);`

// neoTriggers fill the log: one for each event on each table.
func neoTriggers() (ddl string) {
	const trigger = `
CREATE TRIGGER IF NOT EXISTS %s_%s AFTER %s ON %s BEGIN
    INSERT INTO GraphLog(entity_id, entity_type) VALUES (%s.id, '%s');
END;`
	for _, on := range []struct{ prefix, table, entity string }{{"node", "Nodes", "nodes"}, {"edge", "Edges", "edges"}} {
		for _, event := range []struct{ name, verb, row string }{
			{"insert", "INSERT", "NEW"}, {"update", "UPDATE", "NEW"}, {"delete", "DELETE", "OLD"},
		} {
			ddl += fmt.Sprintf(trigger, on.prefix, event.name, event.verb, on.table, event.row, on.entity)
		}
	}
	return ddl
}

// create makes the database with the schema of Neo.mjs, or adds the tables to a
// file that has none.
func create(ctx context.Context, path string, busy time.Duration) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	conn, err := sqlitefile.Open(ctx, path, sqlitefile.Create, busy)
	if err != nil {
		return err
	}
	err = conn.Exec(ctx, "PRAGMA journal_mode = WAL")
	if err == nil {
		err = conn.Exec(ctx, "BEGIN IMMEDIATE;"+neoSchema+neoTriggers()+"COMMIT;")
	}
	return errors.Join(err, conn.Close())
}

// tables says what a database has of a graph.
type tables struct {
	nodes, edges []string // names of the columns; none without the table
}

func findTables(ctx context.Context, conn *sqlitefile.Conn, schema string) (t tables, err error) {
	if t.nodes, err = columnsOf(ctx, conn, schema, "Nodes"); err != nil {
		return tables{}, err
	}
	if t.edges, err = columnsOf(ctx, conn, schema, "Edges"); err != nil {
		return tables{}, err
	}
	return t, t.check()
}

func columnsOf(ctx context.Context, conn *sqlitefile.Conn, schema, table string) ([]string, error) {
	return sqlitefile.All[string](ctx, conn, "SELECT name FROM pragma_table_info(?, ?)", table, schema)
}

// check refuses a database that has some of a graph, but not all of it.
func (t tables) check() error {
	if len(t.nodes) == 0 && len(t.edges) == 0 {
		return nil
	}
	for _, want := range []struct {
		table   string
		columns []string
		have    []string
	}{
		{"Nodes", []string{"id", "data"}, t.nodes},
		{"Edges", []string{"id", "source", "target", "type", "data"}, t.edges},
	} {
		for _, column := range want.columns {
			if !slices.Contains(want.have, column) {
				return fmt.Errorf("it is no graph: table %s has no column %s", want.table, column)
			}
		}
	}
	return nil
}

func (t tables) exist() bool { return len(t.nodes) > 0 }

// hasUser reports whether nodes, or edges, have the column user_id. Files of
// older versions lack it.
func (t tables) hasUser(edge bool) bool {
	if edge {
		return slices.Contains(t.edges, "user_id")
	}
	return slices.Contains(t.nodes, "user_id")
}

//go:build bench

package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the driver that keepsake uses
)

// graphSchema is Neo.mjs's, as far as it matters here.
func graphSchema() []string {
	return []string{
		`CREATE TABLE Nodes (id TEXT PRIMARY KEY, user_id TEXT, data TEXT NOT NULL)`,
		`CREATE TABLE Edges (id TEXT PRIMARY KEY, user_id TEXT, source TEXT NOT NULL, target TEXT NOT NULL,
			type TEXT NOT NULL, data TEXT NOT NULL,
			FOREIGN KEY (source) REFERENCES Nodes(id) ON DELETE CASCADE,
			FOREIGN KEY (target) REFERENCES Nodes(id) ON DELETE CASCADE)`,
		`CREATE INDEX idx_edges_source ON Edges(source)`,
		`CREATE INDEX idx_edges_target ON Edges(target)`,
	}
}

// graphRow is a row of Nodes, or, with a source, of Edges.
type graphRow struct {
	id, user, source, target, data string
}

// graphRows makes two thirds nodes and one third edges, in an order that is not
// that of their ids.
func graphRows(elements int) []graphRow {
	nodes := elements * 2 / 3
	rows := make([]graphRow, 0, elements)
	for i := range nodes {
		rows = append(rows, nodeRow(i))
	}
	for i := range elements - nodes {
		rows = append(rows, edgeRow(i, nodes))
	}
	return rows
}

// scattered is a number of its own for each i, far from that of the next one.
func scattered(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }

func nodeID(i int) string { return fmt.Sprintf("node-%016x", scattered(i)) }

func nodeRow(i int) graphRow {
	const data = `{"id":%q,"label":"Class","properties":{"name":"worker %d","description":"what the turn %d of a session was about, and what was decided in it","createdAt":"2026-11-22T23:14:18.029Z","userId":%q}}`
	id, user := nodeID(i), fmt.Sprintf("@agent-%d", i%8)
	return graphRow{id: id, user: user, data: fmt.Sprintf(data, id, i, i, user)}
}

func edgeRow(i, nodes int) graphRow {
	const data = `{"id":%q,"source":%q,"target":%q,"type":"RELATES_TO","properties":{"weight":0.%03d,"userId":null}}`
	id, source, target := fmt.Sprintf("edge-%016x", scattered(i)), nodeID(i), nodeID((i*7+1)%nodes)
	return graphRow{id: id, source: source, target: target, data: fmt.Sprintf(data, id, source, target, i%1000)}
}

// openGraph gives SQLite the cache that keepsake's merge gives it.
func openGraph(path string) (*sql.DB, error) {
	const pragmas = "_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=cache_size(-16384)"
	db, err := sql.Open("sqlite", "file:"+path+"?"+pragmas)
	if err != nil {
		return nil, fmt.Errorf("open graph: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// bareInserts puts rows into a new database: prepared statements in one
// transaction and nothing else. It says how long the inserts and their commit
// took.
func bareInserts(ctx context.Context, path string, schema []string, rows []graphRow) (time.Duration, error) {
	db, err := openGraph(path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return 0, fmt.Errorf("make schema: %w", err)
		}
	}
	start := time.Now()
	if err := insertAll(ctx, db, rows); err != nil {
		return 0, fmt.Errorf("insert graph: %w", err)
	}
	return time.Since(start), db.Close()
}

func insertAll(ctx context.Context, db *sql.DB, rows []graphRow) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing to roll back after the commit
	node, err := tx.PrepareContext(ctx, `INSERT INTO Nodes (id, user_id, data) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer node.Close()
	edge, err := tx.PrepareContext(ctx, `INSERT INTO Edges (id, source, target, type, data) VALUES (?, ?, ?, 'RELATES_TO', ?)`)
	if err != nil {
		return err
	}
	defer edge.Close()
	for i := range rows {
		if err := insert(node, edge, &rows[i]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// insert takes no context: watching one costs the driver a goroutine a row,
// and the loop is to be as bare as it gets.
func insert(node, edge *sql.Stmt, r *graphRow) error {
	if r.source == "" {
		_, err := node.Exec(r.id, r.user, r.data)
		return err
	}
	_, err := edge.Exec(r.id, r.source, r.target, r.data)
	return err
}

// checkGraph counts a graph's elements and returns its schema as statements.
func checkGraph(ctx context.Context, path string, elements int) ([]string, error) {
	db, err := openGraph(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM Nodes) + (SELECT count(*) FROM Edges)`).Scan(&n); err != nil {
		return nil, fmt.Errorf("count graph: %w", err)
	}
	if n != elements {
		return nil, fmt.Errorf("the merged graph has %d elements, want %d", n, elements)
	}
	return schemaOf(ctx, db)
}

func schemaOf(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		all = append(all, statement)
	}
	return all, rows.Err()
}

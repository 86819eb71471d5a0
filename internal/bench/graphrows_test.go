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

func openGraph(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("open graph: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// bareInserts makes a graph of two thirds nodes and one third edges: prepared
// statements in one transaction and nothing else. It says how long the inserts
// and their commit took.
func bareInserts(ctx context.Context, path string, schema []string, elements int) (time.Duration, error) {
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
	if err := insertGraph(ctx, db, elements*2/3, elements); err != nil {
		return 0, fmt.Errorf("insert graph: %w", err)
	}
	return time.Since(start), db.Close()
}

func insertGraph(ctx context.Context, db *sql.DB, nodes, elements int) error {
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
	edge, err := tx.PrepareContext(ctx, `INSERT INTO Edges (id, user_id, source, target, type, data) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer edge.Close()
	for i := range nodes {
		if err := insertNode(ctx, node, i); err != nil {
			return err
		}
	}
	for i := range elements - nodes {
		if err := insertEdge(ctx, edge, i, nodes); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func nodeID(i int) string { return fmt.Sprintf("node-%016x", uint64(i)*0x9e3779b97f4a7c15) }

func insertNode(ctx context.Context, insert *sql.Stmt, i int) error {
	id, user := nodeID(i), fmt.Sprintf("@agent-%d", i%8)
	data := fmt.Sprintf(`{"id":%q,"label":"Class","properties":{"name":"worker %d","description":"a node that remembers the turn %d of its session and what was decided in it","createdAt":"2026-11-22T23:14:18.029Z","userId":%q}}`, id, i, i, user)
	_, err := insert.ExecContext(ctx, id, user, data)
	return err
}

func insertEdge(ctx context.Context, insert *sql.Stmt, i, nodes int) error {
	id, source, target := fmt.Sprintf("edge-%016x", uint64(i)*0x9e3779b97f4a7c15), nodeID(i), nodeID((i*7+1)%nodes)
	data := fmt.Sprintf(`{"id":%q,"source":%q,"target":%q,"type":"RELATES_TO","properties":{"weight":0.%03d,"userId":null}}`, id, source, target, i%1000)
	_, err := insert.ExecContext(ctx, id, nil, source, target, "RELATES_TO", data)
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

package graph

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// look is one look at a database, in one read transaction. The zero look, and
// that of a missing file, hold no connection.
type look struct {
	graph  *Graph
	path   string // links resolved
	conn   *sqlitefile.Live
	tables tables
	rows   int64
	// resting says that the transaction has ended.
	resting bool
}

// look opens the database read-only and counts its rows. Who calls it closes
// what it returns; after an error nothing is open.
func (g *Graph) look(ctx context.Context) (*look, error) {
	path, found, err := locate(g.config.Path)
	if err != nil {
		return nil, fmt.Errorf("open graph %s: %w: %w", g.config.Path, store.ErrUnreachable, err)
	}
	l := &look{graph: g, path: path}
	if !found {
		return l, nil
	}
	if err := l.begin(ctx); err != nil {
		return nil, errors.Join(explain("open", path, store.ErrUnreachable, err), l.close())
	}
	return l, nil
}

// begin connects, starts the transaction, and takes the snapshot by reading.
func (l *look) begin(ctx context.Context) (err error) {
	if l.conn, err = sqlitefile.OpenLive(ctx, l.path, l.graph.config.BusyTimeout); err != nil {
		return err
	}
	if err = l.conn.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if l.tables, err = findTables(ctx, l.conn.Conn, "main"); err != nil || !l.tables.exist() {
		return err
	}
	l.rows, err = countRows(ctx, l.conn.Conn, "main")
	return err
}

// rest ends the transaction and keeps the database open.
func (l *look) rest(ctx context.Context) error {
	if l.conn == nil || l.resting {
		return nil
	}
	l.resting = true
	return l.conn.Exec(ctx, "COMMIT")
}

// countRows counts the nodes and edges of an attached database.
func countRows(ctx context.Context, conn *sqlitefile.Conn, schema string) (rows int64, err error) {
	const query = "SELECT (SELECT count(*) FROM %[1]s.Nodes) + (SELECT count(*) FROM %[1]s.Edges)"
	err = conn.QueryRowContext(ctx, fmt.Sprintf(query, schema)).Scan(&rows)
	return rows, err
}

func (l *look) locator() memory.Locator {
	return memory.Locator{Kind: memory.KindGraph, Path: l.path}
}

// close lets go of the database. It may be called twice.
func (l *look) close() error {
	conn := l.conn
	l.conn = nil
	return conn.Close()
}

// locate resolves the links of path and wants a file there, or nothing.
func locate(path string) (resolved string, found bool, err error) {
	resolved, info, err := store.Locate(path)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no file but %s", info.Mode().Type())
	}
	return resolved, info != nil, err
}

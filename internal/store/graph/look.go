package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// look is one look at a database, in one read transaction. The zero look, and
// that of a missing file, hold no connection.
type look struct {
	graph  *Graph
	path   string // links resolved
	db     *sql.DB
	conn   *sql.Conn
	tables tables
	rows   int64
	// alone says that neither -wal nor -shm was there when the look began.
	alone bool
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
	l.alone = !exists(path+"-wal") && !exists(path+"-shm")
	if err := l.begin(ctx); err != nil {
		return nil, errors.Join(explain("open", path, store.ErrUnreachable, err), l.close())
	}
	return l, nil
}

// begin connects, starts the transaction, and takes the snapshot by reading.
func (l *look) begin(ctx context.Context) (err error) {
	if l.db, err = connect(dsn(l.path, "ro", l.graph.config.BusyTimeout)); err != nil {
		return err
	}
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	if _, err = l.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if l.tables, err = findTables(ctx, l.conn, "main"); err != nil || !l.tables.exist() {
		return err
	}
	l.rows, err = countRows(ctx, l.conn, "main")
	return err
}

// rest ends the transaction and keeps the database open.
func (l *look) rest(ctx context.Context) error {
	if l.conn == nil || l.resting {
		return nil
	}
	l.resting = true
	_, err := l.conn.ExecContext(ctx, "COMMIT")
	return err
}

// countRows counts the nodes and edges of an attached database.
func countRows(ctx context.Context, conn *sql.Conn, schema string) (rows int64, err error) {
	const query = "SELECT (SELECT count(*) FROM %[1]s.Nodes) + (SELECT count(*) FROM %[1]s.Edges)"
	err = conn.QueryRowContext(ctx, fmt.Sprintf(query, schema)).Scan(&rows)
	return rows, err
}

func (l *look) locator() memory.Locator {
	return memory.Locator{Kind: memory.KindGraph, Path: l.path}
}

// close lets go of the database. It may be called twice.
func (l *look) close() error {
	if l.db == nil {
		return nil
	}
	var err error
	if l.conn != nil {
		err = l.conn.Close()
	}
	err = errors.Join(err, l.db.Close())
	l.db, l.conn = nil, nil
	l.tidy()
	return err
}

// tidy removes the empty -wal and the -shm that reading a database in WAL mode
// makes and, being read-only, cannot remove. SQLite itself does it, as the last
// of its connections goes: under its own locks, so that a process that came
// meanwhile keeps its files. A log with something in it is never touched, for
// that would be a checkpoint. What can't be tidied is harmless: the next process
// that opens the database takes it over.
func (l *look) tidy() {
	log, err := os.Stat(l.path + "-wal")
	if !l.alone || err != nil || log.Size() > 0 {
		return
	}
	db, err := connect(dsn(l.path, "rw", 0))
	if err != nil {
		return
	}
	var n int
	_ = db.QueryRowContext(context.Background(), "SELECT count(*) FROM sqlite_schema").Scan(&n)
	_ = db.Close()
}

// locate resolves the links of path and wants a file there, or nothing.
func locate(path string) (resolved string, found bool, err error) {
	resolved, info, err := store.Locate(path)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no file but %s", info.Mode().Type())
	}
	return resolved, info != nil, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

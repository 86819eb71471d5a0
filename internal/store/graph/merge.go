package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// Merge adds nodes, then edges, whose ids the graph lacks. All records are first
// staged in a temporary database that SQLite keeps and removes by itself (it has
// no name on disk, and spills there past its cache), so that a sequence that
// breaks leaves the graph as it was. They are then moved over in transactions of
// a few thousand rows: one for all would hold the write lock for as long as
// millions of rows take, and a live agent gives up after five seconds.
//
// An edge whose node is not in the graph is Rejected, and the rest goes in.
// Other tables change only by the triggers that the database has.
func (g *Graph) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	if opts.Proof == "" {
		opts.Proof = store.ProofFull
	}
	m := &merger{graph: g, opts: opts, result: store.Result{Proof: opts.Proof}}
	if err := g.mine(spec.Name); err != nil {
		return m.result, err
	}
	before, err := g.look(ctx)
	if err != nil {
		return m.result, err
	}
	m.path, m.tables, m.result.Before = before.path, before.tables, before.rows
	if err := before.close(); err != nil {
		return m.result, err
	}
	err = m.run(ctx, records)
	return m.result, errors.Join(err, m.close())
}

// merger is one merge under way.
type merger struct {
	graph   *Graph
	opts    store.MergeOptions
	path    string
	tables  tables // of the target
	db      *sql.DB
	conn    *sql.Conn // main is the stage; the target is attached as live
	nodes   stage
	edges   stage
	result  store.Result
	scanner record.Scanner
	// scratch
	line, raw []byte
}

func (m *merger) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := m.openStage(ctx); err != nil {
		return staging(err)
	}
	if err := m.stage(ctx, records); err != nil {
		return err
	}
	if err := m.attach(ctx); err != nil {
		return explain("open", m.path, store.ErrUnreachable, err)
	}
	for _, s := range []*stage{&m.nodes, &m.edges} {
		if err := m.insert(ctx, s); err != nil {
			return err
		}
	}
	if err := m.prove(ctx, records); err != nil {
		return err
	}
	var err error
	if m.result.After, err = countRows(ctx, m.conn, "live"); err != nil {
		return explain("count", m.path, store.ErrUnreadable, err)
	}
	return nil
}

// attach joins the target to the stage's connection, and makes it when it is
// absent. A live database's log is left for its owner to checkpoint.
func (m *merger) attach(ctx context.Context) error {
	busy := m.graph.config.BusyTimeout
	if m.result.Created = !m.tables.exist(); m.result.Created {
		if err := create(ctx, m.path, busy); err != nil {
			return err
		}
	}
	if _, err := m.conn.ExecContext(ctx, "ATTACH ? AS live", fileURI(m.path, "rw")); err != nil {
		return err
	}
	for _, pragma := range []string{"foreign_keys = ON", "live.cache_size = -16384"} {
		if _, err := m.conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	if !m.result.Created {
		if _, err := m.conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = 0"); err != nil {
			return err
		}
	}
	var err error
	m.tables, err = findTables(ctx, m.conn, "live")
	return err
}

// staging says that the temporary database failed. SQLite keeps it in its
// temporary folder: SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp.
func staging(err error) error {
	if code(err) == sqlite3.SQLITE_FULL {
		return fmt.Errorf("stage graph in the temporary folder: %w: %w", syscall.ENOSPC, err)
	}
	return fmt.Errorf("stage graph: %w", err)
}

func (m *merger) close() error {
	if m.db == nil {
		return nil
	}
	var err error
	if m.conn != nil {
		err = m.conn.Close()
	}
	return errors.Join(err, m.db.Close())
}

// report tells of a row.
func (m *merger) report(event store.Event) error {
	if m.opts.Report == nil {
		return nil
	}
	return m.opts.Report(event)
}

// reject counts and reports a row that the graph will not take.
func (m *merger) reject(id, reason string, rec memory.Record) error {
	m.result.Rejected++
	return m.report(store.Event{Outcome: store.Rejected, ID: id, Reason: reason, Record: rec})
}

// pause lets others at the lock between two transactions: SQLite has no queue,
// and who polls for it would find it taken most of the time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

package graph

import (
	"context"
	"errors"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
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
	m := &merger{opts: opts, result: store.Result{Proof: opts.Proof}}
	m.graph, m.digests, m.refuse = g, opts.Report != nil || opts.Intend != nil, m.reject
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
	stager
	opts   store.MergeOptions
	result store.Result
}

func (m *merger) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := m.openStage(ctx); err != nil {
		return staging(err)
	}
	err := m.fill(ctx, records)
	if m.result.Records = m.records; err != nil {
		return err
	}
	if err := m.attachTarget(ctx); err != nil {
		return explain("open", m.path, store.ErrUnreachable, err)
	}
	for _, s := range m.stages() {
		if err := m.insert(ctx, s); err != nil {
			return err
		}
	}
	if err := m.prove(ctx, records); err != nil {
		return err
	}
	if m.result.After, err = countRows(ctx, m.conn, "live"); err != nil {
		return explain("count", m.path, store.ErrUnreadable, err)
	}
	return nil
}

// attachTarget attaches the graph, and makes it when it is absent.
func (m *merger) attachTarget(ctx context.Context) error {
	if m.result.Created = !m.tables.exist(); m.result.Created {
		if err := create(ctx, m.path, m.graph.config.BusyTimeout); err != nil {
			return err
		}
	}
	if err := m.attach(ctx, sqlitefile.ReadWrite); err != nil {
		return err
	}
	if err := m.conn.Exec(ctx, "PRAGMA foreign_keys = ON"); err != nil || m.result.Created {
		return err
	}
	return m.leaveLog(ctx)
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

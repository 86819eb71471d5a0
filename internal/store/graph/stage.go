package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// What one transaction on the target may hold: about 50 ms of a slow machine.
const (
	chunkRows  = 4096
	chunkBytes = 8 << 20
)

// stage is the staged nodes or edges: a table of the temporary database, with
// rows numbered from 1.
type stage struct {
	edge bool
	rows int64
	// cuts are the last rows of the chunks, but for the last chunk.
	cuts  []int64
	bytes int // in the chunk that is being filled
	// added and rejected say which rows were put in, and which could not be.
	added, rejected bits
	batch           *batch
}

// The stage's tables. digest is the record digest, when it is to be reported.
const stageTables = `
PRAGMA main.journal_mode = OFF;
PRAGMA main.cache_size = -16384;
CREATE TABLE main.nodes (seq INTEGER PRIMARY KEY, id TEXT, user_id TEXT, data TEXT, digest BLOB);
CREATE TABLE main.edges (seq INTEGER PRIMARY KEY, id TEXT, user_id TEXT, data TEXT, digest BLOB,
    source TEXT, target TEXT, type TEXT);`

// openStage makes the temporary database: SQLite gives one to a connection
// without a file name.
func (m *merger) openStage(ctx context.Context) (err error) {
	m.edges.edge = true
	if m.db, err = connect(""); err != nil {
		return err
	}
	if m.conn, err = m.db.Conn(ctx); err != nil {
		return err
	}
	_, err = m.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d;%s",
		m.graph.config.BusyTimeout.Milliseconds(), stageTables))
	return err
}

// stage puts all records into the temporary database.
func (m *merger) stage(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if _, err := m.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return staging(err)
	}
	err := m.nodes.prepare(ctx, m.conn)
	if err == nil {
		err = m.edges.prepare(ctx, m.conn)
	}
	if err == nil {
		err = m.stageAll(ctx, records)
	}
	for _, s := range []*stage{&m.nodes, &m.edges} {
		err = errors.Join(err, s.batch.close(err == nil))
	}
	if err != nil {
		return err
	}
	if _, err := m.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return staging(err)
	}
	return nil
}

func (m *merger) stageAll(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		m.result.Records++
		if err := m.stageOne(rec); err != nil {
			return err
		}
	}
	return nil
}

// stageOne stages a record, or rejects it.
func (m *merger) stageOne(rec memory.Record) error {
	e, reason, err := m.scan(rec)
	switch {
	case err != nil:
		return m.reject(fmt.Sprintf("record %d", m.result.Records), err.Error(), rec)
	case reason != "":
		return m.reject(string(e.ID), reason, rec)
	}
	return m.put(rec, e)
}

// scan takes a record apart, and says why the target could not take it.
func (m *merger) scan(rec memory.Record) (e *record.Element, reason string, err error) {
	if e, err = m.scanner.Element(rec); err != nil {
		return nil, "", err
	}
	if e.Edge && e.Type == nil {
		return e, "edge has no type", nil
	}
	if m.lacksUser(e.Edge) && e.UserID != nil && !e.Columns.Empty() {
		if _, given := record.Lookup(e.Columns.Of(rec), "user_id"); given {
			return e, "the graph's tables have no column user_id for its user; " +
				"start the Neo.mjs of this graph once, which adds it", nil
		}
	}
	return e, "", nil
}

// lacksUser reports whether the target's table is of a version without user_id.
func (m *merger) lacksUser(edge bool) bool {
	return m.tables.exist() && !m.tables.hasUser(edge)
}

// put stages the columns of a row, and its digest when somebody wants to know.
func (m *merger) put(rec memory.Record, e *record.Element) error {
	s := &m.nodes
	if e.Edge {
		s = &m.edges
	}
	data, err := m.data(rec, e)
	if err != nil {
		return err
	}
	var digest any
	if m.opts.Report != nil {
		sum := m.scanner.LineDigest(rec)
		digest = sum[:]
	}
	s.batch.append(string(e.ID), text(e.UserID), string(data), digest)
	if e.Edge {
		s.batch.append(string(e.Source), string(e.Target), text(e.Type))
	}
	s.count(len(rec))
	return s.batch.added()
}

// data is what a record's row has in the column data. It is valid until the next
// call.
func (m *merger) data(rec memory.Record, e *record.Element) (data []byte, err error) {
	if e.Raw.Empty() {
		return e.Data.Of(rec), nil
	}
	m.raw, err = record.AppendUnquoted(m.raw[:0], e.Raw.Of(rec))
	return m.raw, err
}

// count notes a row of so many bytes, and cuts a chunk when it is full.
func (s *stage) count(bytes int) {
	s.rows++
	s.bytes += bytes
	last := int64(0)
	if len(s.cuts) > 0 {
		last = s.cuts[len(s.cuts)-1]
	}
	if s.rows-last >= chunkRows || s.bytes >= chunkBytes {
		s.cuts, s.bytes = append(s.cuts, s.rows), 0
	}
}

// chunks yields the chunks as first and last row.
func (s *stage) chunks() iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		first := int64(1)
		for _, last := range append(s.cuts, s.rows) {
			if first <= last && !yield(first, last) {
				return
			}
			first = last + 1
		}
	}
}

func (s *stage) table() string {
	if s.edge {
		return "edges"
	}
	return "nodes"
}

// live is the table of the target that the rows are for.
func (s *stage) live() string {
	if s.edge {
		return "live.Edges"
	}
	return "live.Nodes"
}

func text(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}

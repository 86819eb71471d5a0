package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// What one transaction on the target may hold: about 50 ms of a slow machine.
const (
	chunkRows  = 4096
	chunkBytes = 8 << 20
)

// stager puts records into a temporary database that SQLite keeps and removes by
// itself: it has no name on disk, and spills into the temporary folder past its
// cache. The target is attached to it.
type stager struct {
	graph   *Graph
	path    string           // of the target, links resolved
	tables  tables           // of the target
	conn    *sqlitefile.Conn // main is the stage, live the target
	joined  bool             // the target is attached
	nodes   stage
	edges   stage
	records int64 // of the sequence so far
	// digests says that each record's digest is wanted later.
	digests bool
	// refuse is told of each record that the target will not take.
	refuse  func(id, reason string, rec memory.Record) error
	scanner record.Scanner
	// scratch
	line, raw []byte
}

// stage is the staged nodes or edges: a table of the temporary database, with
// rows numbered from 1.
type stage struct {
	edge bool
	rows int64
	last int64 // number of the last row
	// cuts are the last rows of the chunks, but for the last chunk.
	cuts  []int64
	bytes int // in the chunk that is being filled
	// added and rejected say which rows were put in, and which could not be; ignored
	// are those that the database took without a word, and has not.
	added, rejected, ignored store.Bits
	batch                    *batch
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
func (s *stager) openStage(ctx context.Context) (err error) {
	s.edges.edge = true
	if s.conn, err = sqlitefile.Temporary(ctx); err != nil {
		return err
	}
	return s.conn.Exec(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d;%s", s.graph.config.BusyTimeout.Milliseconds(), stageTables))
}

// stages returns both, nodes first.
func (s *stager) stages() [2]*stage { return [...]*stage{&s.nodes, &s.edges} }

func (s *stager) of(edge bool) *stage {
	if edge {
		return &s.edges
	}
	return &s.nodes
}

// fill puts all records into the temporary database. An error from records or
// refuse ends it.
func (s *stager) fill(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := s.conn.Exec(ctx, "BEGIN"); err != nil {
		return staging(err)
	}
	err := s.nodes.prepare(ctx, s.conn)
	if err == nil {
		err = s.edges.prepare(ctx, s.conn)
	}
	if err == nil {
		err = s.fillAll(ctx, records)
	}
	for _, table := range s.stages() {
		err = errors.Join(err, table.batch.close(err == nil))
	}
	if err != nil {
		return err
	}
	if err := s.conn.Exec(ctx, "COMMIT"); err != nil {
		return staging(err)
	}
	return nil
}

func (s *stager) fillAll(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		s.records++
		if err := s.take(rec); err != nil {
			return err
		}
	}
	return nil
}

// take stages a record, or refuses it.
func (s *stager) take(rec memory.Record) error {
	e, reason, err := s.scan(rec)
	switch {
	case err != nil:
		return s.refuse(fmt.Sprintf("record %d", s.records), err.Error(), rec)
	case reason != "":
		return s.refuse(string(e.ID), reason, rec)
	}
	return s.put(rec, e)
}

// scan takes a record apart, and says why the target could not take it.
func (s *stager) scan(rec memory.Record) (e *record.Element, reason string, err error) {
	if e, err = s.scanner.Element(rec); err != nil {
		return nil, "", err
	}
	if e.Edge && e.Type == nil {
		return e, "edge has no type", nil
	}
	if s.lacksUser(e.Edge) && e.UserID != nil && !e.Columns.Empty() {
		if _, given := record.Lookup(e.Columns.Of(rec), "user_id"); given {
			return e, "the graph's tables have no column user_id for its user; " +
				"start the Neo.mjs of this graph once, which adds it", nil
		}
	}
	return e, "", nil
}

// lacksUser reports whether the target's table is of a version without user_id.
func (s *stager) lacksUser(edge bool) bool {
	return s.tables.exist() && !s.tables.hasUser(edge)
}

// put stages the columns of a row, and its digest when somebody wants to know.
func (s *stager) put(rec memory.Record, e *record.Element) error {
	table := s.of(e.Edge)
	data, err := s.data(rec, e)
	if err != nil {
		return err
	}
	var digest any
	if s.digests {
		sum := s.scanner.LineDigest(rec)
		digest = sum[:]
	}
	table.batch.append(string(e.ID), text(e.UserID), string(data), digest)
	if e.Edge {
		table.batch.append(string(e.Source), string(e.Target), text(e.Type))
	}
	table.count(len(rec))
	return table.batch.added()
}

// data is what a record's row has in the column data. It is valid until the next
// call.
func (s *stager) data(rec memory.Record, e *record.Element) (data []byte, err error) {
	if e.Raw.Empty() {
		return e.Data.Of(rec), nil
	}
	s.raw, err = record.AppendUnquoted(s.raw[:0], e.Raw.Of(rec))
	return s.raw, err
}

// count notes a row of so many bytes, and cuts a chunk when it is full.
func (s *stage) count(bytes int) {
	s.rows++
	s.last++
	s.bytes += bytes
	cut := int64(0)
	if len(s.cuts) > 0 {
		cut = s.cuts[len(s.cuts)-1]
	}
	if s.last-cut >= chunkRows || s.bytes >= chunkBytes {
		s.cuts, s.bytes = append(s.cuts, s.last), 0
	}
}

// chunks yields the chunks as first and last row.
func (s *stage) chunks() iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		first := int64(1)
		for _, last := range append(s.cuts, s.last) {
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
func (s *stage) live() string { return "live." + tableName(s.edge) }

func text(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}

// record rebuilds a staged row's record. It is valid until the next call.
func (s *stager) record(ctx context.Context, edge bool, n int64) (memory.Record, string, error) {
	query := "SELECT " + rowColumns("", edge, true) + " FROM main." + s.of(edge).table() + " WHERE seq = ?"
	rows, err := s.conn.QueryContext(ctx, query, n)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var row dbRow
	rows.Next()
	if err := row.scan(rows, edge); err != nil {
		return nil, "", err
	}
	s.line, err = row.appendTo(s.line[:0], &s.scanner, edge, true)
	return s.line, string(row.id), err
}

// prepareStage stages all records so that they are found by their ids.
func (s *stager) prepareStage(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := s.openStage(ctx); err != nil {
		return staging(err)
	}
	if err := s.fill(ctx, records); err != nil {
		return err
	}
	return s.index(ctx)
}

package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// insert moves the staged rows over, chunk by chunk.
func (m *merger) insert(ctx context.Context, s *stage) error {
	in, err := m.prepareInsert(ctx, s)
	if err != nil {
		return explain("write", m.path, store.ErrUnreachable, err)
	}
	defer in.close()
	for first, last := range s.chunks() {
		if err := in.chunk(ctx, first, last); err != nil {
			return err
		}
	}
	return nil
}

// inserter holds the statements that move rows of one stage.
type inserter struct {
	*merger
	s         *stage
	many, one *sql.Stmt
	misfits   []misfit // of the chunk
	ignored   []int64  // likewise: the database took them, and has them not
	means     store.Intents
}

// misfit is a row that could not be put in.
type misfit struct {
	row    int64
	reason string
}

func (m *merger) prepareInsert(ctx context.Context, s *stage) (*inserter, error) {
	in := &inserter{merger: m, s: s}
	columns, ends := "id, data", ""
	if m.tables.hasUser(s.edge) {
		columns += ", user_id"
	}
	if s.edge {
		columns += ", source, target, type"
		// Databases of older versions don't declare the references.
		ends = ` AND EXISTS (SELECT 1 FROM live.Nodes WHERE id = source)
			AND EXISTS (SELECT 1 FROM live.Nodes WHERE id = target)`
	}
	query := fmt.Sprintf(`INSERT INTO %s(%s) SELECT %s FROM main.%s AS staged
		WHERE seq BETWEEN ? AND ?%s ORDER BY seq ON CONFLICT(id) DO NOTHING`, s.live(), columns, columns, s.table(), ends)
	var err error
	if in.many, err = m.conn.PrepareContext(ctx, query); err != nil {
		return nil, err
	}
	if in.one, err = m.conn.PrepareContext(ctx, query); err != nil {
		return nil, errors.Join(err, in.many.Close())
	}
	return in, nil
}

func (in *inserter) close() {
	_ = in.many.Close() // they end with the connection at the latest
	_ = in.one.Close()
}

// chunk inserts the rows from first to last that the graph lacks, in one
// transaction, and then reports them. Which they are is found out before the
// lock is taken: for a graph that has them all, it never is.
func (in *inserter) chunk(ctx context.Context, first, last int64) error {
	in.misfits, in.ignored = in.misfits[:0], in.ignored[:0]
	absent, err := in.absent(ctx, first, last)
	if err != nil {
		return explain("read", in.path, store.ErrUnreadable, err)
	}
	if len(absent) == 0 {
		return nil
	}
	if err := in.mean(ctx, absent); err != nil {
		return err
	}
	added, err := in.transaction(ctx, absent, int64(len(absent)) == last-first+1)
	if err != nil {
		return explain("write", in.path, store.ErrUnreachable, err)
	}
	in.result.Added += int64(len(added))
	for _, n := range added {
		in.s.added.Set(n)
	}
	for _, n := range in.ignored {
		in.s.ignored.Set(n)
	}
	if err := errors.Join(in.reportAdded(ctx, first, last), in.reportMisfits(ctx)); err != nil {
		return err
	}
	if in.result.Created {
		return nil
	}
	return store.Pause(ctx, breath)
}

// transaction inserts rows, of which none is left out between the first and the
// last if they are together, and returns the numbers of those that were added.
func (in *inserter) transaction(ctx context.Context, rows []int64, together bool) (added []int64, err error) {
	if err := in.lock(ctx); err != nil {
		return nil, err
	}
	if together {
		added, err = in.allAtOnce(ctx, rows)
	} else {
		added, err = in.rowByRow(ctx, rows)
	}
	if err == nil {
		added, err = in.seen(ctx, rows, added)
	}
	if err = in.conn.End(ctx, err); err != nil {
		return nil, err
	}
	return added, nil
}

// seen looks at the rows while nobody else can write, and returns those of added that
// are in. A trigger may leave a row out, or take it away again, and say nothing: what is
// not in now, though nothing refused it, was never in.
func (in *inserter) seen(ctx context.Context, rows, added []int64) ([]int64, error) {
	absent, err := in.absent(ctx, rows[0], rows[len(rows)-1])
	if err != nil || len(absent) == 0 {
		return added, err
	}
	var never store.Bits
	for _, n := range absent {
		never.Set(n)
	}
	for _, m := range in.misfits {
		never.Unset(m.row)
	}
	for _, n := range rows {
		if never.Has(n) {
			in.ignored = append(in.ignored, n)
		}
	}
	return slices.DeleteFunc(slices.Clone(added), never.Has), nil
}

// allAtOnce inserts rows that follow each other with one statement. When some do
// not fit it takes that back and goes row by row, to know which.
func (in *inserter) allAtOnce(ctx context.Context, rows []int64) ([]int64, error) {
	if err := in.conn.Exec(ctx, "SAVEPOINT chunk"); err != nil {
		return nil, err
	}
	n, err := affected(in.many.ExecContext(ctx, rows[0], rows[len(rows)-1]))
	switch {
	case err == nil && n == int64(len(rows)):
		return rows, nil
	case err != nil && !refused(err):
		return nil, err
	}
	if err := in.conn.Exec(ctx, "ROLLBACK TO chunk"); err != nil {
		return nil, err
	}
	return in.rowByRow(ctx, rows)
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// refused reports whether the database will not take a row, rather than failed.
func refused(err error) bool {
	switch sqlitefile.Code(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}

// absent returns the numbers of the rows whose ids are not in the graph.
func (in *inserter) absent(ctx context.Context, first, last int64) ([]int64, error) {
	return sqlitefile.All[int64](ctx, in.conn, fmt.Sprintf(`SELECT seq FROM main.%s AS staged WHERE seq BETWEEN ? AND ?
		AND NOT EXISTS (SELECT 1 FROM %s WHERE id = staged.id) ORDER BY seq`, in.s.table(), in.s.live()), first, last)
}

func (in *inserter) rowByRow(ctx context.Context, list []int64) (added []int64, err error) {
	for _, row := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// The loop looks at ctx; a context that can end costs a goroutine a row.
		n, err := affected(in.one.ExecContext(context.Background(), row, row))
		switch {
		case err != nil && !refused(err):
			return nil, err
		case err != nil:
			in.misfits = append(in.misfits, misfit{row, err.Error()})
		case n == 1:
			added = append(added, row)
		case in.s.edge:
			err = in.missingEnd(ctx, row)
		}
		if err != nil && !refused(err) {
			return nil, err
		}
	}
	return added, nil
}

// missingEnd notes the edge as a misfit when a node of it is not in the graph.
// Else it was there already: the sequence has it twice.
func (in *inserter) missingEnd(ctx context.Context, row int64) error {
	var node sql.NullString
	err := in.conn.QueryRowContext(ctx, `SELECT CASE
		WHEN NOT EXISTS (SELECT 1 FROM live.Nodes WHERE id = source) THEN source
		WHEN NOT EXISTS (SELECT 1 FROM live.Nodes WHERE id = target) THEN target END
		FROM main.edges WHERE seq = ?`, row).Scan(&node)
	if err == nil && node.Valid {
		in.misfits = append(in.misfits, misfit{row, fmt.Sprintf("edge's node %q is not in the graph", node.String)})
	}
	return err
}

// reportAdded tells of the rows of a chunk that were put in.
func (in *inserter) reportAdded(ctx context.Context, first, last int64) error {
	if in.opts.Report == nil {
		return nil
	}
	var n int64
	var digest sql.RawBytes
	event := store.Event{Outcome: store.Added}
	return in.conn.Each(ctx, []any{&n, &event.ID, &digest}, func() error {
		if !in.s.added.Has(n) {
			return nil
		}
		copy(event.Digest[:], digest)
		return in.report(event)
	}, "SELECT seq, id, digest FROM main."+in.s.table()+" WHERE seq BETWEEN ? AND ? ORDER BY seq", first, last)
}

// reportMisfits rejects the rows of a chunk that could not be put in.
func (in *inserter) reportMisfits(ctx context.Context) error {
	for _, misfit := range in.misfits {
		rec, id, err := in.record(ctx, in.s.edge, misfit.row)
		if err != nil {
			return err
		}
		in.s.rejected.Set(misfit.row)
		if err := in.reject(id, misfit.reason, rec); err != nil {
			return err
		}
	}
	return nil
}

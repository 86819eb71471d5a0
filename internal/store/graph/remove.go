package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Remove deletes edges, then nodes, whose rows are exactly the records, in
// transactions as short as those of Merge. A node that a live edge still refers
// to stays: it would take the edge with it.
func (g *Graph) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	r := &remover{permit: permit, opts: opts}
	if err := g.mine(spec.Name); err != nil {
		return r.result, err
	}
	var err error
	if r.path, _, err = locate(g.config.Path); err != nil {
		return r.result, fmt.Errorf("open graph %s: %w: %w", g.config.Path, store.ErrUnreachable, err)
	}
	if err := r.covers(); err != nil {
		return r.result, err
	}
	look, err := g.look(ctx)
	if err != nil {
		return r.result, err
	}
	r.graph, r.tables = g, look.tables
	r.refuse = func(id, reason string, _ memory.Record) error { return r.gone(id, reason) }
	err = r.run(ctx, look, records)
	return r.result, errors.Join(err, r.release(ctx, look, r.result.Removed > 0), r.close())
}

// remover is one removal under way.
type remover struct {
	stager
	permit guard.Permit
	opts   store.RemoveOptions
	result store.Removal
	delete *sql.Stmt
}

func (r *remover) covers() error {
	if err := r.permit.Covers(r.opts.Operation, memory.Locator{Kind: memory.KindGraph, Path: r.path}); err != nil {
		return fmt.Errorf("remove from graph: %w", err)
	}
	return nil
}

func (r *remover) run(ctx context.Context, look *look, records iter.Seq2[memory.Record, error]) error {
	if err := r.prepareStage(ctx, records); err != nil {
		return err
	}
	if err := r.sift(ctx, false); err != nil {
		return err
	}
	if !look.tables.exist() {
		return r.allGone(ctx)
	}
	if err := r.attachToDelete(ctx, look); err != nil {
		return explain("open", r.path, store.ErrUnreachable, err)
	}
	for _, table := range [...]*stage{&r.edges, &r.nodes} {
		if err := r.table(ctx, table); err != nil {
			return err
		}
	}
	var err error
	if r.result.Rows, err = countRows(ctx, r.conn, "live"); err != nil {
		return explain("count", r.path, store.ErrUnreadable, err)
	}
	return nil
}

// table removes the rows of one table, chunk by chunk.
func (r *remover) table(ctx context.Context, table *stage) (err error) {
	references, err := r.references(ctx)
	if err != nil {
		return explain("read", r.path, store.ErrUnreadable, err)
	}
	query := r.selectVerdicts(table, references)
	if r.delete, err = r.conn.PrepareContext(ctx, "DELETE FROM "+table.live()+" WHERE rowid = ?"); err != nil {
		return explain("write", r.path, store.ErrUnreachable, err)
	}
	defer func() { err = errors.Join(err, r.delete.Close()) }()
	for first, last := range table.chunks() {
		if err := r.chunk(ctx, table, query, first, last); err != nil {
			return err
		}
	}
	return nil
}

// verdict is what becomes of a row; it goes when there is no outcome.
type verdict struct {
	id      string
	row     int64
	outcome store.Outcome
	reason  string
}

// chunk removes the rows from first to last that may go, in one transaction, and
// then reports the others. When there are none it takes no lock.
func (r *remover) chunk(ctx context.Context, table *stage, query string, first, last int64) error {
	verdicts, goes, err := r.judge(ctx, table, query, first, last)
	if err != nil {
		return explain("read", r.path, store.ErrUnreadable, err)
	}
	if goes > 0 {
		if verdicts, goes, err = r.transaction(ctx, table, query, first, last); err != nil {
			return explainWrite(r.path, err)
		}
	}
	r.result.Removed += goes
	for _, v := range verdicts {
		if err := r.tell(v); err != nil {
			return err
		}
	}
	if goes == 0 {
		return nil
	}
	return store.Pause(ctx, breath)
}

// transaction judges the rows again, under the lock, and deletes those that go.
func (r *remover) transaction(ctx context.Context, table *stage, query string, first, last int64) (verdicts []verdict, goes int64, err error) {
	r.graph.step("lock")
	if err := r.lock(ctx); err != nil {
		return nil, 0, err
	}
	if verdicts, goes, err = r.judge(ctx, table, query, first, last); err == nil {
		err = r.covers()
	}
	if err == nil {
		err = r.deleteAll(ctx, verdicts)
	}
	if err = r.conn.End(ctx, err); err != nil {
		return nil, 0, err
	}
	return verdicts, goes, nil
}

func (r *remover) deleteAll(ctx context.Context, verdicts []verdict) error {
	for _, v := range verdicts {
		if v.outcome != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// The loop looks at ctx; a context that can end costs a goroutine a row.
		if _, err := r.delete.ExecContext(context.Background(), v.row); err != nil {
			return err
		}
	}
	return nil
}

// judge says what becomes of the rows from first to last, and how many go.
func (r *remover) judge(ctx context.Context, table *stage, query string, first, last int64) (verdicts []verdict, goes int64, err error) {
	rows, err := r.conn.QueryContext(ctx, query, first, last)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var p pair
	var rowid sql.NullInt64
	var reason sql.NullString
	fields := append([]any{&rowid, &reason}, append(p.staged.fields(table.edge), p.there.fields(table.edge)...)...)
	compare := comparer{tables: r.tables}
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return nil, 0, err
		}
		v := verdict{id: string(p.staged.id), row: rowid.Int64, outcome: store.Differs}
		same := false
		if rowid.Valid {
			if same, err = compare.same(table.edge, &p.staged, &p.there); err != nil {
				return nil, 0, err
			}
		}
		switch {
		case !rowid.Valid:
			v.outcome, v.reason = store.Removed, "it is not there any more"
		case !same:
			v.reason = "it changed since"
		case reason.Valid:
			v.reason = reason.String
		default:
			v.outcome = ""
			goes++
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, goes, rows.Err()
}

// selectVerdicts selects staged rows, with the live rows of their ids and the
// reason for which those must stay. "IN" takes an index of the column where there
// is one, and else reads the table once for a chunk.
func (r *remover) selectVerdicts(table *stage, references []reference) string {
	stays := ""
	add := func(child, column, reason string) {
		stays += fmt.Sprintf(" WHEN staged.id IN (SELECT %s FROM live.%s) THEN '%s'", sqlitefile.Quote(column), sqlitefile.Quote(child), reason)
	}
	if !table.edge {
		add("Edges", "source", "an edge that came later, or changed, refers to it")
		add("Edges", "target", "an edge that came later, or changed, refers to it")
	}
	for _, ref := range references {
		if strings.EqualFold(ref.parent, tableName(table.edge)) && !strings.EqualFold(ref.table, "Edges") {
			add(ref.table, ref.column, "another table refers to it")
		}
	}
	if stays != "" {
		stays = "CASE" + stays + " END"
	} else {
		stays = "NULL"
	}
	return fmt.Sprintf(`SELECT there.rowid, %s, %s, %s FROM main.%s AS staged
		LEFT JOIN %s AS there ON there.id = staged.id WHERE staged.seq BETWEEN ? AND ? ORDER BY staged.seq`, stays,
		rowColumns("staged.", table.edge, true), rowColumns("there.", table.edge, r.tables.hasUser(table.edge)),
		table.table(), table.live())
}

// tell counts and reports a row that was not deleted.
func (r *remover) tell(v verdict) error {
	switch v.outcome {
	case store.Removed:
		return r.gone(v.id, v.reason)
	case store.Differs:
		r.result.Kept++
		return reportTo(r.opts.Report, store.Event{Outcome: store.Differs, ID: v.id, Reason: v.reason})
	}
	return nil
}

// gone counts and reports a record that is not in the graph.
func (r *remover) gone(id, reason string) error {
	r.result.Gone++
	return reportTo(r.opts.Report, store.Event{Outcome: store.Removed, ID: id, Reason: reason})
}

// allGone reports all records: there is no graph.
func (r *remover) allGone(ctx context.Context) error {
	rows, err := r.conn.QueryContext(ctx, "SELECT id FROM main.edges UNION ALL SELECT id FROM main.nodes")
	if err != nil {
		return staging(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return staging(err)
		}
		if err := r.gone(id, "there is no graph any more"); err != nil {
			return err
		}
	}
	return rows.Err()
}

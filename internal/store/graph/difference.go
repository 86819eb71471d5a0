package graph

import (
	"context"
	"errors"
	"fmt"
)

// differTables hold how the target differs from the stage: its rows by rowid, the
// stage's by seq. An edge has moved when its ends are others.
const differTables = `
CREATE TEMP TABLE lost_nodes (row INTEGER PRIMARY KEY);
CREATE TEMP TABLE lost_edges (row INTEGER PRIMARY KEY);
CREATE TEMP TABLE changed_nodes (seq INTEGER PRIMARY KEY, row INTEGER, moved INTEGER);
CREATE TEMP TABLE changed_edges (seq INTEGER PRIMARY KEY, row INTEGER, moved INTEGER);
CREATE TEMP TABLE new_nodes (seq INTEGER PRIMARY KEY);
CREATE TEMP TABLE new_edges (seq INTEGER PRIMARY KEY);`

// difference is how a table of the target differs from its stage, in rows.
type difference struct {
	live, lost, changed, fresh int64
	moved                      int64 // of the changed ones
}

// any reports whether there is any.
func (d difference) any() bool { return d.lost+d.changed+d.fresh > 0 }

// differences are those of Nodes and of Edges.
type differences [2]difference

func (d differences) any() bool { return d[0].any() || d[1].any() }

// differ finds out how the target differs from the stage, and fills the tables of
// it. Who calls it has begun a transaction.
func (s *stager) differ(ctx context.Context) (all differences, err error) {
	for i, table := range s.stages() {
		if all[i], err = s.differTable(ctx, table); err != nil {
			return differences{}, err
		}
	}
	return all, nil
}

func (s *stager) differTable(ctx context.Context, table *stage) (d difference, err error) {
	name, live := table.table(), table.live()
	for _, step := range []struct {
		n     *int64
		query string
	}{
		{nil, "DELETE FROM temp.lost_" + name},
		{nil, "DELETE FROM temp.changed_" + name},
		{nil, "DELETE FROM temp.new_" + name},
		{&d.lost, fmt.Sprintf(`INSERT INTO temp.lost_%s SELECT rowid FROM %s AS there
			WHERE NOT EXISTS (SELECT 1 FROM main.%s WHERE id = there.id)`, name, live, name)},
		{&d.fresh, fmt.Sprintf(`INSERT INTO temp.new_%s SELECT seq FROM main.%s AS staged
			WHERE NOT EXISTS (SELECT 1 FROM %s WHERE id = staged.id)`, name, name, live)},
	} {
		n, err := affected(s.conn.ExecContext(ctx, step.query))
		if err != nil {
			return d, err
		}
		if step.n != nil {
			*step.n = n
		}
	}
	if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+live).Scan(&d.live); err != nil {
		return d, err
	}
	if d.changed, err = s.changed(ctx, table); err != nil {
		return d, err
	}
	err = s.conn.QueryRowContext(ctx, "SELECT count(*) FROM temp.changed_"+name+" WHERE moved").Scan(&d.moved)
	return d, err
}

// changed notes the rows that both have and that do not say the same. Only those
// that are written differently are looked at one by one.
func (s *stager) changed(ctx context.Context, table *stage) (n int64, err error) {
	note, err := s.conn.PrepareContext(ctx, "INSERT INTO temp.changed_"+table.table()+" VALUES (?, ?, ?)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, note.Close()) }()
	var pair pair
	compare := comparer{tables: s.tables}
	err = s.conn.Each(ctx, pair.fields(table.edge), func() error {
		same, err := compare.same(table.edge, &pair.staged, &pair.there)
		if err = errors.Join(ctx.Err(), err); err != nil || same {
			return err
		}
		n++
		// A context that can end costs a goroutine a row.
		_, err = note.ExecContext(context.Background(), pair.seq, pair.row, pair.moved())
		return err
	}, s.selectUnlike(table))
	return n, err
}

// pair is a staged row with the target's row of its id.
type pair struct {
	seq, row      int64
	staged, there dbRow
}

// moved reports whether an edge has other ends. Nodes never do.
func (p *pair) moved() bool {
	return !sameText(p.staged.source, p.there.source) || !sameText(p.staged.target, p.there.target)
}

// fields is where to scan a row of selectUnlike to.
func (p *pair) fields(edge bool) []any {
	return append(append([]any{&p.seq, &p.row}, p.staged.fields(edge)...), p.there.fields(edge)...)
}

// selectUnlike selects the pairs of which one is written differently.
func (s *stager) selectUnlike(table *stage) string {
	user := s.tables.hasUser(table.edge)
	unlike := "there.data IS NOT staged.data"
	if user {
		unlike += " OR there.user_id IS NOT staged.user_id"
	}
	if table.edge {
		unlike += " OR there.source IS NOT staged.source OR there.target IS NOT staged.target OR there.type IS NOT staged.type"
	}
	return fmt.Sprintf(`SELECT staged.seq, there.rowid, %s, %s FROM main.%s AS staged
		CROSS JOIN %s AS there ON there.id = staged.id WHERE %s ORDER BY staged.seq`,
		rowColumns("staged.", table.edge, true), rowColumns("there.", table.edge, user), table.table(), table.live(), unlike)
}

// read runs do in a transaction that only reads the target.
func (s *stager) read(ctx context.Context, do func() error) error {
	if err := s.conn.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	err := do()
	// COMMIT and not ROLLBACK: the temporary tables have been written to.
	return errors.Join(err, s.conn.Exec(context.WithoutCancel(ctx), "COMMIT"))
}

package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// apply writes the differences. Edges are never without their nodes on the way:
// a trigger may look.
func (s *stager) apply(ctx context.Context, all differences) error {
	nodes, edges := &s.nodes, &s.edges
	for _, step := range []struct {
		name, query string
		rows        int64
	}{
		{"delete edges", deleteLost(edges), all[1].lost},
		{"update nodes", s.updateChanged(nodes, false), all[0].changed},
		{"insert nodes", s.insertNew(nodes), all[0].fresh},
		{"update edges", s.updateChanged(edges, false), all[1].changed - all[1].moved},
		{"move edges", s.updateChanged(edges, true), all[1].moved},
		{"insert edges", s.insertNew(edges), all[1].fresh},
		{"delete nodes", deleteLost(nodes), all[0].lost},
	} {
		if step.rows == 0 {
			continue
		}
		s.graph.step(step.name)
		n, err := affected(s.conn.ExecContext(ctx, step.query))
		if err != nil {
			return err
		}
		if n != step.rows {
			return fmt.Errorf("%s: they were %d, not %d", step.name, n, step.rows)
		}
	}
	return nil
}

func deleteLost(table *stage) string {
	return fmt.Sprintf("DELETE FROM %s WHERE rowid IN (SELECT row FROM temp.lost_%s)", table.live(), table.table())
}

// columns are those that a row has beside its id.
func (s *stager) columns(table *stage) []string {
	columns := []string{"data"}
	if s.tables.hasUser(table.edge) {
		columns = append(columns, "user_id")
	}
	if table.edge {
		columns = append(columns, "source", "target", "type")
	}
	return columns
}

// updateChanged gives rows their new content. A row that were deleted and put in
// again would lose its place in the order, and columns that are not ours. The
// ends of edges are set only where they move: SQLite would write their indexes
// anew, at a multiple of the time.
func (s *stager) updateChanged(table *stage, moved bool) string {
	var set []string
	for _, column := range s.columns(table) {
		if moved || column != "source" && column != "target" {
			set = append(set, column+" = staged."+column)
		}
	}
	return fmt.Sprintf(`UPDATE %s AS there SET %s FROM temp.changed_%s AS changed
		CROSS JOIN main.%s AS staged ON staged.seq = changed.seq WHERE changed.moved = %t AND there.rowid = changed.row`,
		table.live(), strings.Join(set, ", "), table.table(), table.table(), moved)
}

func (s *stager) insertNew(table *stage) string {
	columns := "id, " + strings.Join(s.columns(table), ", ")
	return fmt.Sprintf("INSERT INTO %s(%s) SELECT %s FROM temp.new_%s CROSS JOIN main.%s USING (seq) ORDER BY seq",
		table.live(), columns, columns, table.table(), table.table())
}

// checkTables wants as many rows as were staged, and that all references to and
// from them hold.
func (s *stager) checkTables(ctx context.Context) error {
	for _, table := range s.stages() {
		var n int64
		if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+table.live()).Scan(&n); err != nil {
			return err
		}
		if n != table.rows {
			return fmt.Errorf("count %s: they would be %d, not %d", table.table(), n, table.rows)
		}
	}
	references, err := s.references(ctx)
	if err != nil {
		return err
	}
	return s.checkReferences(ctx, references)
}

// reference is a column that a table declares to refer to Nodes or Edges.
type reference struct{ table, column, parent string }

func (s *stager) references(ctx context.Context) (all []reference, err error) {
	var r reference
	err = s.conn.Each(ctx, []any{&r.table, &r.column, &r.parent}, func() error {
		if strings.EqualFold(r.parent, "Nodes") || strings.EqualFold(r.parent, "Edges") {
			all = append(all, r)
		}
		return nil
	}, `SELECT child.name, key."from", key."table" FROM live.sqlite_schema AS child
		JOIN pragma_foreign_key_list(child.name, 'live') AS key WHERE child.type = 'table'`)
	return all, err
}

// checkReferences looks for a row that refers to none: by what is declared, and
// in databases of older versions, which declare nothing, by the ends of edges.
func (s *stager) checkReferences(ctx context.Context, references []reference) error {
	tables, ends := []string{"Nodes", "Edges"}, 0
	for _, r := range references {
		if strings.EqualFold(r.table, "Edges") && strings.EqualFold(r.parent, "Nodes") {
			ends++
		}
		if !slices.ContainsFunc(tables, func(have string) bool { return strings.EqualFold(have, r.table) }) {
			tables = append(tables, r.table)
		}
	}
	for _, table := range tables {
		var row, parent sql.NullString
		err := s.conn.QueryRowContext(ctx, "SELECT rowid, parent FROM pragma_foreign_key_check(?, 'live') LIMIT 1", table).Scan(&row, &parent)
		if err == nil {
			return fmt.Errorf("check references: row %s of %s would refer to a row that %s has not", row.String, table, parent.String)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if ends >= 2 {
		return nil
	}
	return s.checkEnds(ctx)
}

func (s *stager) checkEnds(ctx context.Context) error {
	var id sql.NullString
	err := s.conn.QueryRowContext(ctx, `SELECT id FROM live.Edges AS edge
		WHERE NOT EXISTS (SELECT 1 FROM live.Nodes WHERE id = edge.source)
		OR NOT EXISTS (SELECT 1 FROM live.Nodes WHERE id = edge.target) LIMIT 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("check references: edge %q would lack a node", id.String)
}

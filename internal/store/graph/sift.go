package graph

import (
	"context"
	"fmt"

	"keepsake/internal/store"
)

// siftTables hold the rows of the stage that can't go in together.
const siftTables = `
CREATE INDEX main.nodes_by_id ON nodes(id);
CREATE INDEX main.edges_by_id ON edges(id);
CREATE TEMP TABLE misfits (seq INTEGER PRIMARY KEY, reason TEXT);` + differTables

// Rows that make the set no graph: each an INSERT of seq and reason, which keeps
// the first reason of a row.
const (
	twins = `INSERT OR IGNORE INTO temp.misfits SELECT seq, 'its id comes twice' FROM main.%[1]s AS row
		WHERE EXISTS (SELECT 1 FROM main.%[1]s WHERE id = row.id AND seq < row.seq)`
	orphans = `INSERT OR IGNORE INTO temp.misfits
		SELECT seq, 'edge''s node "' || node || '" is not among the records' FROM (SELECT seq, CASE
			WHEN NOT EXISTS (SELECT 1 FROM main.nodes WHERE id = source) THEN source
			WHEN NOT EXISTS (SELECT 1 FROM main.nodes WHERE id = target) THEN target END AS node
			FROM main.edges) WHERE node IS NOT NULL`
)

// index makes the rows of the stage findable by their ids.
func (s *stager) index(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, siftTables); err != nil {
		return staging(err)
	}
	return nil
}

// sift refuses the staged rows whose ids came before and, with ends, edges whose
// nodes are not staged; and takes them from the stage.
func (s *stager) sift(ctx context.Context, ends bool) error {
	for _, table := range s.stages() {
		queries := "DELETE FROM temp.misfits;" + fmt.Sprintf(twins, table.table()) + ";"
		if ends && table.edge {
			queries += orphans
		}
		if _, err := s.conn.ExecContext(ctx, queries); err != nil {
			return staging(err)
		}
		if err := s.refuseMisfits(ctx, table); err != nil {
			return err
		}
		n, err := affected(s.conn.ExecContext(ctx, fmt.Sprintf(
			"DELETE FROM main.%s WHERE seq IN (SELECT seq FROM temp.misfits)", table.table())))
		if err != nil {
			return staging(err)
		}
		table.rows -= n
	}
	return nil
}

func (s *stager) refuseMisfits(ctx context.Context, table *stage) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT seq, reason FROM temp.misfits ORDER BY seq")
	if err != nil {
		return staging(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var reason string
		if err := rows.Scan(&n, &reason); err != nil {
			return staging(err)
		}
		rec, id, err := s.record(ctx, table.edge, n)
		if err != nil {
			return staging(err)
		}
		if err := s.refuse(id, reason, rec); err != nil {
			return err
		}
	}
	return rows.Err()
}

// reportTo calls report, if there is one.
func reportTo(report func(store.Event) error, event store.Event) error {
	if report == nil {
		return nil
	}
	return report(event)
}

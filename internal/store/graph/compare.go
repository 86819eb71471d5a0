package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Compare stages the records and compares them with the graph by their ids, as
// the proof of a merge does. A record that could not take the graph's place
// together with the others is Rejected: an edge whose node is not among the
// records, an id that comes twice.
func (g *Graph) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	c := &comparison{opts: opts}
	c.graph, c.refuse = g, c.reject
	if err := g.mine(spec.Name); err != nil {
		return store.Difference{}, err
	}
	look, err := g.look(ctx)
	if err != nil {
		return store.Difference{}, err
	}
	c.path, c.tables = look.path, look.tables
	err = c.run(ctx, records)
	// The look is closed last: it knows what to tidy.
	return c.found, errors.Join(err, c.close(), look.close())
}

// comparison is one comparison under way.
type comparison struct {
	stager
	opts  store.CompareOptions
	found store.Difference
}

func (c *comparison) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := c.prepareStage(ctx, records); err != nil {
		return err
	}
	if err := c.sift(ctx, true); err != nil {
		return err
	}
	if !c.tables.exist() {
		c.found.New = c.nodes.rows + c.edges.rows
		return c.reportNew(ctx, "main.nodes", "main.edges")
	}
	if err := c.attach(ctx, sqlitefile.ReadOnly); err != nil {
		return explain("open", c.path, store.ErrUnreachable, err)
	}
	return c.read(ctx, func() error { return c.compare(ctx) })
}

// compare compares what was staged with the graph.
func (c *comparison) compare(ctx context.Context) error {
	all, err := c.differ(ctx)
	if err != nil {
		return explain("compare", c.path, store.ErrUnreadable, err)
	}
	for _, d := range all {
		c.found.Live += d.live
		c.found.Lost += d.lost
		c.found.Changed += d.changed
		c.found.New += d.fresh
		c.found.Same += d.live - d.lost - d.changed
	}
	if err := c.measure(ctx); err != nil {
		return explain("read", c.path, store.ErrUnreadable, err)
	}
	return c.reportAll(ctx)
}

// reject counts and reports a record that the graph would not take.
func (c *comparison) reject(id, reason string, rec memory.Record) error {
	c.found.Rejected++
	return reportTo(c.opts.Report, store.Event{Outcome: store.Rejected, ID: id, Reason: reason, Record: rec})
}

// reportAll tells of the rows that differ.
func (c *comparison) reportAll(ctx context.Context) error {
	for _, table := range c.stages() {
		name, live := table.table(), table.live()
		for _, set := range []struct {
			outcome store.Outcome
			reason  string
			query   string
		}{
			{
				store.Lost, "it is not among the records",
				"SELECT id FROM temp.lost_" + name + " JOIN " + live + " AS there ON there.rowid = row ORDER BY row",
			},
			{
				store.Differs, "the record is another",
				"SELECT id FROM temp.changed_" + name + " JOIN main." + name + " USING (seq) ORDER BY seq",
			},
		} {
			if err := c.reportSet(ctx, set.query, set.outcome, set.reason); err != nil {
				return err
			}
		}
	}
	return c.reportNew(ctx, "temp.new_nodes JOIN main.nodes USING (seq)", "temp.new_edges JOIN main.edges USING (seq)")
}

func (c *comparison) reportNew(ctx context.Context, tables ...string) error {
	for _, table := range tables {
		if err := c.reportSet(ctx, "SELECT id FROM "+table+" ORDER BY seq", store.Missing, "it is not in the graph"); err != nil {
			return err
		}
	}
	return nil
}

// reportSet tells of the rows whose ids query selects.
func (c *comparison) reportSet(ctx context.Context, query string, outcome store.Outcome, reason string) error {
	if c.opts.Report == nil {
		return nil
	}
	rows, err := c.conn.QueryContext(ctx, query)
	if err != nil {
		return explain("read", c.path, store.ErrUnreadable, err)
	}
	defer rows.Close()
	for n := 1; rows.Next(); n++ {
		var id *string
		if err := rows.Scan(&id); err != nil {
			return explain("read", c.path, store.ErrUnreadable, err)
		}
		event := store.Event{Outcome: outcome, Reason: reason}
		if event.ID = fmt.Sprintf("row %d without an id", n); id != nil && *id != "" {
			event.ID = *id
		}
		if err := c.opts.Report(event); err != nil {
			return err
		}
	}
	return rows.Err()
}

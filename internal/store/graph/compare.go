package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
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
	if err := c.attach(ctx, "ro"); err != nil {
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

// perRow is about what a record takes beside its data.
const perRow = len(`{"type":"node","data":}`) + 1

// time of a row: the newest of the fields that Neo.mjs writes, as text of ISO
// 8601 or as milliseconds since 1970. unixepoch also reads words like "now", and
// numbers as Julian days, so it gets nothing else.
const (
	moment = `CASE WHEN typeof(%[1]s) IN ('integer', 'real') THEN %[1]s
		WHEN %[1]s GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN 1000 * unixepoch(%[1]s, 'subsec') END`
	measure = `SELECT coalesce(sum(octet_length(data)), 0), max(at) FROM (SELECT data,
		max(coalesce(%s, 0), coalesce(%s, 0), coalesce(%s, 0)) AS at
		FROM (SELECT data, CASE WHEN json_valid(data) THEN data -> '$.properties' END AS properties FROM live.%s))`
)

// measure adds up what the live rows take and finds the newest.
func (c *comparison) measure(ctx context.Context) error {
	var times []any
	for _, field := range []string{"timestamp", "updatedAt", "createdAt"} {
		times = append(times, fmt.Sprintf(moment, "(properties ->> '"+field+"')"))
	}
	c.found.Bytes = c.found.Live * int64(perRow)
	var newest float64
	for _, edge := range []bool{false, true} {
		var bytes int64
		var at *float64
		query := fmt.Sprintf(measure, append(times, tableName(edge))...)
		if err := c.conn.QueryRowContext(ctx, query).Scan(&bytes, &at); err != nil {
			return err
		}
		c.found.Bytes += bytes
		if at != nil {
			newest = max(newest, *at)
		}
	}
	if newest > 0 && newest < math.MaxInt64 {
		c.found.Newest = time.UnixMilli(int64(math.Round(newest))).UTC()
	}
	return nil
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

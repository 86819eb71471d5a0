//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	graphBackupBound = 3 * time.Second // for 300,000 elements
	graphMergeBound  = 2               // times a bare insert loop
)

// graph backs up a graph of SQLite and merges it into a database that is not
// there yet. The floor of the merge is a loop that inserts the same rows into
// the same schema.
func (b *bench) graph(ctx context.Context) error {
	elements := b.options.elements
	rows := graphRows(elements)
	source := filepath.Join(b.tool.dataDir, "sqlite", "memory-core-graph.sqlite")
	if _, err := bareInserts(ctx, source, graphSchema(), rows); err != nil {
		return err
	}
	bundle, o, err := b.graphBackup(ctx)
	if err != nil {
		return err
	}
	allowed := time.Duration(float64(graphBackupBound) * float64(elements) / 300_000)
	b.report.times(fmt.Sprintf("graph of %s elements, backup", count(elements)), o.Wall, allowed, "wanted", 1)
	b.report.sizes("graph, backup, peak memory", o.Memory, memoryBound(shape{rows: elements}), "128 MiB + 64 B an element", 1)
	return errors.Join(b.graphMerge(ctx, bundle, rows), bundle.drop())
}

// graphBackup returns the last bundle of several and the median of what they took.
func (b *bench) graphBackup(ctx context.Context) (*bundle, outcome, error) {
	all := make([]outcome, rounds)
	var last *bundle
	for i := range all {
		if last != nil {
			if err := last.drop(); err != nil {
				return nil, outcome{}, fmt.Errorf("remove bundle: %w", err)
			}
		}
		var err error
		last, all[i], err = b.tool.backupSection(ctx, "graph", "graph/graph-backup-*.jsonl", "", b.options.elements)
		if err != nil {
			return nil, outcome{}, err
		}
		b.say("graph backup in %s, CPU %s", seconds(all[i].Wall), seconds(all[i].CPU))
	}
	return last, median(all, func(o outcome) time.Duration { return o.Wall }), nil
}

// graphRound is a merge with a bare loop right after it.
type graphRound struct {
	restored

	bare time.Duration
}

func (r graphRound) ratio() float64 { return r.MergeSeconds / r.bare.Seconds() }

func (b *bench) graphMerge(ctx context.Context, bundle *bundle, rows []graphRow) error {
	all := make([]graphRound, rounds)
	for i := range all {
		var err error
		if all[i], err = b.graphMergeRound(ctx, bundle, rows); err != nil {
			return err
		}
	}
	r := median(all, graphRound.ratio)
	b.report.times("graph, merge into an absent database, the merge", r.merge(), r.bare, "a bare prepared insert loop, same rows and schema", graphMergeBound)
	b.report.times("graph, merge into an absent database, all in all", r.Wall, r.bare, "the same loop", 0)
	b.report.sizes("graph, merge, peak memory", r.Memory, memoryBound(shape{rows: b.options.elements}), "a backup's bound", 0)
	return nil
}

func (b *bench) graphMergeRound(ctx context.Context, bundle *bundle, rows []graphRow) (graphRound, error) {
	var g graphRound
	dir, err := os.MkdirTemp(b.tool.scratch, "graph-")
	if err != nil {
		return g, fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // it lies in the run's scratch folder
	target, elements := filepath.Join(dir, "target.sqlite"), len(rows)
	if g.restored, err = b.tool.restore(ctx, bundle, "NEO_MEMORY_DB_PATH="+target, elements, elements); err != nil {
		return g, err
	}
	schema, err := checkGraph(ctx, target, elements)
	if err != nil {
		return g, err
	}
	if g.bare, err = bareInserts(ctx, filepath.Join(dir, "bare.sqlite"), schema, rows); err != nil {
		return g, err
	}
	b.say("graph merge in %s; a bare loop in %s", g.restored, seconds(g.bare))
	return g, nil
}

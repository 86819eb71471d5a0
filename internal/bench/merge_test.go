//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
)

const (
	mergeBound = 1.10 // times posting ready-made bodies
	proofBound = 1.5  // times reading the same answers undecoded
)

// merged is a fresh server into which a bundle was merged.
type merged struct {
	live

	restored restored
}

// mergedIn returns a server that holds the bundle because keepsake put it there.
func (b *bench) mergedIn(ctx context.Context) (*merged, error) {
	if b.merged != nil {
		return b.merged, nil
	}
	bundle, err := b.backedUp(ctx)
	if err != nil {
		return nil, err
	}
	m := &merged{live: b.newLive()}
	rows := b.options.rows
	if m.restored, err = b.tool.restore(ctx, bundle, servedBy(m.URL()), rows, rows); err != nil {
		return nil, errors.Join(err, m.drop())
	}
	b.say("merge in %s", m.restored)
	b.merged = m
	return m, nil
}

func (b *bench) merge(ctx context.Context) error {
	m, err := b.mergedIn(ctx)
	if err != nil {
		return err
	}
	read, err := b.readMerged(ctx, m)
	if err != nil {
		return err
	}
	beside, err := b.newFilled(ctx, b.options.shape)
	if err != nil {
		return err
	}
	if err := beside.drop(); err != nil {
		return fmt.Errorf("remove server: %w", err)
	}
	r := m.restored
	b.report.times("merge into an empty collection, the merge", r.merge(), beside.posted, "posting ready-made bodies right after it", mergeBound)
	b.report.times("merge into an empty collection, the proof", r.proof(), read.wall, "reading the same answers undecoded", proofBound)
	b.report.figure("merge into an empty collection, the preflight and all else", seconds(r.preflight()))
	b.report.figure("merge into an empty collection, all in all", seconds(r.Wall))
	b.report.sizes("merge into an empty collection, peak memory", r.Memory, memoryBound(b.options.shape), "a backup's bound", 0)
	if b.full != nil {
		b.report.times("posting ready-made bodies the second time (how steady the machine is)", beside.posted, b.full.posted, "the first time", 0)
	}
	return nil
}

// readMerged reads what the merge wrote, which is what its proof had to read.
func (b *bench) readMerged(ctx context.Context, m *merged) (reading, error) {
	id, err := m.find(ctx)
	if err != nil {
		return reading{}, err
	}
	return b.readAll(ctx, &filled{live: m.live, shape: b.options.shape, id: id})
}

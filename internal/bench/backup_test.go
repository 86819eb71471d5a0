//go:build bench

package bench_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// rounds is how often a short thing is measured; the median counts, of memory
	// the most.
	rounds = 3

	wallBound = 1.5             // times reading the same answers undecoded
	cpuBound  = 4 * time.Second // for 50,000 × 1,024
)

// memoryBound is what a backup may hold at most, whatever the dimension.
func memoryBound(s shape) int64 { return 128<<20 + 64*int64(s.rows) }

// scaled is the part of a bound for 50,000 × 1,024 that falls to this shape.
func (s shape) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(s.rows) * float64(s.dim) / (50_000 * 1024))
}

// round is a backup with a reading right before it: what the machine does
// besides meets both.
type round struct {
	read   reading
	backup outcome
}

func (r round) ratio() float64 { return r.backup.Wall.Seconds() / r.read.wall.Seconds() }

// summary returns the middle round and the median of the CPU times, and the most
// bytes that any took.
func summary(all []round) (middle round, cpu time.Duration, peak int64) {
	for _, r := range all {
		peak = max(peak, r.backup.Memory)
	}
	cpu = median(all, func(r round) time.Duration { return r.backup.CPU }).backup.CPU
	return median(all, round.ratio), cpu, peak
}

func (b *bench) backup(ctx context.Context) error {
	full, err := b.source(ctx)
	if err != nil {
		return err
	}
	all := make([]round, rounds)
	for i := range all {
		if all[i], err = b.backupRound(ctx, full); err != nil {
			return err
		}
	}
	middle, cpu, peak := summary(all)
	b.report.times("backup", middle.backup.Wall, middle.read.wall, "reading the same answers undecoded", wallBound)
	b.report.times("backup, CPU", cpu, full.scaled(cpuBound), "wanted", 1)
	b.report.sizes("backup, peak memory", peak, memoryBound(full.shape), "128 MiB + 64 B a row", 1)
	b.report.figure("backup, size of the bundle", mebibytes(b.bundle.bytes))
	return nil
}

func (b *bench) backupRound(ctx context.Context, full *filled) (round, error) {
	read, err := b.readAll(ctx, full)
	if err != nil {
		return round{}, err
	}
	made, o, err := b.tool.backup(ctx, full)
	if err != nil {
		return round{}, err
	}
	b.say("backup in %s, CPU %s, peak %s", seconds(o.Wall), seconds(o.CPU), mebibytes(o.Memory))
	if b.bundle != nil {
		if err := b.bundle.drop(); err != nil {
			return round{}, fmt.Errorf("remove bundle: %w", err)
		}
	}
	b.bundle = made
	return round{read: read, backup: o}, nil
}

// median returns the middle one of an odd number of items, by a key.
func median[T any, K cmp.Ordered](items []T, key func(T) K) T {
	sorted := slices.SortedFunc(slices.Values(items), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return sorted[len(sorted)/2]
}

//go:build bench

package bench_test

import (
	"context"
	"errors"
)

// wide backs up rows of four times the dimension: what a backup holds must
// depend on their number, not on their size.
func (b *bench) wide(ctx context.Context) error {
	s := b.options.wide()
	f, err := b.newFilled(ctx, s)
	if err != nil {
		return err
	}
	bundle, o, err := b.tool.backup(ctx, f)
	if err := errors.Join(err, f.drop()); err != nil {
		return err
	}
	b.say("backup of %s in %s, peak %s", s, seconds(o.Wall), mebibytes(o.Memory))
	b.report.sizes("backup, peak memory, "+s.String(), o.Memory, memoryBound(s), "128 MiB + 64 B a row", 1)
	return bundle.drop()
}

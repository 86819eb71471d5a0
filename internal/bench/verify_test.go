//go:build bench

package bench_test

import (
	"context"
	"time"
)

// verifyWanted is in MB a second of processor time.
const verifyWanted = 300

func (b *bench) verify(ctx context.Context) error {
	bundle, err := b.backedUp(ctx)
	if err != nil {
		return err
	}
	all := make([]outcome, rounds)
	for i := range all {
		if all[i], err = b.tool.run(ctx, "", "verify", bundle.path, "--level", "full"); err != nil {
			return err
		}
		b.say("verify in %s, CPU %s", seconds(all[i].Wall), seconds(all[i].CPU))
	}
	middle := median(all, func(o outcome) time.Duration { return o.CPU })
	b.report.rate("verify --level full, per core", bundle.bytes, middle.CPU, verifyWanted, "wanted")
	return nil
}

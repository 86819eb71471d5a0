//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os/exec"
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
	return b.quick(ctx, bundle)
}

// quickWanted: quick verification is to reach 0.9 of the pace of sha256sum.
const quickWanted = 1 / 0.9

// quick holds the quick verification against sha256sum over the same files.
func (b *bench) quick(ctx context.Context, of *bundle) error {
	sum, err := exec.LookPath("sha256sum")
	if err != nil {
		b.report.figure("verify --level quick", "there is no sha256sum to hold it against")
		return nil
	}
	var quick, plain time.Duration
	for range rounds { // in turns, so that both meet the same machine
		out, err := b.tool.run(ctx, "", "verify", of.path, "--level", "quick")
		if err != nil {
			return err
		}
		began := time.Now()
		check := exec.CommandContext(ctx, sum, "--check", "--quiet", "SHA256SUMS")
		check.Dir = of.path
		if text, err := check.CombinedOutput(); err != nil {
			return fmt.Errorf("sha256sum: %w: %s", err, text)
		}
		quick, plain = quick+out.Wall, plain+time.Since(began)
	}
	b.report.times("verify --level quick", quick/rounds, plain/rounds, "sha256sum", quickWanted)
	return nil
}

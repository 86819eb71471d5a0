package retention_test

import (
	"testing"
	"time"

	"keepsake/internal/retention"
)

// crowd is a root of so many bundles, four a day, with every rule in use.
func crowd(n int) (retention.Policy, []retention.Candidate) {
	p := policy()
	p.KeepDaily, p.KeepWeekly, p.KeepMonthly, p.MaxBytes = 30, 52, 120, 100*500
	all := make([]retention.Candidate, n)
	for i := range all {
		all[i] = at(noon().Add(-time.Duration(i)*6*time.Hour), int64(n-i))
		if i%7 == 0 {
			degraded(&all[i])
		}
	}
	return p, all
}

// Retention over 10,000 candidates takes no more than 50 ms, on a machine that has
// a processor to spare: the best run counts.
func BenchmarkApply(b *testing.B) {
	p, all := crowd(10_000)
	b.ReportAllocs()
	best := time.Hour
	for b.Loop() {
		began := time.Now()
		if d, err := p.Apply(all, noon()); err != nil || len(d.All) != len(all) {
			b.Fatal(len(d.All), err)
		}
		best = min(best, time.Since(began))
	}
	if want := 50 * time.Millisecond; best > want {
		b.Errorf("took %v, want at most %v", best, want)
	}
}

// What it costs grows with the number of candidates, and no faster. Allocations
// are counted, since others use the machine too.
func TestCostGrowsWithNumber(t *testing.T) {
	for _, n := range []int{1_000, 10_000} {
		p, all := crowd(n)
		per := testing.AllocsPerRun(2, func() {
			if d, err := p.Apply(all, noon()); err != nil || len(d.Removals()) == 0 {
				t.Fatal("nothing goes", err)
			}
		}) / float64(n)
		if per > 6 {
			t.Errorf("%d candidates: %.1f allocations each, want at most 6", n, per)
		}
	}
}

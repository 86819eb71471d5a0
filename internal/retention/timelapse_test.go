package retention_test

import (
	"slices"
	"testing"
	"time"

	"keepsake/internal/retention"
)

// Sixty days of one backup a day, with three outages: the machine is off; one
// store can't be read, so that bundles are degraded; a store answers with
// nothing. On every day there are K good bundles of each subsystem, once there
// were so many; none of them is lost to pruning; and nothing piles up.
func TestSixtyDays(t *testing.T) {
	start := noon().AddDate(0, 0, -60)
	var root []retention.Candidate
	made := map[string]int{} // good ones, by subsystem
	for today := range 60 {
		now := start.AddDate(0, 0, today)
		if today < 10 || today >= 22 {
			root = append(root, at(now.Add(-time.Hour), int64(today+1), outage(today)))
			for name, s := range root[len(root)-1].Units {
				if takesPlace(root[len(root)-1]) && s.Good && s.Rows > 0 {
					made[name]++
				}
			}
		}
		d, err := policy().Apply(root, now)
		if err != nil {
			t.Fatal(err)
		}
		gone := removed(d.Limit(retention.MassLimit))
		root = slices.DeleteFunc(root, func(c retention.Candidate) bool { return gone[c.Name] })
		for _, name := range []string{"kb", "mc", "graph"} {
			if got, want := good(root, name), min(3, made[name]); got < want {
				t.Errorf("day %d: %d bundles are good in %s, want %d", today, got, name, want)
			}
		}
		if len(root) > 8+3+1 {
			t.Errorf("day %d: %d bundles, they pile up", today, len(root))
		}
	}
	if made["kb"] < 20 {
		t.Errorf("%d good bundles were made: this test tests nothing", made["kb"])
	}
}

// outage is what the second and third outage do to a bundle.
func outage(today int) func(*retention.Candidate) {
	return func(c *retention.Candidate) {
		switch {
		case today >= 30 && today < 41:
			degraded(c)
			holding("mc", false, 0)(c)
		case today >= 45 && today < 56:
			holding("kb", true, 0)(c)
		}
	}
}

// takesPlace is the specification's sentence on what K counts, less the subsystem.
func takesPlace(c retention.Candidate) bool {
	return c.Sealed && c.Status == retention.Complete && c.SizesRight && c.Verified != retention.VerifiedBad && c.Reason == retention.Backup
}

func good(root []retention.Candidate, subsystem string) (n int) {
	for _, c := range root {
		if s := c.Units[subsystem]; takesPlace(c) && s.Good && s.Rows > 0 {
			n++
		}
	}
	return n
}

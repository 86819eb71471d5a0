package retention_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepsake/internal/retention"
)

const (
	memoryID = "3f0c1f0e-1111-4222-8333-444455556666"
	day      = 24 * time.Hour
	layout   = "2006-01-02T15-04-05.000Z"
)

// noon is when the tests decide.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// policy is what a memory has that nobody configured.
func policy() retention.Policy {
	return retention.Policy{Memory: memoryID, KeepLast: 3, MaxAge: 7 * day, SafetyAge: 7 * day}
}

// daily is the good bundle that was made so many days before noon. The older,
// the smaller its sequence.
func daily(ago int, adapt ...func(*retention.Candidate)) retention.Candidate {
	return at(noon().Add(-time.Duration(ago)*day), int64(1000-ago), adapt...)
}

func at(t time.Time, sequence int64, adapt ...func(*retention.Candidate)) retention.Candidate {
	stamp := t.UTC().Format(layout)
	c := retention.Candidate{
		Name: "backup-" + stamp, Sealed: true, Timestamp: stamp, MemoryID: memoryID, Sequence: sequence,
		Reason: retention.Backup, Status: retention.Complete, SizesRight: true, Bytes: 100,
		Units: map[string]retention.Unit{"kb": {Good: true, Rows: 300}, "mc": {Good: true, Rows: 440}, "graph": {Good: true, Rows: 13}},
	}
	for _, change := range adapt {
		change(&c)
	}
	return c
}

// series are good daily bundles, from one age in days to another.
func series(from, to int) []retention.Candidate {
	var all []retention.Candidate
	for ago := from; ago <= to; ago++ {
		all = append(all, daily(ago))
	}
	return all
}

func degraded(c *retention.Candidate)   { c.Status = retention.Degraded }
func safety(c *retention.Candidate)     { c.Reason = retention.PreRestore }
func rescued(c *retention.Candidate)    { c.Reason = retention.Rescue }
func pinned(c *retention.Candidate)     { c.Pinned = true }
func failed(c *retention.Candidate)     { c.Verified = retention.VerifiedBad; bad(c) }
func unreadable(c *retention.Candidate) { c.Unreadable = "parse meta: unexpected end" }
func truncated(c *retention.Candidate)  { c.SizesRight = false; bad(c) }

// bad leaves the bundle no good unit.
func bad(c *retention.Candidate) {
	for name := range c.Units {
		holding(name, false, c.Units[name].Rows)(c)
	}
}

func named(name string) func(*retention.Candidate) {
	return func(c *retention.Candidate) { c.Name = name }
}

// only leaves the bundle those units.
func only(names ...string) func(*retention.Candidate) {
	return func(c *retention.Candidate) {
		all := c.Units
		c.Units = map[string]retention.Unit{}
		for _, name := range names {
			c.Units[name] = all[name]
		}
	}
}

// holding says how a unit of the bundle is.
func holding(name string, good bool, rows int64) func(*retention.Candidate) {
	return func(c *retention.Candidate) {
		all := map[string]retention.Unit{name: {Good: good, Rows: rows}}
		for other, s := range c.Units {
			if other != name {
				all[other] = s
			}
		}
		c.Units = all
	}
}

func apply(t *testing.T, p retention.Policy, all ...retention.Candidate) retention.Decisions {
	t.Helper()
	d, err := p.Apply(all, noon())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// of returns the decision about a candidate.
func of(t *testing.T, d retention.Decisions, c retention.Candidate) retention.Decision {
	t.Helper()
	for _, one := range d.All {
		if one.Candidate.Name == c.Name && one.Candidate.Sequence == c.Sequence {
			return one
		}
	}
	t.Fatalf("nothing was decided about %s", c.Name)
	return retention.Decision{}
}

// removed returns the names that go, as a set.
func removed(d retention.Decisions) map[string]bool {
	names := map[string]bool{}
	for _, r := range d.Removals() {
		names[r.Candidate.Name] = true
	}
	return names
}

func codes(d retention.Decision) string {
	var all []string
	for _, g := range d.Grounds {
		all = append(all, string(g.Code))
	}
	return string(d.Action) + " " + strings.Join(all, ",")
}

// render is all that was decided, as text.
func render(d retention.Decisions) string {
	var b strings.Builder
	for _, one := range d.All {
		fmt.Fprintf(&b, "%-6s %s\n", one.Action, one.Candidate.Name)
		for _, g := range one.Grounds {
			fmt.Fprintf(&b, "       %s: %s\n", g.Code, g.Text)
		}
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(&b, "warning %s %s: %s\n", w.Name, w.Ground.Code, w.Ground.Text)
	}
	return b.String()
}

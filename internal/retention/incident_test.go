package retention_test

import (
	"testing"

	"keepsake/internal/retention"
)

// Incident e: exports of zero rows with a valid meta. Six of ten kept bundles
// had no knowledge base, and the last that had one was next to go.
func TestIncidentE(t *testing.T) {
	all := series(20, 24)
	for ago := range 15 {
		all = append(all, daily(ago, holding("kb", true, 0)))
	}
	d := apply(t, policy(), all...)
	for i, c := range series(20, 22) {
		one := of(t, d, c)
		last := one.Grounds[len(one.Grounds)-1]
		if got, want := last.Text, "is one of the newest 3 that are good in kb"; one.Action != retention.Keep || got != want {
			t.Errorf("%s: %s: it says %q, want %q", c.Name, codes(one), got, want)
		}
		if got, want := one.Grounds[0].Text, "holds the newest good kb"; (got == want) != (i == 0) {
			t.Errorf("%s: it says %q", c.Name, got)
		}
	}
	for _, c := range append(series(23, 24), series(8, 14)...) {
		if got := of(t, d, c).Action; got != retention.Remove {
			t.Errorf("%s: %s, want remove", c.Name, got)
		}
	}
}

// Incident f: directories were counted, not good bundles. The only full one
// survived by its age alone.
func TestIncidentF(t *testing.T) {
	full := daily(30)
	all := []retention.Candidate{full}
	for ago := range 10 {
		all = append(all, daily(ago, degraded, holding("kb", false, 0), holding("mc", false, 0)))
	}
	d := apply(t, policy(), all...)
	if got := codes(of(t, d, full)); got != "keep keep-last" {
		t.Errorf("the only full bundle: %s", got)
	}
	if got := len(d.Removals()); got != 2 {
		t.Errorf("%d go, want the two degraded ones that are too old", got)
	}
}

// Incident h: a killed run left a directory shaped like a bundle, and it was
// taken for one.
func TestIncidentH(t *testing.T) {
	torn := func(c *retention.Candidate) {
		*c = retention.Candidate{Name: c.Name, Unreadable: "has no bundle-meta.json"}
	}
	all := series(8, 10)
	for ago := range 3 {
		all = append(all, daily(ago, torn), daily(20+ago, torn))
	}
	all = append(all, daily(30, named(".backup-partial-2026-10-24T12-00-00.000Z-ABCDEFGH")))
	d := apply(t, policy(), all...)
	if gone := removed(d); len(gone) != 0 || len(d.Warnings) != 7 {
		t.Errorf("got %s", render(d))
	}
	for _, c := range series(8, 10) {
		if got := codes(of(t, d, c)); got != "keep keep-last" {
			t.Errorf("%s: %s", c.Name, got)
		}
	}
}

// Incident u: names that only look like dates were read as such, and deleted.
func TestIncidentU(t *testing.T) {
	all := series(0, 9)
	names := []string{"backup-1", "backup-2019", "backup-before-migration-3"}
	for _, name := range names {
		all = append(all, daily(40, named(name)), retention.Candidate{Name: name + "-bare"})
	}
	d := apply(t, policy(), all...)
	gone := removed(d)
	if len(gone) != 2 || !gone[daily(8).Name] || !gone[daily(9).Name] {
		t.Errorf("removed %v", gone)
	}
	warned := map[string]bool{}
	for _, w := range d.Warnings {
		warned[w.Name] = true
	}
	for _, name := range names {
		if !warned[name] || !warned[name+"-bare"] {
			t.Errorf("%s isn't reported: %v", name, d.Warnings)
		}
	}
}

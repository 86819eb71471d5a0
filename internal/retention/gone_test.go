package retention_test

import (
	"testing"

	"keepsake/internal/retention"
)

// unit says how one more unit of the bundle is.
func unit(name string, u retention.Unit) func(*retention.Candidate) {
	return func(c *retention.Candidate) {
		all := map[string]retention.Unit{name: u}
		for other, was := range c.Units {
			if other != name {
				all[other] = was
			}
		}
		c.Units = all
	}
}

func covers(subsystems ...string) func(*retention.Candidate) {
	return func(c *retention.Candidate) { c.Covers = append(c.Covers, subsystems...) }
}

func ended(units ...string) func(*retention.Candidate) {
	return func(c *retention.Candidate) { c.Ended = append(c.Ended, units...) }
}

// A unit that is gone keeps its newest good copy: for good when somebody had named it,
// for GoneAge when only a pattern had meant it, until somebody says that it has ended.
func TestTrue_15_WhatIsGoneStays(t *testing.T) {
	named := unit("chroma/diary", retention.Unit{Good: true, Rows: 400})
	matched := unit("chroma/diary", retention.Unit{Good: true, Rows: 400, Matched: true})
	lost := unit("chroma/diary", retention.Unit{})
	all := covers("chroma")
	for name, c := range map[string]struct {
		held  func(*retention.Candidate)   // of the bundles of 100 to 102 days ago
		then  []func(*retention.Candidate) // of all after them
		first func(*retention.Candidate)   // of the one of 20 days ago beside that
		stays bool
	}{
		"Named":                   {named, []func(*retention.Candidate){all}, nil, true},
		"Matched":                 {matched, []func(*retention.Candidate){all}, nil, false},
		"MatchedAndNotCovered":    {matched, nil, nil, true},
		"MatchedAndGoneLately":    {matched, nil, all, true},
		"MatchedAndSuspect":       {matched, []func(*retention.Candidate){all, lost}, nil, true},
		"NamedAndEnded":           {named, []func(*retention.Candidate){all}, ended("chroma/diary"), false},
		"EndedBeforeItCameBack":   {named, []func(*retention.Candidate){lost}, ended("chroma/diary"), true},
		"AnotherEnded":            {named, []func(*retention.Candidate){all}, ended("chroma"), true},
		"AnotherSubsystemCovered": {matched, []func(*retention.Candidate){covers("chroma2", "kb")}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			p.GoneAge = 30 * day
			var root []retention.Candidate
			for ago := range 103 {
				switch {
				case ago >= 100:
					root = append(root, daily(ago, c.held, degraded)) // by another unit
				case ago == 20 && c.first != nil:
					root = append(root, daily(ago, append(c.then, c.first)...))
				default:
					root = append(root, daily(ago, c.then...))
				}
			}
			d := apply(t, p, root...)
			one := of(t, d, daily(100))
			if stays := one.Action == retention.Keep; stays != c.stays {
				t.Fatalf("got %s, want it to stay: %v", codes(one), c.stays)
			}
			if c.stays && one.Grounds[0].Text != "holds the newest good chroma/diary" {
				t.Errorf("it says %q", one.Grounds[0].Text)
			}
		})
	}
}

// A status that this version doesn't know is no reason to remove anything, nor is the
// age of such a bundle.
func TestTrue_15_UnknownStatusesStay(t *testing.T) {
	for _, status := range []string{"skipped", "partial", "", "COMPLETE", "failed"} {
		strange := daily(400, func(c *retention.Candidate) { c.Status = status })
		if got := codes(of(t, apply(t, policy(), append(series(0, 9), strange)...), strange)); got != "skip unknown-status" {
			t.Errorf("%q: %s", status, got)
		}
	}
}

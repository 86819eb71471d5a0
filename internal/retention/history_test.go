package retention_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"keepsake/internal/retention"
)

// T10: 100,000 random histories: clocks that jump, stamps from the future, names
// that aren't ours, degraded, unverified and unreadable bundles, other memories,
// any policy. What goes is what the model lets go, and never the newest good one
// of a unit that hasn't ended. KEEPSAKE_TEST_FULL makes it ten times as many.
func TestT10_RandomHistories(t *testing.T) {
	const shards = 2
	rounds := 100_000 / shards
	switch {
	case os.Getenv("KEEPSAKE_TEST_FULL") != "":
		rounds *= 10
	case testing.Short():
		rounds /= 10
	}
	seed := uint64(time.Now().UnixNano())
	for shard := range uint64(shards) {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d, %d", seed, shard)
			h := history{Rand: rand.New(rand.NewPCG(seed, shard))}
			h.run(t, rounds)
		})
	}
}

// history makes up backup roots.
type history struct{ *rand.Rand }

func (h history) run(t *testing.T, rounds int) {
	kept, gone, inKB := 0, 0, 0
	for round := range rounds {
		m := h.draw()
		d, err := m.policy.Apply(m.all, m.now)
		if err != nil {
			t.Fatal(err)
		}
		got := removed(d)
		if want := m.removed(); !maps.Equal(got, want) {
			t.Fatalf("round %d: %+v at %v: removed %v, want %v:\n%s", round, m.policy, m.now, got, want, render(d))
		}
		why := invariants(m, d, got)
		if why == "" && round%8 == 0 {
			why = again(m, got)
		}
		if why != "" {
			t.Fatalf("round %d: %+v at %v: %s:\n%s", round, m.policy, m.now, why, render(d))
		}
		gone += len(got)
		kept += len(m.all) - len(got)
		for i := range m.facts {
			if m.facts[i].good[1] {
				inKB++
			}
		}
	}
	t.Logf("kept %d, removed %d, good in kb %d", kept, gone, inKB)
	if min(gone, inKB) < rounds/2 {
		t.Error("less than one in two histories: this test tests nothing")
	}
}

// invariants says which promise is broken, without asking why a bundle stays.
func invariants(m *model, d retention.Decisions, gone map[string]bool) string {
	if len(d.All) != len(m.all) {
		return "not each has one decision"
	}
	ours := map[string]bool{}
	for i := range m.facts {
		f := &m.facts[i]
		ours[f.Name] = f.ours
		if gone[f.Name] && (!f.ours || f.Pinned || f.future || f.Needed != "" || f.Reason == retention.Rescue) {
			return f.Name + " may never go"
		}
	}
	for i := range d.All {
		if one := &d.All[i]; len(one.Grounds) == 0 || (one.Action == retention.Skip) == ours[one.Candidate.Name] {
			return one.Candidate.Name + " has no ground, or the wrong action"
		}
	}
	for s, unit := range unitNames() {
		if why := places(m, s, gone); why != "" && !m.over(s) {
			return unit + ": " + why
		}
	}
	return ""
}

// places says what is wrong with the good bundles of a unit that are left.
func places(m *model, s int, gone map[string]bool) string {
	had, has := 0, 0
	var newest *fact
	for i := range m.facts {
		f := &m.facts[i]
		if !f.good[s] {
			continue
		}
		if newest == nil || newer(f, newest) {
			newest = f
		}
		had++
		if !gone[f.Name] {
			has++
		}
	}
	switch {
	case newest != nil && gone[newest.Name]:
		return "the newest good one is gone"
	case has < min(had, m.policy.KeepLast):
		return fmt.Sprintf("%d are good, and there were %d", has, had)
	}
	return ""
}

// again decides about what stays: it stays.
func again(m *model, gone map[string]bool) string {
	var left []retention.Candidate
	for _, c := range m.all {
		if !gone[c.Name] {
			left = append(left, c)
		}
	}
	d, err := m.policy.Apply(left, m.now)
	if err != nil || len(d.Removals()) > 0 {
		return fmt.Sprintf("a second run removes %v, %v", removed(d), err)
	}
	return ""
}

func (h history) draw() *model {
	m := &model{now: noon().Add(time.Duration(h.Int64N(int64(2 * day)))), policy: retention.Policy{
		Memory: memoryID, KeepLast: 1 + h.IntN(4), MaxAge: time.Duration(1+h.IntN(10)) * day, SafetyAge: time.Duration(h.IntN(8)) * day,
		GoneAge: time.Duration(h.IntN(15)) * day,
	}}
	if h.IntN(3) == 0 {
		m.policy.KeepDaily, m.policy.KeepWeekly, m.policy.KeepMonthly = h.IntN(4), h.IntN(4), h.IntN(3)
	}
	if h.IntN(3) == 0 {
		m.policy.MaxBytes = 1 + h.Int64N(1200)
	}
	h.fill(m)
	return m
}

// fill makes bundles in the order of their sequence; the clock mostly goes on.
func (h history) fill(m *model) {
	n := h.IntN(13)
	clock, names := m.now.Add(-time.Duration(h.IntN(40))*day), map[string]bool{}
	for i := range n {
		clock = clock.Add(time.Duration(h.IntN(60)) * time.Hour)
		if h.IntN(20) == 0 {
			clock = clock.Add(time.Duration(h.IntN(60)-30) * day)
		}
		if h.IntN(20) == 0 {
			clock = m.now // to the millisecond
		}
		c := h.bundle(clock, int64(i+1))
		if !names[c.Name] {
			names[c.Name] = true
			m.all = append(m.all, c)
		}
	}
	h.Shuffle(len(m.all), func(i, j int) { m.all[i], m.all[j] = m.all[j], m.all[i] })
}

func (h history) bundle(clock time.Time, sequence int64) retention.Candidate {
	c := at(clock, sequence)
	c.Bytes = h.Int64N(200)
	c.Units = make(map[string]retention.Unit, 3)
	for _, name := range []string{"kb", "mc", "graph"} {
		if h.IntN(8) > 0 {
			c.Units[name] = retention.Unit{Good: h.IntN(10) > 0, Rows: h.Int64N(6), Matched: h.IntN(2) > 0}
		}
		if h.IntN(2) > 0 {
			c.Covers = append(c.Covers, name)
		}
		if h.IntN(60) == 0 {
			c.Ended = append(c.Ended, name)
		}
	}
	for range 2 {
		h.harm(&c)
	}
	return c
}

// harm does to one bundle in four what happens to bundles.
func (h history) harm(c *retention.Candidate) {
	switch h.IntN(64) {
	case 0, 1, 2:
		degraded(c)
	case 3, 4:
		failed(c)
	case 5:
		truncated(c)
	case 6, 7:
		safety(c)
	case 8:
		rescued(c)
	case 9:
		pinned(c)
	case 10:
		unreadable(c)
	case 11:
		c.MemoryID = "another"
	case 12:
		c.Name = fmt.Sprintf("backup-%d", c.Sequence)
	case 13:
		c.Timestamp = "2026-11-01T00-00-00.000Z"
	case 14:
		c.Sealed = false
	case 15:
		c.Sequence = max(c.Sequence-3, 1) // given twice, after memory.json was put back
	case 16:
		c.Needed = "a restore isn't finished"
	case 17:
		c.Status = "whole"
	case 18:
		c.Reason = "drill"
	}
}

// A policy that keeps more, in any one way, removes nothing that one which keeps
// less would have kept. Time passing brings nothing back. Room is left out: what
// has to stay takes it from what may.
func TestMonotone(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := history{Rand: rand.New(rand.NewPCG(seed, 9))}
	for round := range 2_000 {
		m := h.draw()
		m.policy.MaxBytes = 0
		before := m.removed()
		for name, change := range map[string]func(*model){
			"KeepLast":    func(m *model) { m.policy.KeepLast++ },
			"MaxAge":      func(m *model) { m.policy.MaxAge += day },
			"SafetyAge":   func(m *model) { m.policy.SafetyAge = 0 },
			"GoneAge":     func(m *model) { m.policy.GoneAge = 0 },
			"KeepDaily":   func(m *model) { m.policy.KeepDaily++ },
			"KeepWeekly":  func(m *model) { m.policy.KeepWeekly++ },
			"KeepMonthly": func(m *model) { m.policy.KeepMonthly++ },
			"Earlier":     func(m *model) { m.now = m.now.Add(-day) },
		} {
			more := *m
			change(&more)
			if name == "Earlier" && m.made(more.now, m.now) {
				continue // what that one says of a unit nobody knew yet
			}
			d, err := more.policy.Apply(more.all, more.now)
			if err != nil {
				t.Fatal(err)
			}
			for gone := range removed(d) {
				if !before[gone] {
					t.Fatalf("round %d, %s: %s goes:\n%s", round, name, gone, render(d))
				}
			}
		}
	}
}

// made reports whether a bundle was made between two moments.
func (m *model) made(from, to time.Time) bool {
	return slices.ContainsFunc(m.facts, func(f fact) bool { return f.stamp.After(from) && !f.stamp.After(to) })
}

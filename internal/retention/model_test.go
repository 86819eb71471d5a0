package retention_test

import (
	"cmp"
	"slices"
	"time"

	"keepsake/internal/retention"
)

// model is retention read off its specification a second time, as questions
// about one bundle among the others. It asks them again for every bundle, shares
// nothing with the package, and gives no reasons.
type model struct {
	policy retention.Policy
	now    time.Time
	all    []retention.Candidate
}

func (m *model) removed() map[string]bool {
	gone := map[string]bool{}
	for _, c := range m.all {
		if m.ours(c) && !m.mayNotGo(c) && !m.calendar(c) && m.tooOld(c) {
			gone[c.Name] = true
		}
	}
	for m.policy.MaxBytes > 0 && m.total(gone) > m.policy.MaxBytes {
		oldest, found := retention.Candidate{}, false
		for _, c := range m.all {
			if m.ours(c) && !gone[c.Name] && !m.mayNotGo(c) && c.Reason == retention.Backup && (!found || newer(oldest, c)) {
				oldest, found = c, true
			}
		}
		if !found {
			break
		}
		gone[oldest.Name] = true
	}
	return gone
}

func (m *model) total(gone map[string]bool) (n int64) {
	for _, c := range m.all {
		if m.ours(c) && !gone[c.Name] {
			n += c.Bytes
		}
	}
	return n
}

func stampOf(c retention.Candidate) (time.Time, bool) {
	if len(c.Name) != len("backup-2006-01-02T15-04-05.000Z") || c.Name[:7] != "backup-" {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02T15-04-05.000Z", c.Name[7:])
	return t, err == nil
}

func (m *model) ours(c retention.Candidate) bool {
	_, ok := stampOf(c)
	return ok && c.Unreadable == "" && c.Sealed && c.MemoryID == m.policy.Memory && c.Timestamp == c.Name[7:] &&
		slices.Contains([]string{retention.Complete, retention.Degraded}, c.Status) &&
		slices.Contains([]string{retention.Backup, retention.PreRestore, retention.Rescue}, c.Reason)
}

func (m *model) future(c retention.Candidate) bool {
	t, _ := stampOf(c)
	return t.After(m.now)
}

func (m *model) tooOld(c retention.Candidate) bool {
	t, _ := stampOf(c)
	if c.Reason == retention.PreRestore {
		return m.policy.SafetyAge > 0 && m.now.Sub(t) > m.policy.SafetyAge
	}
	return m.now.Sub(t) > m.policy.MaxAge
}

func newer(a, b retention.Candidate) bool {
	x, _ := stampOf(a)
	y, _ := stampOf(b)
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), x.Compare(y), cmp.Compare(b.Name, a.Name)) > 0
}

// backup: one that the rules of number are for.
func (m *model) backup(c retention.Candidate) bool {
	return m.ours(c) && !m.future(c) && c.Reason == retention.Backup
}

// sound: good in a subsystem, whatever became of the others.
func (m *model) sound(c retention.Candidate, subsystem string) bool {
	s := c.Subsystems[subsystem]
	return m.backup(c) && c.SizesRight && (c.Verified == "" || c.Verified == "ok") && s.Good && s.Rows > 0
}

// good: takes a place. The subsystem "" is all that it holds.
func (m *model) good(c retention.Candidate, subsystem string) bool {
	if c.Status != retention.Complete {
		return false
	}
	if subsystem != "" {
		return m.sound(c, subsystem)
	}
	for _, s := range c.Subsystems {
		if !s.Good {
			return false
		}
	}
	return m.backup(c) && c.SizesRight && (c.Verified == "" || c.Verified == "ok")
}

// newerThan counts those that are newer and fit.
func (m *model) newerThan(c retention.Candidate, fits func(retention.Candidate) bool) (n int) {
	for _, other := range m.all {
		if newer(other, c) && fits(other) {
			n++
		}
	}
	return n
}

func (m *model) subsystems() []string { return []string{"", "kb", "mc", "graph"} }

// mayNotGo: neither for age nor for room.
func (m *model) mayNotGo(c retention.Candidate) bool {
	if m.future(c) || c.Pinned || c.Needed != "" || c.Reason == retention.Rescue {
		return true
	}
	if c.Reason == retention.PreRestore {
		return !m.tooOld(c)
	}
	for _, sub := range m.subsystems() {
		good := func(o retention.Candidate) bool { return m.good(o, sub) }
		if good(c) && m.newerThan(c, good) < m.policy.KeepLast {
			return true
		}
		sound := func(o retention.Candidate) bool { return m.sound(o, sub) }
		if sub != "" && sound(c) && m.newerThan(c, sound) == 0 {
			return true
		}
		holds := func(o retention.Candidate) bool { return m.backup(o) && o.Subsystems[sub].Rows > 0 }
		if sub != "" && !slices.ContainsFunc(m.all, sound) && holds(c) && m.newerThan(c, holds) < m.policy.KeepLast {
			return true
		}
	}
	return false
}

// calendar: the newest of a day, week or month that is among the newest so many.
func (m *model) calendar(c retention.Candidate) bool {
	for _, sub := range m.subsystems() {
		for span, most := range map[string]int{"2006-01-02": m.policy.KeepDaily, "week": m.policy.KeepWeekly, "2006-01": m.policy.KeepMonthly} {
			if m.good(c, sub) && m.spanIsNew(c, sub, span) < most {
				return true
			}
		}
	}
	return false
}

// spanIsNew counts the spans of newer good ones; it is huge when the bundle's own
// is among them.
func (m *model) spanIsNew(c retention.Candidate, sub, span string) int {
	spans := map[string]bool{}
	for _, other := range m.all {
		if newer(other, c) && m.good(other, sub) {
			spans[spanOf(other, span)] = true
		}
	}
	if spans[spanOf(c, span)] {
		return 1 << 30
	}
	return len(spans)
}

// spanOf names a week by its Monday.
func spanOf(c retention.Candidate, span string) string {
	t, _ := stampOf(c)
	if span == "week" {
		t = t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
		span = "2006-01-02"
	}
	return t.Format(span)
}

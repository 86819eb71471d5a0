package retention_test

import (
	"cmp"
	"slices"
	"time"

	"keepsake/internal/retention"
)

// model is retention read off its specification a second time, as questions
// about one bundle among all the others. It shares nothing with the package,
// keeps no count on the way, and gives no reasons.
type model struct {
	policy retention.Policy
	now    time.Time
	all    []retention.Candidate
	facts  []fact
}

// parts is how many units histories have.
const parts = 4

// unitNames are those. The first is all that a bundle holds.
func unitNames() [parts]string { return [4]string{"", "kb", "mc", "graph"} }

// fact is what can be said of a bundle by itself, of each unit.
type fact struct {
	retention.Candidate
	stamp         time.Time
	ours, future  bool
	backup        bool        // the rules of number are for it
	good, filled  [parts]bool // good: takes a place
	holds, covers [parts]bool // says something of it; had it not, had it been there
	ends          [parts]bool
}

func (m *model) look() {
	m.facts = make([]fact, len(m.all))
	for i, c := range m.all {
		f := fact{Candidate: c}
		named := false
		if len(c.Name) == len("backup-2006-01-02T15-04-05.000Z") && c.Name[:7] == "backup-" {
			t, err := time.Parse("2006-01-02T15-04-05.000Z", c.Name[7:])
			f.stamp, named = t, err == nil
		}
		f.ours = named && c.Unreadable == "" && c.Sealed && c.MemoryID == m.policy.Memory && c.Timestamp == c.Name[7:] &&
			slices.Contains([]string{retention.Complete, retention.Degraded}, c.Status) &&
			slices.Contains([]string{retention.Backup, retention.PreRestore, retention.Rescue}, c.Reason)
		f.future = f.stamp.After(m.now)
		f.backup = f.ours && !f.future && c.Reason == retention.Backup
		f.parts()
		m.facts[i] = f
	}
}

func (f *fact) parts() {
	f.good[0] = f.backup && f.SizesRight && (f.Verified == "" || f.Verified == "ok") && f.Status == retention.Complete
	for i, name := range unitNames() {
		f.covers[i] = f.backup && slices.Contains(f.Covers, name)
		f.ends[i] = f.backup && slices.Contains(f.Ended, name)
		u, has := f.Units[name]
		if !has {
			continue
		}
		f.holds[i] = f.backup
		f.filled[i] = f.backup && u.Rows > 0
		f.good[i] = f.backup && u.Good && u.Rows > 0
		f.good[0] = f.good[0] && u.Good
	}
}

// last is the newest that says something of a unit, nil without any.
func (m *model) last(s int) (last *fact) {
	for i := range m.facts {
		if f := &m.facts[i]; f.holds[s] && (last == nil || newer(f, last)) {
			last = f
		}
	}
	return last
}

// over: nothing stays for a unit any more.
func (m *model) over(s int) bool {
	last := m.last(s)
	if last == nil {
		return false
	}
	var gone *fact
	for i := range m.facts {
		f := &m.facts[i]
		if !newer(f, last) {
			continue
		}
		if f.ends[s] {
			return true
		}
		if f.covers[s] && (gone == nil || newer(gone, f)) {
			gone = f
		}
	}
	if gone == nil || m.policy.GoneAge == 0 || !last.Units[unitNames()[s]].Matched {
		return false
	}
	return m.now.Sub(gone.stamp) > m.policy.GoneAge && m.now.Sub(last.stamp) > m.policy.GoneAge
}

func (m *model) removed() map[string]bool {
	m.look()
	gone, firm := map[string]bool{}, map[string]bool{}
	for i := range m.facts {
		f := &m.facts[i]
		firm[f.Name] = m.mayNotGo(f)
		if f.ours && !firm[f.Name] && m.tooOld(f) && !m.calendar(f) {
			gone[f.Name] = true
		}
	}
	for m.policy.MaxBytes > 0 && m.total(gone) > m.policy.MaxBytes {
		oldest := (*fact)(nil)
		for i := range m.facts {
			f := &m.facts[i]
			if f.backup && !gone[f.Name] && !firm[f.Name] && (oldest == nil || newer(oldest, f)) {
				oldest = f
			}
		}
		if oldest == nil {
			break
		}
		gone[oldest.Name] = true
	}
	return gone
}

func (m *model) total(gone map[string]bool) (n int64) {
	for i := range m.facts {
		if f := &m.facts[i]; f.ours && !gone[f.Name] {
			n += f.Bytes
		}
	}
	return n
}

func (m *model) tooOld(f *fact) bool {
	age := m.now.Sub(f.stamp)
	if f.Reason == retention.PreRestore {
		return m.policy.SafetyAge > 0 && age > m.policy.SafetyAge
	}
	return age > m.policy.MaxAge
}

func newer(a, b *fact) bool {
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), a.stamp.Compare(b.stamp), cmp.Compare(b.Name, a.Name)) > 0
}

// newerThan counts those that are newer and fit.
func (m *model) newerThan(f *fact, fits func(*fact) bool) (n int) {
	for i := range m.facts {
		if other := &m.facts[i]; fits(other) && newer(other, f) {
			n++
		}
	}
	return n
}

// mayNotGo: neither for age nor for room.
func (m *model) mayNotGo(f *fact) bool {
	switch {
	case f.future, f.Pinned, f.Needed != "", f.Reason == retention.Rescue:
		return true
	case f.Reason == retention.PreRestore:
		return !m.tooOld(f)
	}
	for s := range parts {
		if m.over(s) {
			continue
		}
		if f.holds[s] && !f.good[s] && s > 0 && f.Name == m.last(s).Name {
			return true
		}
		if f.good[s] && m.newerThan(f, func(o *fact) bool { return o.good[s] }) < m.policy.KeepLast {
			return true
		}
		none := !slices.ContainsFunc(m.facts, func(o fact) bool { return o.good[s] })
		if s > 0 && f.filled[s] && none && m.newerThan(f, func(o *fact) bool { return o.filled[s] }) < m.policy.KeepLast {
			return true
		}
	}
	return false
}

// calendar: the newest of a day, week or month that is among the newest so many.
func (m *model) calendar(f *fact) bool {
	for s := range parts {
		if f.good[s] && !m.over(s) && (m.newestOf(f, s, day, m.policy.KeepDaily) || m.newestOf(f, s, 7*day, m.policy.KeepWeekly) || m.newestOf(f, s, 0, m.policy.KeepMonthly)) {
			return true
		}
	}
	return false
}

func (m *model) newestOf(f *fact, s int, span time.Duration, most int) bool {
	spans := map[int64]bool{}
	for i := range m.facts {
		if other := &m.facts[i]; most > 0 && other.good[s] && newer(other, f) {
			spans[spanOf(other.stamp, span)] = true
		}
	}
	return !spans[spanOf(f.stamp, span)] && len(spans) < most
}

// spanOf numbers days, weeks (the epoch was a Thursday) and, for 0, months.
func spanOf(t time.Time, span time.Duration) int64 {
	switch span {
	case day:
		return t.Unix() / 86400
	case 7 * day:
		return (t.Unix()/86400 + 3) / 7
	}
	return int64(t.Year()*12 + int(t.Month()))
}

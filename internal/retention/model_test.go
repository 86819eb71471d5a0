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

// parts is how many subsystems histories have.
const parts = 4

// subsystems are those. The first is all that a bundle holds.
func subsystems() [parts]string { return [4]string{"", "kb", "mc", "graph"} }

// fact is what can be said of a bundle by itself, of each subsystem.
type fact struct {
	retention.Candidate
	stamp               time.Time
	ours, future        bool
	backup              bool        // the rules of number are for it
	sound, good, filled [parts]bool // sound: this part is good; good: takes a place
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
	whole := f.backup && f.SizesRight && (f.Verified == "" || f.Verified == "ok")
	f.good[0] = whole && f.Status == retention.Complete
	for i, name := range subsystems() {
		s, has := f.Subsystems[name]
		if !has {
			continue
		}
		f.filled[i] = f.backup && s.Rows > 0
		f.sound[i] = whole && s.Good && s.Rows > 0
		f.good[i] = f.sound[i] && f.Status == retention.Complete
		f.good[0] = f.good[0] && s.Good
	}
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
		if f.good[s] && m.newerThan(f, func(o *fact) bool { return o.good[s] }) < m.policy.KeepLast {
			return true
		}
		sound := m.newerThan(f, func(o *fact) bool { return o.sound[s] })
		if f.sound[s] && sound == 0 {
			return true
		}
		none := !slices.ContainsFunc(m.facts, func(o fact) bool { return o.sound[s] })
		if f.filled[s] && none && m.newerThan(f, func(o *fact) bool { return o.filled[s] }) < m.policy.KeepLast {
			return true
		}
	}
	return false
}

// calendar: the newest of a day, week or month that is among the newest so many.
func (m *model) calendar(f *fact) bool {
	for s := range parts {
		if f.good[s] && (m.newestOf(f, s, day, m.policy.KeepDaily) || m.newestOf(f, s, 7*day, m.policy.KeepWeekly) || m.newestOf(f, s, 0, m.policy.KeepMonthly)) {
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

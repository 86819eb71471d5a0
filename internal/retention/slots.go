package retention

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// rule is a rule by which a good bundle stays.
type rule int

const (
	byWhole rule = iota // one of the newest that are good in all that they hold
	byNewest
	byLast
	byLastResort
	byLastSeen
	byDay // this and all after it only while there is room
	byWeek
	byMonth
)

// everything is the ladder of the memory as a whole: bundles that are good in
// all that they hold, be it nothing.
const everything = ""

// hold keeps a bundle, by a rule and for a unit.
type hold struct {
	by   rule
	unit string
}

func (it *item) hold(by rule, unit string) { it.holds = append(it.holds, hold{by, unit}) }

// ladder counts the slots of one unit, from the newest bundle down.
type ladder struct {
	last                int // slots of good bundles that are taken
	newest              bool
	days, weeks, months rungs
	others              int // bundles that hold it, none of them good
}

// rungs are calendar spans of which one bundle each is kept.
type rungs map[int]struct{}

// open reports whether there are spans left; a calendar isn't free.
func (r rungs) open(most int) bool { return len(r) < most }

// take reports whether a bundle is the newest of its span.
func (r *rungs) take(span int) bool {
	if _, taken := (*r)[span]; taken {
		return false
	}
	if *r == nil {
		*r = rungs{}
	}
	(*r)[span] = struct{}{}
	return true
}

func (r *run) ladder(unit string) *ladder {
	l := r.ladders[unit]
	if l == nil {
		l = &ladder{}
		r.ladders[unit] = l
	}
	return l
}

// lapse finds the units for which nothing stays any more: those that have ended, and
// those that only a pattern meant and that have been gone for longer than GoneAge. What
// was there last counts: a unit that came back is there.
func (r *run) lapse() {
	seen, ended, covered := map[string]bool{}, map[string]bool{}, map[string]time.Time{}
	for _, it := range r.items {
		if !it.judged {
			continue
		}
		for name, u := range it.Candidate.Units {
			if seen[name] {
				continue
			}
			seen[name] = true
			r.lapsed[name] = ended[name] || u.Matched && r.longGone(it.stamp, covered[subsystem(name)])
			if (!u.Good || u.Rows <= 0) && !r.lapsed[name] {
				it.hold(byLastSeen, name) // without it an earlier end would seem to be the last word
			}
		}
		for _, sub := range it.Candidate.Covers {
			covered[sub] = it.stamp // in the end, that of the first that saw it gone
		}
		for _, name := range it.Candidate.Ended {
			ended[name] = true
		}
	}
}

// longGone reports whether a unit has been gone for longer than it is kept: it was
// there at one stamp, and gone at the other, which is zero where nobody saw it gone.
func (r *run) longGone(there, gone time.Time) bool {
	if gone.IsZero() || r.policy.GoneAge == 0 {
		return false
	}
	if there.After(gone) { // a clock went wrong
		gone = there
	}
	return r.now.Sub(gone) > r.policy.GoneAge
}

// subsystem is the part of a unit's name before the first slash.
func subsystem(unit string) string {
	sub, _, _ := strings.Cut(unit, "/")
	return sub
}

// fillSlots gives the slots of good bundles to the newest, for the memory and for
// each unit.
func (r *run) fillSlots() {
	for _, it := range r.items {
		if !it.judged {
			continue
		}
		if it.Candidate.whole() {
			r.climb(it, byWhole, everything)
		}
		for name, u := range it.Candidate.Units {
			if u.Good && u.Rows > 0 && !r.lapsed[name] {
				r.slotIn(it, name)
			}
		}
	}
}

// slotIn counts a bundle among those that are good in a unit.
func (r *run) slotIn(it *item, unit string) {
	if l := r.ladder(unit); !l.newest {
		l.newest = true
		it.hold(byNewest, unit)
	}
	r.climb(it, byLast, unit)
}

func (r *run) climb(it *item, by rule, unit string) {
	l, p := r.ladder(unit), r.policy
	if l.last < p.KeepLast {
		l.last++
		it.hold(by, unit)
	}
	if l.days.open(p.KeepDaily) && l.days.take(it.stamp.Year()*1000+it.stamp.YearDay()) {
		it.hold(byDay, unit)
	}
	if l.weeks.open(p.KeepWeekly) && l.weeks.take(week(it.stamp)) {
		it.hold(byWeek, unit)
	}
	if l.months.open(p.KeepMonthly) && l.months.take(it.stamp.Year()*100+int(it.stamp.Month())) {
		it.hold(byMonth, unit)
	}
}

func week(t time.Time) int {
	year, week := t.ISOWeek()
	return year*100 + week
}

// lastResort keeps the newest bundles that hold a unit of which none is good: they
// are all that there is of it.
func (r *run) lastResort() {
	bad := map[string]struct{}{}
	for _, it := range r.items {
		if !it.judged {
			continue
		}
		for name, u := range it.Candidate.Units {
			l := r.ladder(name)
			if u.Rows <= 0 || l.newest || r.lapsed[name] || l.others >= r.policy.KeepLast {
				continue
			}
			l.others++
			it.hold(byLastResort, name)
			bad[name] = struct{}{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		text := "no bundle is good in " + name + ": the newest that hold it stay, whatever is wrong with them"
		r.warnings = append(r.warnings, Warning{"", Ground{NoneGood, text}})
	}
}

package retention

import (
	"maps"
	"slices"
	"time"
)

// rule is a rule by which a good bundle stays.
type rule int

const (
	byLast rule = iota
	byNewest
	byLastResort
	byDay // this and all after it only while there is room
	byWeek
	byMonth
)

// everything is the ladder of the memory as a whole: bundles that are good in
// all that they hold, be it nothing.
const everything = ""

// hold keeps a bundle, by a rule and for a subsystem.
type hold struct {
	by        rule
	subsystem string
}

func (it *item) hold(by rule, subsystem string) { it.holds = append(it.holds, hold{by, subsystem}) }

// ladder counts the slots of one subsystem, from the newest bundle down.
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

func (r *run) ladder(subsystem string) *ladder {
	l := r.ladders[subsystem]
	if l == nil {
		l = &ladder{}
		r.ladders[subsystem] = l
	}
	return l
}

// fillSlots gives the slots of good bundles to the newest, for the memory and for
// each subsystem.
func (r *run) fillSlots() {
	for _, it := range r.items {
		c := &it.Candidate
		if !it.judged || c.fault() != "" {
			continue
		}
		complete := c.noSlot() == ""
		if complete && c.whole() {
			r.climb(it, everything)
		}
		for name, s := range c.Subsystems {
			if s.Good && s.Rows > 0 {
				r.slotIn(it, name, complete)
			}
		}
	}
}

// slotIn counts a bundle among those that are good in a subsystem. A degraded
// one takes no slot, but when it is newer than all others its good part is the
// newest good one that there is.
func (r *run) slotIn(it *item, subsystem string, complete bool) {
	l := r.ladder(subsystem)
	if !complete && !l.newest {
		it.hold(byNewest, subsystem)
	}
	l.newest = true
	if complete {
		r.climb(it, subsystem)
	}
}

func (r *run) climb(it *item, subsystem string) {
	l, p := r.ladder(subsystem), r.policy
	if l.last < p.KeepLast {
		l.last++
		it.hold(byLast, subsystem)
	}
	if l.days.open(p.KeepDaily) && l.days.take(it.stamp.Year()*1000+it.stamp.YearDay()) {
		it.hold(byDay, subsystem)
	}
	if l.weeks.open(p.KeepWeekly) && l.weeks.take(week(it.stamp)) {
		it.hold(byWeek, subsystem)
	}
	if l.months.open(p.KeepMonthly) && l.months.take(it.stamp.Year()*100+int(it.stamp.Month())) {
		it.hold(byMonth, subsystem)
	}
}

func week(t time.Time) int {
	year, week := t.ISOWeek()
	return year*100 + week
}

// lastResort keeps the newest bundles that hold a subsystem of which none is
// good: they are all that there is of it.
func (r *run) lastResort() {
	bad := map[string]struct{}{}
	for _, it := range r.items {
		if !it.judged {
			continue
		}
		for name, s := range it.Candidate.Subsystems {
			l := r.ladder(name)
			if s.Rows <= 0 || l.newest || l.others >= r.policy.KeepLast {
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

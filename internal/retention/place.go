package retention

import (
	"maps"
	"slices"
	"strconv"
	"strings"
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
	rules // how many there are
)

// everything is the ladder of the memory as a whole: bundles that are good in
// all that they hold, be it nothing.
const everything = ""

// held are, by rule, the subsystems for which a bundle stays.
type held [rules][]string

func (h *held) add(r rule, subsystem string) { h[r] = append(h[r], subsystem) }

// ladder counts the places of one subsystem, from the newest bundle down.
type ladder struct {
	last                int // places of good bundles that are taken
	newest              bool
	days, weeks, months rungs
	others              int // bundles that hold it, none of them good
}

// rungs are calendar spans of which one bundle each is kept.
type rungs map[int]struct{}

// take reports whether a bundle is the newest of a span, and one of the most
// newest spans.
func (r *rungs) take(most, span int) bool {
	if _, taken := (*r)[span]; taken || len(*r) >= most {
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

// place gives the places of good bundles to the newest, for the memory and for
// each subsystem.
func (r *run) place() {
	for i := range r.items {
		it := &r.items[i]
		c := &it.Candidate
		if !it.judged || c.fault() != "" {
			continue
		}
		complete := c.noPlace() == ""
		if complete && c.whole() {
			r.climb(it, everything)
		}
		for name, s := range c.Subsystems {
			if s.Good && s.Rows > 0 {
				r.placeIn(it, name, complete)
			}
		}
	}
}

// placeIn places a bundle among those that are good in a subsystem. A degraded
// one takes no place, but when it is newer than all others its good part is the
// newest good one that there is.
func (r *run) placeIn(it *item, subsystem string, complete bool) {
	l := r.ladder(subsystem)
	if !complete && !l.newest {
		it.held.add(byNewest, subsystem)
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
		it.held.add(byLast, subsystem)
	}
	if l.days.take(p.KeepDaily, it.stamp.Year()*1000+it.stamp.YearDay()) {
		it.held.add(byDay, subsystem)
	}
	if year, week := it.stamp.ISOWeek(); l.weeks.take(p.KeepWeekly, year*100+week) {
		it.held.add(byWeek, subsystem)
	}
	if l.months.take(p.KeepMonthly, it.stamp.Year()*100+int(it.stamp.Month())) {
		it.held.add(byMonth, subsystem)
	}
}

// lastResort keeps the newest bundles that hold a subsystem of which none is
// good: they are all that there is of it.
func (r *run) lastResort() {
	bad := map[string]struct{}{}
	for i := range r.items {
		it := &r.items[i]
		if !it.judged {
			continue
		}
		for name, s := range it.Candidate.Subsystems {
			l := r.ladder(name)
			if s.Rows <= 0 || l.newest || l.others >= r.policy.KeepLast {
				continue
			}
			l.others++
			it.held.add(byLastResort, name)
			bad[name] = struct{}{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		text := "no bundle is good in " + name + ": the newest that hold it stay, whatever is wrong with them"
		r.warnings = append(r.warnings, Warning{"", Ground{NoneGood, text}})
	}
}

// ground says that a bundle stays by a rule, and for which subsystems. That it
// does for the memory as a whole says more than any of them.
func (r *run) ground(by rule, subsystems []string) Ground {
	of := ""
	if !slices.Contains(subsystems, everything) {
		slices.Sort(subsystems)
		of = " in " + strings.Join(subsystems, ", ")
	}
	p := r.policy
	switch by {
	case byLast:
		return Ground{KeepLast, "is one of the newest " + strconv.Itoa(p.KeepLast) + " that are good" + of}
	case byNewest:
		return Ground{Newest, "is the newest that is good" + of}
	case byLastResort:
		return Ground{LastResort, "is one of the newest, and none is good" + of}
	case byDay:
		return Ground{KeepDaily, "is the newest good one of its day" + of + ", of " + strconv.Itoa(p.KeepDaily)}
	case byWeek:
		return Ground{KeepWeekly, "is the newest good one of its week" + of + ", of " + strconv.Itoa(p.KeepWeekly)}
	default:
		return Ground{KeepMonthly, "is the newest good one of its month" + of + ", of " + strconv.Itoa(p.KeepMonthly)}
	}
}

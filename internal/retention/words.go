package retention

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// grounds says by which rules a bundle stays, the firm ones first, and for which
// units. The slice is sorted. That it stays for the memory as a whole says more than
// that it does for any of its units.
func (r *run) grounds(holds []hold) []Ground {
	slices.SortFunc(holds, func(a, b hold) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.unit, b.unit))
	})
	if holds[0].by == byWhole {
		holds = slices.DeleteFunc(holds, func(h hold) bool { return h.by == byNewest || h.by == byLast })
	}
	out := make([]Ground, 0, 3)
	for len(holds) > 0 {
		by, n := holds[0].by, 1
		for n < len(holds) && holds[n].by == by {
			n++
		}
		out = append(out, r.ground(by, holds[:n]))
		holds = holds[n:]
	}
	return out
}

func (r *run) ground(by rule, holds []hold) Ground {
	p, in := r.policy, units(holds)
	if in != "" {
		in = " in " + in
	}
	switch by {
	case byWhole, byLast:
		return Ground{KeepLast, "is one of the newest " + strconv.Itoa(p.KeepLast) + " that are good" + in}
	case byNewest:
		return Ground{Newest, "holds the newest good " + units(holds)}
	case byLastResort:
		return Ground{LastResort, "is one of the newest, and none is good" + in}
	case byLastSeen:
		return Ground{LastSeen, "is the newest that says something" + strings.Replace(in, " in ", " of ", 1) + ", and holds no good one"}
	case byDay:
		return Ground{KeepDaily, "is the newest good one of its day" + in + ", of " + strconv.Itoa(p.KeepDaily)}
	case byWeek:
		return Ground{KeepWeekly, "is the newest good one of its week" + in + ", of " + strconv.Itoa(p.KeepWeekly)}
	default:
		return Ground{KeepMonthly, "is the newest good one of its month" + in + ", of " + strconv.Itoa(p.KeepMonthly)}
	}
}

// units lists those for which a bundle stays. That it does for the memory as a whole,
// which sorts first, says more than any of them.
func units(holds []hold) string {
	if holds[0].unit == everything {
		return ""
	}
	names := make([]string, len(holds))
	for i, h := range holds {
		names[i] = h.unit
	}
	return list(names)
}

// list names the first few.
func list(names []string) string {
	const most = 6
	if len(names) > most+1 {
		names = append(slices.Clone(names[:most]), strconv.Itoa(len(names)-most)+" others")
	}
	return strings.Join(names, ", ")
}

// explain says beside a decision in what a bundle takes no slot of a good one: that
// it is there looks like one more otherwise.
func (it *item) explain() {
	c, bad := &it.Candidate, it.Candidate.bad()
	text := ""
	switch why := c.fault(); {
	case len(bad) > 0 && len(bad) < len(c.Units):
		text = "takes no place of a good one in " + list(bad)
	case why != "" && len(bad) == 0 && len(c.Units) > 0:
		text = "takes no place of a whole one: " + why
	case why != "":
		text = "takes no place of a good one: " + why
	}
	if text != "" {
		it.Grounds = append(it.Grounds, Ground{NoSlot, text})
	}
}

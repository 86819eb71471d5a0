package retention

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// grounds says by which rules a bundle stays, the firm ones first, and for which
// subsystems. The slice is sorted.
func (r *run) grounds(holds []hold) []Ground {
	slices.SortFunc(holds, func(a, b hold) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.subsystem, b.subsystem))
	})
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
	p, in := r.policy, subsystems(holds)
	switch by {
	case byLast:
		return Ground{KeepLast, "is one of the newest " + strconv.Itoa(p.KeepLast) + " that are good" + in}
	case byNewest:
		return Ground{Newest, "is the newest that is good" + in}
	case byLastResort:
		return Ground{LastResort, "is one of the newest, and none is good" + in}
	case byDay:
		return Ground{KeepDaily, "is the newest good one of its day" + in + ", of " + strconv.Itoa(p.KeepDaily)}
	case byWeek:
		return Ground{KeepWeekly, "is the newest good one of its week" + in + ", of " + strconv.Itoa(p.KeepWeekly)}
	default:
		return Ground{KeepMonthly, "is the newest good one of its month" + in + ", of " + strconv.Itoa(p.KeepMonthly)}
	}
}

// subsystems lists those for which a bundle stays. That it does for the memory as
// a whole, which sorts first, says more than any of them.
func subsystems(holds []hold) string {
	if holds[0].subsystem == everything {
		return ""
	}
	names := make([]string, len(holds))
	for i, h := range holds {
		names[i] = h.subsystem
	}
	return " in " + strings.Join(names, ", ")
}

// explain says beside a decision that a bundle takes no slot of a good
// one: that it is there looks like one more otherwise.
func (it *item) explain() {
	if why := it.Candidate.noSlot(); why != "" {
		it.Grounds = append(it.Grounds, Ground{NoSlot, "takes no place of a good one: " + why})
	}
}

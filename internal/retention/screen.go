package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// run is one application of a policy.
type run struct {
	policy   Policy
	now      time.Time
	items    []*item // newest first
	ladders  map[string]*ladder
	lapsed   map[string]bool // units for which nothing stays
	warnings []Warning
}

// item is a candidate on its way to a decision.
type item struct {
	Decision
	stamp  time.Time
	named  bool // the name is that of a bundle
	judged bool // a backup of this memory, not from the future: the rules are for it
	firm   bool // stays whatever its age and the room
	holds  []hold
}

func newRun(p Policy, candidates []Candidate, now time.Time) *run {
	r := &run{policy: p, now: now, items: make([]*item, len(candidates)), ladders: map[string]*ladder{}, lapsed: map[string]bool{}}
	all := make([]item, len(candidates)) // sorted by pointer: they are large
	for i := range candidates {
		it := &all[i]
		r.items[i] = it
		it.Candidate = candidates[i]
		it.stamp, it.named = parseName(it.Candidate.Name)
	}
	slices.SortStableFunc(r.items, newestFirst)
	return r
}

// newestFirst goes by the sequence: clocks go wrong.
func newestFirst(a, b *item) int {
	return cmp.Or(
		cmp.Compare(b.Candidate.Sequence, a.Candidate.Sequence),
		b.stamp.Compare(a.stamp),
		cmp.Compare(a.Candidate.Name, b.Candidate.Name),
	)
}

func (r *run) keepAll() {
	for _, it := range r.items {
		it.decide(Keep, Ground{NoPolicy, "there is no policy"})
	}
}

// holdAll keeps everything until it is settled what is whose.
func (r *run) holdAll() {
	ground := Ground{Held, r.policy.Hold}
	for _, it := range r.items {
		it.decide(Keep, ground)
	}
	r.warnings = append(r.warnings, Warning{"", ground})
}

// screen sets aside what the rules of age and number are not for.
func (r *run) screen() {
	times := make(map[string]int, len(r.items))
	for _, it := range r.items {
		times[it.Candidate.Name]++
	}
	for _, it := range r.items {
		ground := r.foreign(it)
		if times[it.Candidate.Name] > 1 {
			ground = Ground{NameTwice, "comes twice, and would be counted twice"}
		}
		if ground.Code == "" {
			r.sort(it)
			continue
		}
		it.decide(Skip, ground)
		if ground.Code != OtherMemory { // a root may serve several
			r.warn(it, ground)
		}
	}
}

// foreign returns why the policy has no say in a candidate, the zero Ground when
// it has.
func (r *run) foreign(it *item) Ground {
	c := &it.Candidate
	switch {
	case !it.named:
		return Ground{ForeignName, "is not named as bundles are"}
	case c.Unreadable != "":
		return Ground{Unreadable, "can't be judged: " + c.Unreadable}
	case !c.Sealed:
		return Ground{Unsealed, "was not sealed by keepsake"}
	case c.MemoryID == "":
		return Ground{OtherMemory, "says of no memory that it is its backup"}
	case c.MemoryID != r.policy.Memory:
		return Ground{OtherMemory, "is of another memory, " + c.MemoryID}
	case prefix+c.Timestamp != c.Name:
		return Ground{StampDiffers, fmt.Sprintf("its meta says %.30q where its name has another time", c.Timestamp)}
	case c.Status != Complete && c.Status != Degraded:
		return Ground{UnknownStatus, fmt.Sprintf("has a status that this version doesn't know: %.30q", c.Status)}
	case c.Reason != Backup && c.Reason != PreRestore && c.Reason != Rescue:
		return Ground{UnknownReason, fmt.Sprintf("was made for a reason that this version doesn't know: %.30q", c.Reason)}
	}
	return Ground{}
}

// sort keeps what stays by itself, and leaves the backups to the rules.
func (r *run) sort(it *item) {
	c := &it.Candidate
	if it.stamp.After(r.now) {
		ground := Ground{Future, "is from the future: a clock was wrong, or is"}
		it.keepFirmly(ground)
		r.warn(it, ground)
		return
	}
	if c.Pinned {
		it.keepFirmly(Ground{Pinned, "is pinned"})
	}
	if c.Needed != "" {
		it.keepFirmly(Ground{Needed, "is needed: " + c.Needed})
	}
	switch c.Reason {
	case Backup:
		it.judged = true
	case Rescue:
		it.keepFirmly(Ground{KeptRescue, "was rescued from a damaged store, and may be all that is left of it"})
	case PreRestore:
		r.safety(it)
	}
}

// safety lets a bundle go that was made before a restore, when its time is over.
func (r *run) safety(it *item) {
	limit := r.policy.SafetyAge
	switch {
	case limit == 0:
		it.keepFirmly(Ground{Safety, "was made before a restore, and such are kept"})
	case r.now.Sub(it.stamp) <= limit:
		it.keepFirmly(Ground{Safety, "was made before a restore, less than " + days(limit) + " ago"})
	case !it.firm:
		it.decide(Remove, Ground{SafetyExpired, "was made before a restore, more than " + days(limit) + " ago"})
	}
}

func (r *run) warn(it *item, ground Ground) {
	r.warnings = append(r.warnings, Warning{it.Candidate.Name, ground})
}

func (it *item) decide(a Action, ground Ground) {
	it.Action = a
	it.Grounds = append(it.Grounds, ground)
}

func (it *item) keepFirmly(ground Ground) {
	it.decide(Keep, ground)
	it.firm = true
}

func (r *run) decisions() Decisions {
	d := Decisions{All: make([]Decision, len(r.items)), Warnings: r.warnings}
	for i, it := range r.items {
		d.All[i] = it.Decision
	}
	return d
}

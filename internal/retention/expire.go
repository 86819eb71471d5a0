package retention

import "strconv"

// expire decides about the backups: those that no rule keeps go when they are
// too old.
func (r *run) expire() {
	limit := r.policy.MaxAge
	for i := range r.items {
		it := &r.items[i]
		if !it.judged {
			continue
		}
		for by, subsystems := range it.held {
			if len(subsystems) == 0 {
				continue
			}
			it.decide(Keep, r.ground(rule(by), subsystems))
			it.firm = it.firm || rule(by) < byDay
		}
		switch {
		case r.now.Sub(it.stamp) <= limit:
			it.decide(Keep, Ground{Young, "is not older than " + days(limit)})
		case it.Action != Keep:
			it.decide(Remove, Ground{Expired, "is older than " + days(limit)})
		}
		it.explain()
	}
}

// explain adds why a backup takes no place of a good one: that it is there looks
// like one more otherwise.
func (it *item) explain() {
	if why := it.Candidate.noPlace(); why != "" {
		it.Grounds = append(it.Grounds, Ground{NoPlace, "takes no place of a good one: " + why})
	}
}

// shrink lets the oldest go of what only age and calendar keep, until the rest
// takes up no more than it may. What the policy has no say in isn't counted.
func (r *run) shrink() {
	if r.policy.MaxBytes == 0 {
		return
	}
	left, fits := r.room()
	for i := range r.items {
		it := &r.items[i]
		if it.Action != Keep || it.firm {
			continue
		}
		if fits = fits && it.size() <= left; fits {
			left -= it.size()
			continue
		}
		it.Action = Remove
		it.Grounds = []Ground{{OverBytes, "what has to stay and what is newer take up the " + bytes(r.policy.MaxBytes)}}
		it.explain()
	}
}

// room is what is left beside that which stays in any case; ok is false, and
// said, when that is too much by itself.
func (r *run) room() (left int64, ok bool) {
	left = r.policy.MaxBytes
	for i := range r.items {
		it := &r.items[i]
		if it.Action != Keep || !it.firm {
			continue
		}
		if it.size() > left {
			text := "what has to stay takes up more than " + bytes(r.policy.MaxBytes)
			r.warnings = append(r.warnings, Warning{"", Ground{OverBytes, text}})
			return 0, false
		}
		left -= it.size()
	}
	return left, true
}

func (it *item) size() int64 { return max(it.Candidate.Bytes, 0) }

func bytes(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

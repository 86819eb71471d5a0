package retention

import "strconv"

// expire decides about the backups: those that no rule keeps go when they are
// too old.
func (r *run) expire() {
	young := Ground{Young, "is not older than " + days(r.policy.MaxAge)}
	old := Ground{Expired, "is older than " + days(r.policy.MaxAge)}
	for _, it := range r.items {
		if !it.judged {
			continue
		}
		r.keepHeld(it)
		switch {
		case r.now.Sub(it.stamp) <= r.policy.MaxAge:
			it.decide(Keep, young)
		case it.Action != Keep:
			it.decide(Remove, old)
		}
		it.explain()
	}
}

func (r *run) keepHeld(it *item) {
	if len(it.holds) == 0 {
		return
	}
	it.Action = Keep
	it.Grounds = append(it.Grounds, r.grounds(it.holds)...)
	it.firm = it.firm || it.holds[0].by < byDay
}

// shrink lets the oldest go of what only age and calendar keep, until the rest
// takes up no more than it may. What the policy has no say in isn't counted.
func (r *run) shrink() {
	if r.policy.MaxBytes == 0 {
		return
	}
	left, fits := r.room()
	full := Ground{OverBytes, "what has to stay and what is newer take up the " + bytes(r.policy.MaxBytes)}
	for _, it := range r.items {
		if it.Action != Keep || it.firm {
			continue
		}
		if fits = fits && it.size() <= left; fits {
			left -= it.size()
			continue
		}
		it.Action = Remove
		it.Grounds = []Ground{full}
		it.explain()
	}
}

// room is what is left beside that which stays in any case; ok is false, and
// said, when that is too much by itself.
func (r *run) room() (left int64, ok bool) {
	left = r.policy.MaxBytes
	for _, it := range r.items {
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

package retention

import "fmt"

// Action is what becomes of a candidate. Only Remove lets it go.
type Action string

// The actions. Skip is Keep for what the policy has no say in.
const (
	Keep   Action = "keep"
	Remove Action = "remove"
	Skip   Action = "skip"
)

// MassLimit is how many bundles go without being asked about: after a backup no
// more than these, and more of them only with the operator's word.
const MassLimit = 10

// Ground is one reason for an action: a stable code, and what it says to people.
type Ground struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Decision is what becomes of one candidate, and why: at least one ground.
type Decision struct {
	Candidate Candidate
	Action    Action
	Grounds   []Ground
}

// Warning is what an operator should look at. Name is "" when it is about no
// single bundle.
type Warning struct {
	Name   string `json:"name,omitempty"`
	Ground Ground `json:"ground"`
}

// Decisions are all decisions about a backup root. The zero value removes nothing.
type Decisions struct {
	// All has each candidate once, the newest first: by sequence, then by stamp,
	// then by name. What has no sequence comes last.
	All      []Decision
	Warnings []Warning // in the order of All
}

// Removals are the decisions to remove, in the order in which to do so: the
// oldest first.
func (d Decisions) Removals() []Decision {
	var out []Decision
	for i := len(d.All) - 1; i >= 0; i-- {
		if d.All[i].Action == Remove {
			out = append(out, d.All[i])
		}
	}
	return out
}

// Limit returns decisions by which only the oldest most bundles go; the others
// that would have gone stay for another run, and say so. d is not changed.
func (d Decisions) Limit(most int) Decisions {
	limited := Decisions{All: append([]Decision(nil), d.All...), Warnings: d.Warnings}
	for i, gone := len(d.All)-1, 0; i >= 0; i-- {
		it := &limited.All[i]
		if it.Action != Remove {
			continue
		}
		if gone++; gone <= most {
			continue
		}
		it.Action = Keep
		it.Grounds = append([]Ground{{Limited, fmt.Sprintf("no more than the %d oldest go in one run", max(most, 0))}}, it.Grounds...)
	}
	return limited
}

// Mass reports whether so much would go that the operator has to agree: more
// than MassLimit bundles, or more than half of those that the policy judged.
func (d Decisions) Mass() bool {
	removed, judged := 0, 0
	for i := range d.All {
		switch d.All[i].Action {
		case Remove:
			removed++
			judged++
		case Keep:
			judged++
		case Skip:
		}
	}
	return removed > MassLimit || 2*removed > judged
}

package guard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Confirmation is a token with what it is to confirm, as the plan is now. To
// finish a plan that was begun, the Agreement alone will do.
type Confirmation struct {
	Token     Token
	Agreement Agreement
}

// Agreement is what a plan puts before the operator.
type Agreement struct {
	// Operation is RestoreReplace, Undo or a single replace.
	Operation Operation
	// Plan is the plan's id. Issue needs none; what is confirmed needs one, and
	// the plan must be on disk by then: it is what a crash leaves to finish.
	Plan string
	// Bundle is its seal, or a hash over its files' hashes.
	Bundle string
	// Losses lists every target of the plan once.
	Losses []Loss
}

// Loss is what the plan would do to one target, in rows.
type Loss struct {
	Target  Target
	Lost    int64 // live rows that would be gone
	Changed int64 // live rows that would be another
}

// check refuses an agreement that could not be kept.
func (a Agreement) check() error {
	if a.Bundle == "" || len(a.Losses) == 0 {
		return errors.New("check agreement: it names no bundle or no target")
	}
	seen := map[string]bool{}
	for _, l := range a.Losses {
		if l.Target.err != nil || l.Target.locator.Kind == "" {
			return fmt.Errorf("check agreement: %w: %s", ErrUnknownTarget, l.Target)
		}
		if l.Lost < 0 || l.Changed < 0 {
			return fmt.Errorf("check agreement: rows of %s were not counted", l.Target)
		}
		id := l.Target.identity()
		if seen[id] {
			return fmt.Errorf("check agreement: %s is named twice", l.Target)
		}
		seen[id] = true
	}
	return nil
}

// names reports whether the target is one of the agreement's.
func (a Agreement) names(t Target) bool {
	return slices.ContainsFunc(a.Losses, func(l Loss) bool { return l.Target.identity() == t.identity() })
}

// identity is what a target is, to the device and inode.
func (t Target) identity() string {
	l, p := t.locator, t.location
	return digest(l.Kind, t.server, l.Tenant, l.Database, l.Collection, l.CollectionID, p.resolved,
		strconv.FormatUint(p.id.device, 10), strconv.FormatUint(p.id.inode, 10))
}

// addresses are what a target is called. They outlive a restart of the machine, the
// renames of a swap and a file that took another's place, so that a plan which
// was begun finds its targets again.
func (t Target) addresses() []string {
	l := t.locator
	at := []string{l.Kind, t.server, l.Tenant, l.Database, t.location.resolved}
	addresses := []string{digest(append(at, "name", l.Collection)...)}
	if l.CollectionID != "" {
		addresses = append(addresses, digest(append(at, "id", l.CollectionID)...))
	}
	return addresses
}

// tokenLife is how long a plan may wait to be started.
const tokenLife = 15 * time.Minute

// issued is what the ledger keeps of an agreement.
type issued struct {
	Version   int        `json:"version"`
	Operation Operation  `json:"operation"`
	Bundle    string     `json:"bundle"`
	At        time.Time  `json:"at"`
	Targets   []agreedTo `json:"targets"`
}

// agreedTo is one target of an agreement. Target is for people.
type agreedTo struct {
	Target   string   `json:"target"`
	Identity string   `json:"identity"`
	Places   []string `json:"places"`
	Lost     int64    `json:"lost"`
	Changed  int64    `json:"changed"`
}

const issuedVersion = 1

func (a Agreement) issue(at time.Time) issued {
	i := issued{Version: issuedVersion, Operation: a.Operation, Bundle: a.Bundle, At: at.UTC()}
	for _, l := range a.Losses {
		i.Targets = append(i.Targets, agreedTo{l.Target.String(), l.Target.identity(), l.Target.addresses(), l.Lost, l.Changed})
	}
	return i
}

// starts returns nil when the agreement, as it is now, is the one that was
// issued, in time, and costs no more.
func (i issued) starts(a Agreement, now time.Time) error {
	if a.Operation != i.Operation || a.Bundle != i.Bundle || len(a.Losses) != len(i.Targets) {
		return ErrTokenOther
	}
	if age := now.Sub(i.At); age < 0 || age > tokenLife {
		return ErrTokenExpired
	}
	for _, l := range a.Losses {
		id := l.Target.identity()
		n := slices.IndexFunc(i.Targets, func(t agreedTo) bool { return t.Identity == id })
		if n < 0 {
			return fmt.Errorf("%w: not for %s", ErrTokenOther, l.Target)
		}
		if t := i.Targets[n]; grew(t.Lost, l.Lost) || grew(t.Changed, l.Changed) {
			return fmt.Errorf("%w: %s: %d lost and %d changed rows were shown, now %d and %d",
				ErrLossesGrew, l.Target, t.Lost, t.Changed, l.Lost, l.Changed)
		}
	}
	return nil
}

// grew reports whether now is more than shown and 5 % of it. Neither is negative.
func grew(shown, now int64) bool { return now-shown > shown/20 }

// finishes returns nil when the target is at a place of the agreement that was
// begun. Its rows and inode may be other by now: that is what the plan did.
func (i issued) finishes(a Agreement, t Target) error {
	if a.Operation != i.Operation || a.Bundle != i.Bundle {
		return ErrTokenOther
	}
	addresses := t.addresses()
	for _, known := range i.Targets {
		if slices.ContainsFunc(known.Places, func(p string) bool { return slices.Contains(addresses, p) }) {
			return nil
		}
	}
	return fmt.Errorf("%w: not for %s", ErrTokenOther, t)
}

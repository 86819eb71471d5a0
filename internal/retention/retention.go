// Package retention decides which bundles of a memory may go, and why. It is a
// pure function of plain values: it reads no clock and no disk, and deletes
// nothing. What it can't place stays, and the zero Policy keeps everything. The
// terms, the grounds and their order are in DESIGN.md.
package retention

import (
	"errors"
	"fmt"
	"time"
)

// ErrRefused is wrapped by the error of a Policy that nothing may be removed by.
var ErrRefused = errors.New("retention policy is refused")

// Policy says what is kept. The zero Policy keeps everything; any other has to
// name a memory, how many good bundles to keep, and an age.
type Policy struct {
	// Memory is the id of the memory whose bundles may go. All others stay.
	Memory string
	// KeepLast is how many of the newest good bundles stay whatever their age,
	// of the memory and of each of its units. At least 1.
	KeepLast int
	// MaxAge is the age past which a bundle that nothing else keeps goes.
	MaxAge time.Duration
	// KeepDaily, KeepWeekly and KeepMonthly keep the newest good bundle of as
	// many days, ISO weeks and months, in UTC, that have one. 0 keeps none.
	KeepDaily, KeepWeekly, KeepMonthly int
	// MaxBytes is how much the bundles of the memory may take up, 0 is no limit.
	// The oldest go first; what KeepLast keeps stays even so.
	MaxBytes int64
	// Hold says why none may go for now, whatever the rules say; "" when nothing does.
	Hold string
	// SafetyAge is the age past which a bundle that was made before a restore
	// goes, 0 is never.
	SafetyAge time.Duration
	// GoneAge is for how long bundles stay for a unit that is gone and that nobody had
	// named, 0 is for good.
	GoneAge time.Duration
}

// Check returns an error that wraps ErrRefused when nothing may be removed by
// the policy. The zero Policy is none: it removes nothing.
func (p Policy) Check() error {
	if p == (Policy{}) {
		return nil
	}
	switch {
	case p.KeepLast < 1:
		return fmt.Errorf("%w: it keeps the newest %d good bundles, want at least 1", ErrRefused, p.KeepLast)
	case p.MaxAge <= 0:
		return fmt.Errorf("%w: every bundle is older than %s", ErrRefused, days(p.MaxAge))
	case p.Memory == "":
		return fmt.Errorf("%w: it names no memory", ErrRefused)
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"daily", int64(p.KeepDaily)},
		{"weekly", int64(p.KeepWeekly)},
		{"monthly", int64(p.KeepMonthly)},
		{"max-bytes", p.MaxBytes},
		{"safety age", int64(p.SafetyAge)},
		{"gone age", int64(p.GoneAge)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%w: %s is below zero", ErrRefused, n.name)
		}
	}
	return nil
}

// Apply decides about every candidate. now is the moment that ages are counted
// to; a bundle with a later stamp is from the future. The error wraps
// ErrRefused, and there are no decisions then. The candidates are not changed.
func (p Policy) Apply(candidates []Candidate, now time.Time) (Decisions, error) {
	if err := p.Check(); err != nil {
		return Decisions{}, err
	}
	r := newRun(p, candidates, now)
	if p == (Policy{}) {
		r.keepAll()
		return r.decisions(), nil
	}
	if p.Hold != "" {
		r.holdAll()
		return r.decisions(), nil
	}
	r.screen()
	r.lapse()
	r.fillSlots()
	r.lastResort()
	r.expire()
	r.shrink()
	return r.decisions(), nil
}

// days prints whole days as such: policies are written in days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

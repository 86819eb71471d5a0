package restore

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Replace makes the target become the bundle. Its zero value has no rules and is
// refused by the guard.
type Replace struct {
	// Operation is what the token was issued for: guard.RestoreReplace, or
	// guard.Undo when the bundle is the safety bundle of an earlier replace.
	Operation guard.Operation
	Rules     guard.Rules
	Token     guard.Token
	// PlanOnly asks for a plan to be shown: whether the factors are there is not
	// looked at.
	PlanOnly bool

	Force                bool // the target isn't empty
	AcceptShrink         bool // it will have far fewer rows, or a degraded section
	AllowUnsealed        bool // the bundle isn't ours
	AcceptDegradedSafety bool
	NoSafety             bool // only where every target is disposable
	InPlace              bool

	// Safety makes the safety bundle. An error means that there is none.
	Safety func(ctx context.Context, want Saving) (*bundle.Bundle, error)
	// Room tells of the disk that a file is on, or will be; for "", of that where
	// the safety bundle is made. Without it no room is asked for.
	Room func(path string) (Disk, error)
	// Undoes is the name of the folder of the restore that is taken back.
	Undoes string
	// Back are old sections that were kept aside, to be put back rather than
	// filled anew from the bundle.
	Back map[memory.Section]memory.Locator
	// Vacate are sections that were not there: they become empty.
	Vacate []memory.SectionSpec

	// resumed is the plan that is gone on with, nil for a new one.
	resumed *Unfinished
}

// Saving is what a safety bundle has to hold.
type Saving struct {
	// Live are the sections to be read where they live.
	Live []memory.Section
	// Before is the plan's earlier safety bundle, nil for none. What it holds and
	// Live does not name has been replaced since: it is taken over from there, so
	// that one bundle holds all that an undo needs.
	Before *bundle.Bundle
	// Degraded says that it may be so.
	Degraded bool
}

// Resume makes the replace go on with a plan that was begun.
func (r *Replace) Resume(u *Unfinished) { r.resumed = u }

// Resumed reports whether it goes on with a plan.
func (r *Replace) Resumed() bool { return r.resumed != nil }

// newPlanID returns 60 random bits as lower case letters and digits.
func newPlanID() string { return strings.ToLower(rand.Text()[:12]) }

// operation is what the guard is asked for a section.
func (r *Replace) operation(s memory.Section) guard.Operation {
	if r.Operation == guard.Undo {
		return guard.Undo
	}
	return guard.ReplaceOperation(s)
}

func (o *Options) undoes() string {
	if o.Replace == nil {
		return ""
	}
	return o.Replace.Undoes
}

// committed reports whether an earlier run of the plan is done with the section.
func (r *Replace) committed(s memory.Section) bool {
	return r.resumed != nil && r.resumed.committed[s] != nil
}

// replacer returns the section's target as one whose sections can be replaced.
func (s *Section) replacer() (store.Replacer, error) {
	if r, ok := s.target.(store.Replacer); ok {
		return r, nil
	}
	return nil, fmt.Errorf("replace %s: %s can't be replaced", s.Spec.Name, s.Survey.Locator)
}

// keeper returns the target when it keeps the old section aside, else nil.
func (s *Section) keeper() store.Keeper {
	k, _ := s.target.(store.Keeper)
	return k
}

// agreement is what the operator is asked to agree to, as the plan is now.
func (p *Plan) agreement() guard.Agreement {
	a := guard.Agreement{Operation: p.opts.Replace.Operation, Plan: p.id, Bundle: p.fingerprint}
	for _, s := range p.sections {
		a.Losses = append(a.Losses, guard.Loss{
			Target: s.Survey.Target, Lost: s.Difference.Lost, Changed: s.Difference.Changed,
		})
	}
	return a
}

// Production reports whether any target needs both factors.
func (p *Plan) Production() bool {
	return slices.ContainsFunc(p.sections, func(s Section) bool { return s.Class == guard.Production })
}

// TargetName is what a person types to say that they mean this target: the
// collection or file when there is one, else the word "everything".
func (p *Plan) TargetName() string {
	if len(p.sections) != 1 {
		return "everything"
	}
	l := p.sections[0].Survey.Locator
	if l.Collection != "" {
		return l.Collection
	}
	return filepath.Base(l.Path)
}

// Confirm hands in the token that was issued for the plan's Agreement.
func (p *Plan) Confirm(token guard.Token) { p.opts.Replace.Token = token }

// request asks to destroy the target of a section.
func (p *Plan) request(s Section) guard.Request {
	r := p.opts.Replace
	return guard.Request{
		Operation: r.operation(s.Spec.Name), Subsystem: s.Spec.Name.Subsystem(), Mode: string(ModeReplace),
		Target: s.Survey.Target, Source: p.opts.Bundle.Path(),
		Confirmation: guard.Confirmation{Token: r.Token, Agreement: p.agreement()},
	}
}

// Package guard answers one question: may this target be destroyed? It refuses
// what it can't place, and alone makes the Permits that every deleting or
// renaming function of a store asks for. It reads no environment, no clock and no
// flags: they come in as Rules. DESIGN.md says what is proof and what never is.
package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keepsake/internal/memory"
)

// Rules are what a decision goes by. The zero Rules refuse everything. The
// temporary folders are no part of them: a caller can't say what is temporary.
type Rules struct {
	// Environment is the first factor, from ReadEnvironment.
	Environment Environment
	// Now is the clock. Without one everything is refused.
	Now func() time.Time
	// Audit takes one line of JSON per Write. Without it everything is refused.
	Audit io.Writer
	// Ledger keeps what tokens were issued. Without it no token is good.
	Ledger Ledger
	// BackupRoot is where folders of this tool's own are; "" for none.
	BackupRoot string
	// Hint says what the operator can do about a refusal, by the codes of hint.
	Hint memory.Hints
}

// Request asks to destroy one target.
type Request struct {
	Operation Operation
	// Subsystem is whose data the target is; not asked for by Prune, DemoReset.
	Subsystem memory.Subsystem
	Mode      string // "replace" for the replaces
	Target    Target
	// Source is what takes the target's place: a bundle. For people to read.
	Source string
	// Reason is why policy lets an own target go. Prune requires it.
	Reason string
	// Confirmation is the second factor; only production needs one.
	Confirmation Confirmation
}

// decision is what the guard found, before it is written down.
type decision struct {
	target Target
	class  Class
	why    string // ground of the class, or of the leave
	err    error  // ground of the refusal
}

// AssertDestructiveTargetAllowed decides. It looks at the target again, writes
// the decision to the audit log, and returns a Permit for it or a *RefusedError
// and the zero Permit. A first production target of a plan uses up the token.
// It changes no target.
func (r Rules) AssertDestructiveTargetAllowed(ctx context.Context, req Request) (Permit, error) {
	d := r.decide(ctx, req)
	d.err = errors.Join(d.err, r.record(req, d))
	if d.err != nil {
		return Permit{}, r.refused(req, d, d.err)
	}
	return Permit{operation: req.Operation, target: d.target, class: d.class}, nil
}

// Foresee says what AssertDestructiveTargetAllowed would answer now, nil when it
// would allow it. It uses nothing up. A refusal is written to the audit log as
// one; leave that was not given is not.
func (r Rules) Foresee(ctx context.Context, req Request) error {
	d := r.judge(ctx, req, func(ticket, string) error { return nil })
	if d.err == nil {
		return nil
	}
	return r.refused(req, d, errors.Join(d.err, r.record(req, d)))
}

func (r Rules) refused(req Request, d decision, reason error) *RefusedError {
	return &RefusedError{
		Operation: req.Operation, Subsystem: req.Subsystem,
		Target: d.target, Class: d.class, Reason: reason, Hint: r.hint(reason),
	}
}

func (r Rules) decide(ctx context.Context, req Request) decision {
	return r.judge(ctx, req, r.begin)
}

// judge decides; begin uses the token up.
func (r Rules) judge(ctx context.Context, req Request, begin func(ticket, string) error) decision {
	d := decision{target: req.Target, class: Unknown}
	if d.err = r.admit(ctx, req); d.err != nil {
		return d
	}
	if d.target, d.err = req.Target.again(ctx); d.err != nil {
		return d
	}
	v := r.classify(d.target)
	d.class, d.why = v.class, v.why
	switch {
	case v.class == Unknown:
		d.err = fmt.Errorf("%w: %s", ErrUnknownTarget, v.why)
	case req.Operation == DemoReset && !v.marked:
		d.err = ErrNotMarked
	case v.class == Disposable:
	case req.Operation == Prune:
		d.err = mayPrune(v, req)
	default:
		d.why, d.err = r.factors(req, d.target, begin)
	}
	return d
}

// admit refuses what needs no look at the target.
func (r Rules) admit(ctx context.Context, req Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Now == nil || r.Audit == nil {
		return ErrNoRules
	}
	if !req.Operation.scope().covers(req.Subsystem, req.Mode, req.Target.nature) {
		return fmt.Errorf("%w: operation %q, subsystem %q, mode %q, store %q",
			ErrBadRequest, req.Operation, req.Subsystem, req.Mode, req.Target.locator.Kind)
	}
	return nil
}

// mayPrune lets retention remove what is ours, and nothing else, whatever the
// factors.
func mayPrune(v verdict, req Request) error {
	if v.class != Own {
		return fmt.Errorf("%w: %s", ErrNotOwn, v.why)
	}
	if req.Reason == "" {
		return ErrNoReason
	}
	return nil
}

// factors asks for both, and says all that is missing. The token is used up only
// when nothing is.
func (r Rules) factors(req Request, target Target, begin func(ticket, string) error) (string, error) {
	var missing error
	if !r.Environment.Allows() {
		missing = ErrNoEnvironment
	}
	t, err := r.examine(req.Operation, target, req.Confirmation)
	if missing = errors.Join(missing, err); missing != nil {
		return "", missing
	}
	if err := begin(t, req.Confirmation.Agreement.Plan); err != nil {
		return "", err
	}
	return r.Environment.variable + " and the token of plan " + req.Confirmation.Agreement.Plan, nil
}

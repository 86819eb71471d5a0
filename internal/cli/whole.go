package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

// carryOutAll shows a restore from several bundles and runs it, as far as was asked for:
// all are looked into before the first is begun, and where one is refused none is.
func (a *app) carryOutAll(ctx context.Context, m *keeper.Memory, j *keeper.Joint, f restoreFlags) error {
	a.say("%s\n", a.origin(j))
	var refusal error
	for _, c := range j.Changes {
		refusal = errors.Join(refusal, c.Refusal())
	}
	if f.DryRun || refusal != nil {
		return a.endDryRuns(ctx, j, f, refusal)
	}
	var receipts []*restore.Receipt
	var failed error
	for _, c := range j.Changes {
		a.printFindings(c.Plan().Findings())
		r, err := c.Run(ctx)
		failed = errors.Join(failed, err)
		if r != nil {
			receipts = append(receipts, r)
			if !a.flags.asJSON {
				failed = errors.Join(failed, a.printReceipt(r, c, f))
			}
			a.printNotices(r)
		}
		if ctx.Err() != nil {
			break
		}
	}
	a.printDropped(m)
	return errors.Join(a.printJoint(j, receipts), worst(failed))
}

// origin says which bundle gives what.
func (a *app) origin(j *keeper.Joint) string {
	var parts []string
	for _, from := range j.From {
		units := make([]string, len(from.Units))
		for i, u := range from.Units {
			units[i] = string(u)
		}
		parts = append(parts, fmt.Sprintf("%s from %s (%s ago)", strings.Join(units, ", "), from.Bundle, quantity.Age(a.Now().Sub(from.Time))))
	}
	return strings.Join(wrap(strings.Join(parts, "; ")+".", width), "\n") + "\n" +
		strings.Join(wrap("They are of different moments: a graph may point to rows that aren't there.", width), "\n") + "\n"
}

// endDryRuns goes through what several restores would do and prints it, or says why none
// of them is begun.
func (a *app) endDryRuns(ctx context.Context, j *keeper.Joint, f restoreFlags, refusal error) error {
	var plans []*restore.Plan
	var failed error
	incomplete := false
	for _, c := range j.Changes {
		if refusal == nil {
			failed = errors.Join(failed, c.Foresee(ctx))
		}
		plans = append(plans, c.Plan())
		incomplete = incomplete || c.Plan().Foreseen() == nil && c.Plan().Incomplete()
		switch {
		case a.flags.asJSON:
		case f.DryRun:
			a.say("%s\n", c.Plan().Bundle().Name())
			if err := a.printDryRun(c.Plan(), f); err != nil {
				return err
			}
		default:
			a.printFindings(c.Plan().Findings())
		}
	}
	if a.flags.asJSON {
		if err := a.printJSON(map[string]any{"from": j.From, "restores": plans}); err != nil {
			return err
		}
	}
	ends := worst(errors.Join(refusal, failed))
	if ends == nil && incomplete || groundOf(ends) == keeper.Incomplete {
		return end(keeper.Incomplete) // it was said
	}
	return ends
}

// printJoint prints what all came to together.
func (a *app) printJoint(j *keeper.Joint, receipts []*restore.Receipt) error {
	joint := restore.Join(receipts, len(j.Changes))
	if !a.flags.asJSON {
		all := "both"
		if n := len(j.Changes); n > 2 {
			all = fmt.Sprintf("all %d", n)
		}
		a.say("\nFrom %s bundles: %s\n", all, joint.Headline)
		return nil
	}
	return a.printJSON(struct {
		restore.Joint

		From     []keeper.From      `json:"from"`
		Restores []*restore.Receipt `json:"restores"`
	}{joint, j.From, receipts})
}

// worst is the first of several errors that is more than an incomplete restore, else the
// first: what they have in common is said once.
func worst(err error) error {
	all, several := err.(interface{ Unwrap() []error })
	if !several {
		return err
	}
	first := error(nil)
	for _, one := range all.Unwrap() {
		one = worst(one)
		if groundOf(one) != keeper.Incomplete {
			return one
		}
		if first == nil {
			first = one
		}
	}
	return first
}

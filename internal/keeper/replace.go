package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/restore"
)

// replace looks into making the memory become b, or into going on with the same
// replace that was cut short.
func (m *Memory) replace(ctx context.Context, b *bundle.Bundle, r Restore) (*Change, error) {
	opts, done, err := m.replaceOptions(b, r)
	if err != nil {
		return nil, err
	}
	c, err := m.newChange(ctx, &Change{m: m, opts: opts, done: done, consent: r.Consent, looks: r.looks()})
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return c, nil
}

// replaceOptions adds to a restore's options what a replace needs. What is
// returned beside them closes the audit log.
func (m *Memory) replaceOptions(b *bundle.Bundle, r Restore) (restore.Options, func() error, error) {
	opts, err := m.restoreOptions(b, r)
	if err != nil {
		return opts, nil, err
	}
	token, err := parseToken(r.Token)
	if err != nil {
		return opts, nil, err
	}
	rules, done, err := m.guarded(r.looks())
	if err != nil {
		return opts, nil, err
	}
	opts.Replace = &restore.Replace{
		Operation: guard.RestoreReplace, Rules: rules, Token: token, PlanOnly: r.PlanOnly,
		Force: r.Force, AcceptShrink: r.AcceptShrink, AllowUnsealed: r.AllowUnsealed,
		AcceptDegradedSafety: r.DegradedSafety, NoSafety: r.NoSafety, InPlace: r.InPlace,
		Safety: m.safety(b, opts.Targets), Room: m.room,
	}
	return opts, done, nil
}

func parseToken(text string) (guard.Token, error) {
	if text == "" {
		return guard.Token{}, nil
	}
	token, err := guard.ParseToken(text)
	if err != nil {
		return token, fail(Guard, "token", err)
	}
	return token, nil
}

// goOnWith finds out whether this very replace was begun before. Another one
// whose swap isn't over is in the way; one that had not come so far is given up,
// once this one has leave to run.
func (c *Change) goOnWith() error {
	pending, err := restore.FindUnfinished(c.m.restores())
	if err != nil {
		return err
	}
	for _, u := range pending {
		same := u.Bundle == c.opts.Bundle.Path() && string(u.Request) == string(c.opts.Request)
		switch {
		case same && !c.opts.Replace.PlanOnly:
			c.m.notify("going on with plan %s, which was begun %s", u.Plan, u.StartedAt.Format(time.RFC3339))
			c.opts.Replace.Resume(u)
			c.dir = u.Dir
		case u.Swapping():
			return unfinished(u)
		default:
			c.stale = append(c.stale, u)
		}
	}
	return nil
}

func unfinished(u *restore.Unfinished) error {
	return fail(Locked, "unfinished-plan", fmt.Errorf("plan %s of %s began to replace this memory and has not ended", u.Plan, u.StartedAt.Format(time.RFC3339)))
}

// blocked refuses to work on a memory that is half-way between the old and the
// new one.
func (m *Memory) blocked() error {
	return m.blockedBut(func(Request) bool { return false })
}

// blockedBut lets those pass whose request may go on.
func (m *Memory) blockedBut(mayGoOn func(Request) bool) error {
	pending, err := restore.FindUnfinished(m.restores())
	if err != nil {
		return err
	}
	for _, u := range pending {
		req, err := parseRequest(u.Request)
		if u.Swapping() && (err != nil || !mayGoOn(req)) {
			return unfinished(u)
		}
	}
	return nil
}

package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// Change is a restore, or an undo, that was looked into and has not begun: one way
// for all of them to be shown, agreed to and run.
type Change struct {
	m     *Memory
	opts  restore.Options
	plan  *restore.Plan
	rules guard.Rules // of a replace or undo
	done  func() error
	dir   string                // where the plan lies
	stale []*restore.Unfinished // others, of which nothing was committed
	takes *restore.Takeback     // of rows that a merge added
	// companions are the restores of the same run as the one that is taken back.
	companions []string
	// strict says that a row which lives in another version makes a merge incomplete.
	strict bool
	// consent and looks are of a replace.
	consent Consent
	looks   bool
	asks    bool
}

// newChange looks into a merge or a replace.
func (m *Memory) newChange(ctx context.Context, c *Change) (*Change, error) {
	c.dir = m.restoreDir(c.opts.Bundle)
	if r := c.opts.Replace; r != nil {
		c.rules = r.Rules
		if err := c.goOnWith(); err != nil {
			return nil, err
		}
		c.asks = c.consent.Asks && c.consent.Token == "" && !c.looks &&
			r.Rules.Environment.Allows() && // else the guard refuses, and says it all
			!r.Resumed()
		r.PlanOnly = r.PlanOnly || c.asks
	}
	plan, err := restore.Preflight(ctx, c.opts)
	if err != nil {
		return nil, interrupted(err, "unwritten")
	}
	c.plan = plan
	return c, nil
}

// Close closes what a guard writes to.
func (c *Change) Close() error {
	if c.done == nil {
		return nil
	}
	return c.done()
}

// Plan is what would be done.
func (c *Change) Plan() *restore.Plan { return c.plan }

// TakesBack reports whether rows are taken out that a merge added.
func (c *Change) TakesBack() bool { return c.takes != nil }

// Companions are the names of the other restores of the run whose restore is taken
// back: each is taken back by itself.
func (c *Change) Companions() []string { return c.companions }

// Refusal says why it can't be run, nil when it can.
func (c *Change) Refusal() error { return c.m.refused(c.plan.Refusal()) }

// Asks reports whether a person is to be shown the plan before it is run, and to
// agree where the plan is of a production memory.
func (c *Change) Asks() bool { return c.asks }

// Agree is a person's yes, which is worth a token: one is issued and handed in.
func (c *Change) Agree() error {
	token, _, err := c.Issue()
	if err == nil {
		c.plan.Confirm(token)
	}
	return err
}

// Issue makes a token for the plan, and says until when it is good.
func (c *Change) Issue() (guard.Token, time.Time, error) {
	token, until, err := c.rules.Issue(rand.Reader, c.plan.Agreement())
	if err != nil {
		return token, until, fmt.Errorf("issue token: %w", err)
	}
	return token, until, nil
}

// Run does it. The receipt, when there is one beside an error, says how far it came.
func (c *Change) Run(ctx context.Context) (*restore.Receipt, error) {
	c.m.traces.lasting = true
	if c.takes != nil {
		r, err := c.takes.Run(ctx, c.dir)
		if err != nil {
			err = fail("", "takeback-cut-short", err)
		}
		return r, err
	}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	r, err := restore.Run(ctx, c.plan, c.dir)
	return r, c.ended(r, err)
}

// Foresee goes through a merge that nothing refuses, and changes nothing: it ends as Run
// would. What would become of the records, the plan says.
func (c *Change) Foresee(ctx context.Context) error {
	if c.takes != nil || c.opts.Replace != nil || c.plan.Refusal() != nil {
		return nil
	}
	r, err := c.plan.Foresee(ctx, restore.Foreseeing{Temp: c.m.temporary, Room: c.m.room})
	switch {
	case err == nil && r == nil:
		return nil
	case errors.Is(err, bundle.ErrChanged):
		return changed(err)
	case err != nil:
		return fail("", "unwritten", err)
	}
	if err := c.ended(r, nil); err != nil {
		return fail(Incomplete, "", err)
	}
	return nil
}

// begin gives the memory its id, and leaves no doubt that nobody else works on it.
func (c *Change) begin(ctx context.Context) error {
	if err := c.m.adopt(ctx, c.opts.Bundle); err != nil {
		return err
	}
	if err := c.m.lockTarget(ctx, lock.Exclusive); err != nil {
		return err
	}
	for _, u := range c.stale {
		if err := u.Abandon(c.m.opts.Now); err != nil {
			return err
		}
	}
	return nil
}

// inDoubt reports whether rows of a merge may be in that nobody has confirmed.
func (c *Change) inDoubt(r *restore.Receipt) bool {
	if c.opts.Replace != nil || r == nil {
		return false
	}
	_, maybe := r.Doubt()
	return maybe > 0
}

func (c *Change) ended(r *restore.Receipt, err error) error {
	incomplete, cutShort := "merge-incomplete", "merge-cut-short"
	if c.opts.Replace != nil {
		incomplete, cutShort = "replace-incomplete", "replace-cut-short"
	}
	switch {
	case errors.Is(err, bundle.ErrChanged):
		return changed(err)
	case c.opts.Replace != nil && errors.Is(err, store.ErrMoved):
		return fail(Failed, "moved", err)
	case err != nil && c.inDoubt(r):
		return fail("", "merge-in-doubt", err, doubt(r))
	case err != nil:
		return fail("", cutShort, err)
	case !r.Complete && c.inDoubt(r):
		return fail(Incomplete, "merge-in-doubt", errors.New("restore incomplete: some rows are not in"), doubt(r))
	case !r.Complete && c.m.missedServer(r):
		return fail(Incomplete, "misplaced", errors.New("restore incomplete: some rows are not in"))
	case !r.Complete:
		return fail(Incomplete, incomplete, errors.New("restore incomplete: some rows are not in"), r.Dir)
	case c.strict && r.Account.Differs > 0:
		return fail(Incomplete, "merge-differs", errors.New("restore incomplete: some rows live in another version"), r.Dir)
	}
	return nil
}

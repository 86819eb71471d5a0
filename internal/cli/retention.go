package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/restore"
	"keepsake/internal/retention"
)

// policy is what the configuration says may be removed of a memory's bundles.
func (m *memoryAt) policy(memoryID string) (retention.Policy, error) {
	if err := m.cfg.CheckRetention(); err != nil {
		return retention.Policy{}, configFailure(err)
	}
	const day = 24 * time.Hour
	r := m.cfg.Retention
	p := retention.Policy{
		Memory: memoryID, KeepLast: int(r.Keep.V), MaxAge: time.Duration(r.Days.V) * day,
		KeepDaily: int(r.KeepDaily.V), KeepWeekly: int(r.KeepWeekly.V), KeepMonthly: int(r.KeepMonthly.V),
		MaxBytes: r.MaxBytes.V, SafetyAge: time.Duration(r.SafetyDays.V) * day,
	}
	if err := p.Check(); err != nil {
		return retention.Policy{}, usage(err)
	}
	return p, nil
}

// errNoMemory says that retention has nothing to go by.
var errNoMemory = errors.New("this memory has no id, so that nothing says which bundles are its own")

// decide says what becomes of each bundle of the backup root. It removes nothing.
func (m *memoryAt) decide(c *catalog.Catalog) (retention.Decisions, error) {
	id, err := m.memoryID()
	if err != nil {
		return retention.Decisions{}, err
	}
	if id == "" {
		return retention.Decisions{}, fail(exitNotFound, errNoMemory, "--data-dir names the memory's folder; its first backup gives it an id")
	}
	policy, err := m.policy(id)
	if err != nil {
		return retention.Decisions{}, err
	}
	needed, err := m.needed()
	if err != nil {
		return retention.Decisions{}, err
	}
	return policy.Apply(candidates(c, needed), m.app.Now())
}

// needed says, by name, what can't do without a bundle now.
func (m *memoryAt) needed() (map[string]string, error) {
	pending, err := restore.FindUnfinished(m.restores())
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, u := range pending {
		for _, path := range u.Needs() {
			out[filepath.Base(path)] = "plan " + u.Plan + " isn't finished"
		}
	}
	return out, nil
}

// candidates are all entries of the backup root, what isn't ours among them: that
// it is kept gets said.
func candidates(c *catalog.Catalog, needed map[string]string) []retention.Candidate {
	out := make([]retention.Candidate, 0, len(c.Bundles)+len(c.Others))
	for i := range c.Bundles {
		one := candidate(&c.Bundles[i])
		one.Needed = needed[one.Name]
		out = append(out, one)
	}
	for _, name := range c.Others {
		one := retention.Candidate{Name: name}
		if _, err := bundle.ParseName(name); err == nil {
			one.Unreadable = "is no folder"
		}
		out = append(out, one)
	}
	return out
}

// candidate is what a bundle shows of itself without a look at its rows.
func candidate(e *catalog.Entry) retention.Candidate {
	c := retention.Candidate{Name: e.Name, Unreadable: e.Unreadable()}
	switch {
	case c.Unreadable != "":
		return c
	case e.Meta == nil:
		c.Unreadable = "has no " + bundle.MetaFile
		return c
	case !e.Sealed:
		return c
	}
	k := e.Meta.Keepsake
	c.Sealed, c.Timestamp, c.MemoryID, c.Sequence = true, e.Meta.Timestamp, k.MemoryID, k.Sequence
	c.Reason, c.Status, c.SizesRight = string(k.Reason), string(k.Status), e.SizeFault() == ""
	c.Pinned, c.Bytes, c.Verified = e.Notes.Pinned != nil, payloadBytes(e), verifiedWord(&e.Notes)
	c.Subsystems = map[string]retention.Subsystem{}
	for i := range k.Sections {
		s := &k.Sections[i]
		name := string(s.Name.Subsystem())
		sub, seen := c.Subsystems[name]
		c.Subsystems[name] = retention.Subsystem{Good: s.Good() && (sub.Good || !seen), Rows: sub.Rows + s.Rows}
	}
	return c
}

func verifiedWord(n *catalog.Notes) string {
	switch {
	case n.Failed() != nil:
		return retention.VerifiedBad
	case n.Last() != nil:
		return retention.VerifiedGood
	}
	return retention.VerifiedNever
}

// retain removes what the policy lets go after a backup was published: the ten
// oldest at the most; and of the servers that the backup read, what was kept aside
// there. Its failure leaves the bundle as it is.
func (m *memoryAt) retain(ctx context.Context, made *backup.Receipt) *removing {
	r := m.newRemoving()
	c, err := m.app.catalog(m)
	if err == nil {
		r.decisions, err = m.decide(c)
	}
	if err != nil {
		r.err = fmt.Errorf("retention did not run: %w", err)
		return r
	}
	r.decisions = r.decisions.Limit(retention.MassLimit)
	if err := r.carryOut(ctx); err != nil {
		r.err = fmt.Errorf("retention did not finish: %w", err)
	}
	if err := m.dropAsides(ctx, m.chromas(made.Has)); err != nil && r.err == nil {
		r.err = fmt.Errorf("retention did not finish: %w", err)
	}
	return r
}

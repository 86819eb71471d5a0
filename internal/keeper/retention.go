package keeper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/catalog"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
	"keepsake/internal/retention"
)

// policy is what the configuration says may be removed of a memory's bundles.
func (m *Memory) policy(memoryID string) (retention.Policy, error) {
	if err := m.cfg.CheckRetention(); err != nil {
		return retention.Policy{}, err
	}
	const day = 24 * time.Hour
	r := m.cfg.Retention
	p := retention.Policy{
		Memory: memoryID, KeepLast: int(r.Keep.V), MaxAge: time.Duration(r.Days.V) * day,
		KeepDaily: int(r.KeepDaily.V), KeepWeekly: int(r.KeepWeekly.V), KeepMonthly: int(r.KeepMonthly.V),
		MaxBytes: r.MaxBytes.V, SafetyAge: time.Duration(r.SafetyDays.V) * day,
		GoneAge: time.Duration(r.GoneDays.V) * day,
	}
	if err := p.Check(); err != nil {
		return retention.Policy{}, usage(err)
	}
	return p, nil
}

// ErrNoMemory says that retention has nothing to go by.
var ErrNoMemory = errors.New("this memory has no id, so that nothing says which bundles are its own")

// Decide says what becomes of each bundle of the backup root. It removes nothing.
func (m *Memory) Decide(c *catalog.Catalog) (retention.Decisions, error) {
	id, err := m.standing()
	if err != nil {
		return retention.Decisions{}, err
	}
	if id.IsZero() {
		return retention.Decisions{}, fail(NotFound, "no-memory", ErrNoMemory)
	}
	policy, err := m.policy(id.MemoryID)
	if err != nil {
		return retention.Decisions{}, err
	}
	policy.Hold, _ = unsettled(id)
	needed, err := m.needed()
	if err != nil {
		return retention.Decisions{}, err
	}
	return policy.Apply(m.candidates(c, needed), m.opts.Now())
}

// needed says, by name, what can't do without a bundle now.
func (m *Memory) needed() (map[string]string, error) {
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
func (m *Memory) candidates(c *catalog.Catalog, needed map[string]string) []retention.Candidate {
	out := make([]retention.Candidate, 0, len(c.Bundles)+len(c.Others))
	for i := range c.Bundles {
		one := m.candidate(&c.Bundles[i])
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
func (m *Memory) candidate(e *catalog.Entry) retention.Candidate {
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
	c.Sealed, c.Timestamp, c.MemoryID, c.Sequence = true, e.Meta.Timestamp, e.MemoryID(), e.Sequence()
	c.Reason, c.Status, c.SizesRight = string(k.Reason), string(k.Status), e.SizeFault() == ""
	c.Pinned, c.Bytes, c.Verified = e.Notes.Pinned != nil, PayloadBytes(e), verifiedWord(&e.Notes)
	c.Units = map[string]retention.Unit{}
	for _, u := range e.Units() {
		c.Units[string(u.Unit)] = retention.Unit{Good: u.Sound(), Rows: u.Rows, Matched: m.onlyMatched(k, &u)}
	}
	for _, sub := range e.Covered() {
		if whole := k.UnitNamed(memory.Unit(sub)); whole == nil || !whole.Suspect { // what is lost is not gone
			c.Covers = append(c.Covers, string(sub))
		}
	}
	for _, unit := range k.Ended {
		c.Ended = append(c.Ended, string(unit))
	}
	return c
}

// onlyMatched reports whether a unit of a bundle was meant by a pattern alone. Of one
// that doesn't say, the configuration does.
func (m *Memory) onlyMatched(k *bundle.Keepsake, u *catalog.UnitState) bool {
	if k.Matched != nil {
		return slices.Contains(k.Matched, u.Unit)
	}
	for _, s := range u.Sections {
		if m.matched(s.Spec()) {
			return true
		}
	}
	return false
}

// matched reports whether nothing in the configuration names a section: only a pattern
// means it. What the configuration doesn't know counts as named.
func (m *Memory) matched(spec memory.SectionSpec) bool {
	for _, d := range m.cfg.Declared {
		if d.Name == spec.Name.Subsystem() {
			return d.OnlyMatches(spec)
		}
	}
	return false
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

// Prune is what a run of retention is asked for.
type Prune struct {
	DryRun bool
	// AcceptMass removes though it is more than ten bundles, or more than half.
	AcceptMass bool
}

// Prune removes the bundles that no rule keeps. Beside an error it returns what was
// decided, and what became of it, as far as it came.
func (m *Memory) Prune(ctx context.Context, p Prune) (*Removing, error) {
	if err := m.cfg.CheckRetention(); err != nil {
		return nil, err
	}
	c, err := m.lockToPrune(ctx, p)
	if err != nil {
		return nil, err
	}
	r := m.newRemoving()
	r.DryRun = p.DryRun
	if !p.DryRun {
		r.residue = m.sweep(ctx)
	}
	if r.Decisions, err = m.Decide(c); err != nil {
		return nil, err
	}
	if r.Decisions.Mass() && !p.AcceptMass {
		return r, mass(r.Decisions)
	}
	if !p.DryRun && !m.inDoubt() {
		err = r.carryOut(ctx)
		if err := m.dropAsides(ctx, m.chromas(everySection)); err != nil { // bundles are pruned without a server too
			m.notify("look for collections that were kept aside: %v", err)
		}
	}
	return r, err
}

// lockToPrune keeps others from the bundles, and lists them. A root that isn't there
// is an error, and is not made for its lock.
func (m *Memory) lockToPrune(ctx context.Context, p Prune) (*catalog.Catalog, error) {
	c, err := m.Catalog()
	if err != nil || p.DryRun {
		return c, err
	}
	if err := m.lockRoot(ctx, lock.Exclusive); err != nil {
		return nil, err
	}
	return m.Catalog()
}

// mass refuses to remove so much without the operator's word.
func mass(d retention.Decisions) error {
	judged := 0
	for _, one := range d.All {
		if one.Action != retention.Skip {
			judged++
		}
	}
	return fail(Failed, "mass-prune",
		fmt.Errorf("this would remove %d of %s: nothing was removed", len(d.Removals()), quantity.Plural(int64(judged), "bundle")))
}

func (m *Memory) newRemoving() *Removing {
	return &Removing{m: m, Now: m.opts.Now(), done: map[string]error{}}
}

// retain removes what the policy lets go after a backup was published: the ten
// oldest at the most; and of the servers that the backup read, what was kept aside
// there. Its failure leaves the bundle as it is.
func (m *Memory) retain(ctx context.Context, made *backup.Receipt) *Removing {
	r := m.newRemoving()
	c, err := m.Catalog()
	if err == nil {
		r.Decisions, err = m.Decide(c)
	}
	if err != nil {
		r.Err = fmt.Errorf("retention did not run: %w", err)
		return r
	}
	r.Decisions = r.Decisions.Limit(retention.MassLimit)
	if err := r.carryOut(ctx); err != nil {
		r.Err = fmt.Errorf("retention did not finish: %w", err)
	}
	if m.inDoubt() {
		return r
	}
	if err := m.dropAsides(ctx, m.chromas(made.Has)); err != nil && r.Err == nil {
		r.Err = fmt.Errorf("retention did not finish: %w", err)
	}
	return r
}

// PayloadBytes is what a bundle's files take up, as its meta says; 0 without one.
func PayloadBytes(e *catalog.Entry) (n int64) {
	if e.Meta == nil || e.Meta.Keepsake == nil {
		return 0
	}
	for _, f := range e.Meta.Keepsake.Files {
		n += f.Bytes
	}
	return n
}

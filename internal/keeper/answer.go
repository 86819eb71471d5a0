package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
)

// Standing is what is known of whose memory the data folder holds.
type Standing struct {
	// Identity is nil where the folder has none yet.
	*memoryid.Identity

	Here memoryid.Place `json:"here"`
	// Doubt says what isn't settled, "" when it is; Hint how to settle it.
	Doubt string `json:"doubt,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Lived are memories that were backed up from this place and that a folder without
	// an id may hold.
	Lived []string `json:"lived,omitempty"`
	// Own counts the bundles in the backup root that are the memory's, Copies those of
	// its id that were made elsewhere.
	Own    int `json:"ownBundles"`
	Copies int `json:"copiesBundles"`
	// CopiedAt is where the newest of those was made.
	CopiedAt string `json:"copiedAt,omitempty"`
	Changed  bool   `json:"changed"`
}

// Standing says whose memory the data folder holds. It changes nothing.
func (m *Memory) Standing() (*Standing, error) {
	here, err := m.here()
	if err != nil {
		return nil, err
	}
	id, err := m.identity()
	if err != nil {
		return nil, err
	}
	c, err := m.shelf()
	if err != nil {
		return nil, err
	}
	s := &Standing{Here: here}
	if id.IsZero() {
		if s.Lived = lived(c, id, here); len(s.Lived) > 0 {
			s.Hint = m.opts.Hint.Of("memory-lost", s.Lived[0])
		}
		return s, nil
	}
	s.Identity = &id
	settled := memoryid.Settled{Identity: id, Here: here}
	var about []string
	if s.Doubt, about = unsettled(settled); s.Doubt != "" {
		s.Hint = m.opts.Hint.Of(doubtCode(settled), about...)
	}
	s.count(c.For(id.Owner()))
	return s, nil
}

func (s *Standing) count(c *catalog.Catalog) {
	for i := range c.Bundles {
		if c.Bundles[i].MemoryID() == s.MemoryID {
			s.Own++
		}
	}
	copies := c.Elsewhere(s.MemoryID)
	if s.Copies = len(copies); s.Copies > 0 {
		s.CopiedAt = copies[0].Meta.Keepsake.Place.String()
	}
}

// Answer is what an operator says of whose memory the data folder holds.
type Answer string

// The answers.
const (
	// Is says that it is the memory that is named.
	Is Answer = "is"
	// Anew says that it is none of those that it may be.
	Anew Answer = "new"
	// Moved says that the memory lives here now, and nowhere else.
	Moved Answer = "moved"
	// Too says that this is another path to the folder that the memory lives in.
	Too Answer = "here"
)

// Settle writes down what an operator says. ID is the memory that Is names.
func (m *Memory) Settle(ctx context.Context, a Answer, id string) (*Standing, error) {
	if err := m.lockTarget(ctx, lock.Exclusive); err != nil {
		return nil, err
	}
	here, err := m.here()
	if err != nil {
		return nil, err
	}
	before, err := m.identity()
	if err != nil {
		return nil, err
	}
	c, err := m.shelf()
	if err != nil {
		return nil, err
	}
	if err := m.answer(ctx, a, id, here, before, c.For(before.Owner())); err != nil {
		return nil, err
	}
	m.traces.lasting = true
	s, err := m.Standing()
	if err == nil {
		s.Changed = !before.Equal(*s.Identity)
	}
	return s, err
}

func (m *Memory) answer(ctx context.Context, a Answer, id string, here memoryid.Place, before memoryid.Identity, c *catalog.Catalog) (err error) {
	dir, now := m.cfg.DataDir.V, m.opts.Now()
	switch a {
	case Is:
		past, refused := m.past(c, id, here, before)
		if refused != nil {
			return refused
		}
		_, err = memoryid.Is(ctx, dir, here, id, past, lived(c, before, here), now)
	case Anew:
		_, err = memoryid.Anew(ctx, dir, here, lived(c, before, here), now)
	case Moved:
		_, err = memoryid.Moved(ctx, dir, here, c.Highest(before.MemoryID))
	case Too:
		_, err = memoryid.Too(ctx, dir, here)
	}
	switch {
	case errors.Is(err, memoryid.ErrElsewhere):
		return fail(Usage, "memory-elsewhere", err)
	case errors.Is(err, memoryid.ErrNone):
		return fail(NotFound, "no-memory", err)
	}
	return err
}

// past are the places that the bundles of a memory name, which this one is said to be.
// Somebody who has its bundles may have mistyped it: one that never lived here, and
// that nothing here speaks of, is refused.
func (m *Memory) past(c *catalog.Catalog, id string, here memoryid.Place, before memoryid.Identity) (past []memory.Past, err error) {
	known := before.IsZero() || slices.Contains(append(before.Takes(), before.MaybeSameAs...), id) || id == before.MemoryID
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if e.MemoryID() == "" || e.Meta.Keepsake.MemoryID != id || e.Meta.Keepsake.Reason != bundle.ReasonBackup {
			continue
		}
		at := memory.Place{}
		if p := e.Meta.Keepsake.Place; p != nil {
			at = *p
		}
		known = known || at.DataDir == "" || at.Same(here.Place)
		n := slices.IndexFunc(past, func(p memory.Past) bool { return p.Place == at })
		if n < 0 {
			n, past = len(past), append(past, memory.Past{Place: at})
		}
		past[n].Until = max(past[n].Until, e.Sequence())
	}
	switch {
	case id == before.MemoryID:
		return past, nil
	case len(past) == 0:
		return nil, fail(NotFound, "no-such-memory", fmt.Errorf("there is no backup of memory %s in %s", id, m.Root()))
	case !known:
		return nil, fail(Usage, "another-memory", fmt.Errorf("memory %s lives at %s, and nothing says that it ever lived here: this is memory %s", id, past[0], before.MemoryID))
	}
	return past, nil
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"keepsake/internal/catalog"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
)

// Catalog lists the backup root.
func (m *Memory) Catalog() (*catalog.Catalog, error) {
	if m.Root() == "" {
		return nil, fail(NotFound, "no-backup-root", errors.New("there is no backup root"))
	}
	c, err := catalog.List(m.Root())
	if errors.Is(err, bundle.ErrNotFound) {
		return nil, fail(NotFound, "absent-backup-root", fmt.Errorf("there is no backup root %s", m.Root()))
	}
	if err != nil {
		return nil, err
	}
	return m.own(c), nil
}

// Bundle opens the bundle that a person named: a path, a name in the backup root, or
// "latest". Of that no file is read: who looks inside, or verifies, does it next.
func (m *Memory) Bundle(name string) (*bundle.Bundle, error) {
	if name == latest {
		return m.choose("no good bundle", catalog.Wanted{}, nil)
	}
	return m.named(name)
}

// latest is the name of the newest good bundle.
const latest = "latest"

// Bundles opens those that were named, or all of the backup root, and keeps those
// who remove some away until Close.
func (m *Memory) Bundles(ctx context.Context, names []string, all bool) (out []*bundle.Bundle, err error) {
	if err := m.lockRoot(ctx, lock.Shared); err != nil {
		return nil, err
	}
	if all {
		c, err := m.Catalog()
		if err != nil {
			return nil, err
		}
		for _, e := range c.Bundles {
			names = append(names, e.Path)
		}
	}
	for _, name := range names {
		b, err := m.Bundle(name)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// toRestore opens the bundle to restore from: as Bundle, or the newest that is not
// younger than at. What it chooses by itself has the hashes that it should have; that
// others don't goes on record, where anything may be written.
func (m *Memory) toRestore(ctx context.Context, name, at string, record bool) (*bundle.Bundle, error) {
	prove := func(e catalog.Entry) (string, error) {
		why, _, err := m.unproven(ctx, e, record)
		return why, err
	}
	switch {
	case at != "":
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, usage(fmt.Errorf("choose a bundle by its time: %w", err))
		}
		return m.choose("no good bundle from "+at+" or before", catalog.Wanted{NotAfter: when}, prove)
	case name == latest:
		return m.choose("no good bundle", catalog.Wanted{}, prove)
	}
	return m.named(name)
}

func (m *Memory) named(name string) (*bundle.Bundle, error) {
	path := name
	if !strings.ContainsAny(name, `/\`) {
		if _, err := bundle.ParseName(name); err == nil {
			path = filepath.Join(m.Root(), name)
		}
	}
	b, err := bundle.Open(m.absolute(path), bundle.Limits{})
	if errors.Is(err, bundle.ErrNotFound) || errors.Is(err, bundle.ErrNotBundle) {
		return nil, fail(NotFound, "no-such-bundle", err, m.Root())
	}
	return b, err
}

// choose opens the newest good bundle that is wanted, and tells which newer ones it
// passed over. It doesn't guess past one that it can't read, unless it was told to.
// With prove, which says why a bundle doesn't verify, it walks back past those too.
// What other good bundles have, and this one has not, is told as well.
func (m *Memory) choose(none string, wanted catalog.Wanted, prove func(catalog.Entry) (string, error)) (*bundle.Bundle, error) {
	c, err := m.mine(&wanted)
	if err != nil {
		return nil, err
	}
	entry, passed, err := c.Latest(wanted)
	for err == nil && prove != nil {
		why, failed := prove(entry)
		if failed != nil || why == "" {
			err = failed
			break
		}
		wanted.Except[entry.Name] = why
		entry, passed, err = c.Latest(wanted)
	}
	for _, p := range passed {
		m.notify("passed over %s: %s", p.Entry.Name, p.Why)
	}
	if err := m.unchosen(err, none, entry.Name); err != nil {
		return nil, err
	}
	m.tellLacks(c, wanted, entry)
	return bundle.Open(entry.Path, bundle.Limits{})
}

// mine lists the backup root, and completes what is wanted: bundles of this memory.
func (m *Memory) mine(wanted *catalog.Wanted) (*catalog.Catalog, error) {
	c, err := m.Catalog()
	if err != nil {
		return nil, err
	}
	if wanted.Memory, err = m.whose(c, *wanted); err != nil {
		return nil, err
	}
	wanted.SkipUnreadable, wanted.Except = m.opts.SkipUnreadable, map[string]string{}
	return c, nil
}

// unchosen says why no bundle was chosen, nil where one was; instead is the one that
// would be without one that can't be read.
func (m *Memory) unchosen(err error, none, instead string) error {
	switch {
	case errors.Is(err, bundle.ErrNotFound):
		return fail(NotFound, "no-good-bundle", fmt.Errorf("there is %s in %s", none, m.Root()))
	case errors.Is(err, catalog.ErrUnreadable):
		return fail(NotVerified, "unreadable-newer", fmt.Errorf("choose bundle: %w", err), instead)
	}
	return err
}

// tellLacks tells what a chosen bundle lacks of the memory: what others have good.
func (m *Memory) tellLacks(c *catalog.Catalog, wanted catalog.Wanted, chosen catalog.Entry) {
	wanted.SkipUnreadable = true
	whole, err := c.Whole(wanted)
	if err != nil {
		return // there is nothing else
	}
	for _, p := range whole.Parts {
		var names []string
		for _, u := range p.Units {
			if s := chosen.State(u.Unit); s == nil || !s.Good() {
				names = append(names, string(u.Unit))
			}
		}
		if len(names) > 0 {
			m.notify("%s lacks %s: the newest that has it is %s", chosen.Name, strings.Join(names, ", "), p.Entry.Name)
		}
	}
}

// whose returns the memory whose latest bundle is looked for: this one; or, as long as
// it has no good one of its own, that which it was made out of. "" stands for any.
func (m *Memory) whose(c *catalog.Catalog, wanted catalog.Wanted) (string, error) {
	s, err := m.standing()
	switch {
	case err != nil:
		return "", err
	case s.IsZero():
		return m.onlyMemory(c)
	case len(s.MaybeSameAs) > 0:
		words, about := unsettled(s)
		return "", fail(NotFound, "memory-lost", errors.New(words), about...)
	case s.ClonedFrom == "":
		return s.MemoryID, nil
	}
	wanted.Memory, wanted.SkipUnreadable = s.MemoryID, true
	if _, err := c.Whole(wanted); errors.Is(err, bundle.ErrNotFound) {
		return s.ClonedFrom, nil
	}
	return s.MemoryID, nil
}

// onlyMemory is the memory of a folder that has no id: that of all bundles, "", or of
// those that were certainly made of this place.
func (m *Memory) onlyMemory(c *catalog.Catalog) (string, error) {
	seen := map[string]bool{}
	for i := range c.Bundles {
		if e := &c.Bundles[i]; e.MemoryID() != "" && !e.InDoubt() {
			seen[e.MemoryID()] = true
		}
	}
	if len(seen) <= 1 {
		return "", nil
	}
	if here, err := m.here(); err == nil {
		if ids := c.Lived(here.Place, nil, true); len(ids) == 1 {
			return ids[0], nil
		}
	}
	return "", fail(NotFound, "several-memories", fmt.Errorf("%s holds bundles of more than one memory, and this one has no id yet", m.Root()))
}

// Latest says which bundle of a catalog is the latest. Its errors are the catalog's:
// bundle.ErrNotFound, and catalog.ErrUnreadable with the one that would be without
// one that can't be read.
func (m *Memory) Latest(c *catalog.Catalog) (catalog.Entry, error) {
	id, err := m.whose(c, catalog.Wanted{})
	var e *Error
	if errors.As(err, &e) && e.Ground == NotFound {
		return catalog.Entry{}, fmt.Errorf("%w: %w", bundle.ErrNotFound, err)
	}
	if err != nil {
		return catalog.Entry{}, err
	}
	found, _, err := c.Latest(catalog.Wanted{Memory: id})
	return found, err
}

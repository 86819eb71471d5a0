package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
	"keepsake/internal/quantity"
)

// Host is what is known of the machine that a run is on.
type Host struct {
	// MachineID is the system's own, "" where it gives none. It is never written down:
	// only a keyed hash is.
	MachineID string
	// Container says that the run is in one: the machine tells nothing of the place
	// then.
	Container bool
}

// machine is the part that a machine has in a place.
func (o *Options) machine() string {
	if o.Host == nil {
		return ""
	}
	if h := o.Host(); !h.Container {
		return memoryid.MachineOf(h.MachineID)
	}
	return ""
}

// identity returns what the data folder says of whose memory it holds; the zero one
// where it says nothing.
func (m *Memory) identity() (memoryid.Identity, error) {
	if m.cfg.DataDir.V == "" {
		return memoryid.Identity{}, nil
	}
	return memoryid.Load(m.cfg.DataDir.V)
}

// memoryID returns the memory's id, "" when it has none yet.
func (m *Memory) memoryID() (string, error) {
	id, err := m.identity()
	return id.MemoryID, err
}

// here is the place of the data folder.
func (m *Memory) here() (memoryid.Place, error) {
	dir, err := m.dataDir()
	if err != nil {
		return memoryid.Place{}, err
	}
	return memoryid.Here(dir, m.opts.machine())
}

// standing is the identity beside the place where it is.
func (m *Memory) standing() (memoryid.Settled, error) {
	id, err := m.identity()
	if err != nil || id.IsZero() {
		return memoryid.Settled{Identity: id}, err
	}
	here, err := m.here()
	return memoryid.Settled{Identity: id, Here: here}, err
}

// own makes a catalog go by what the memory knows of itself. What can't be read of
// that is said by those who need it.
func (m *Memory) own(c *catalog.Catalog) *catalog.Catalog {
	if id, err := m.identity(); err == nil {
		c.For(id.Owner())
	}
	return c
}

// shelf lists the backup root, which may not be there yet.
func (m *Memory) shelf() (*catalog.Catalog, error) {
	c, err := catalog.List(m.Root())
	if m.Root() == "" || errors.Is(err, bundle.ErrNotFound) {
		return &catalog.Catalog{}, nil
	}
	return c, err
}

// lived are the memories of the backup root that this one may be: those that were
// backed up from this place, and that nobody has ruled out. A memory that has an id
// is asked only about what is certain.
func lived(c *catalog.Catalog, id memoryid.Identity, here memoryid.Place) []string {
	return c.Lived(here.Place, id.Known(), !id.IsZero())
}

// topology is nil where there is none: it is Neo's.
func (m *Memory) topology() *memory.Topology {
	if !m.cfg.HasTopology() {
		return nil
	}
	t := m.cfg.Topology()
	return &t
}

// identify gives the memory an id and a place, if it has none, and puts them into
// opts.
func (m *Memory) identify(ctx context.Context, opts backup.Options) (backup.Options, error) {
	s, c, err := m.settle(func(dir string, here memoryid.Place, lived []string) (memoryid.Settled, error) {
		return memoryid.Settle(ctx, dir, here, lived, m.opts.Now())
	})
	if err != nil {
		return opts, err
	}
	if s.Made {
		m.traces.id = s.MemoryID
	}
	opts.Sequence = m.nextSequence
	return m.identified(opts, s, c), nil
}

// wouldIdentify is identify of a dry run: nothing is written.
func (m *Memory) wouldIdentify(opts backup.Options) (backup.Options, error) {
	s, c, err := m.settle(func(dir string, here memoryid.Place, lived []string) (memoryid.Settled, error) {
		return memoryid.Look(dir, here, lived, m.opts.Now())
	})
	if err != nil {
		return opts, err
	}
	opts = m.identified(opts, s, c)
	if s.Made {
		opts.MemoryID, opts.Owner = "", memory.Owner{}
	}
	opts.Sequence = func(_ context.Context, seen int64) (int64, error) {
		return memoryid.ForeseeSequence(m.cfg.DataDir.V, seen)
	}
	return opts, nil
}

// settle has by look at the identity, with what the backup root says of it.
func (m *Memory) settle(by func(dir string, here memoryid.Place, lived []string) (memoryid.Settled, error)) (s memoryid.Settled, c *catalog.Catalog, err error) {
	here, err := m.here()
	if err != nil {
		return s, nil, err
	}
	id, err := m.identity()
	if err != nil {
		return s, nil, err
	}
	if c, err = m.shelf(); err != nil {
		return s, nil, err
	}
	s, err = by(m.cfg.DataDir.V, here, lived(c, id, here))
	return s, c, err
}

// identified puts an identity into the options of a backup, and what is to be said
// of it.
func (m *Memory) identified(opts backup.Options, s memoryid.Settled, c *catalog.Catalog) backup.Options {
	opts.MemoryID, opts.Owner = s.MemoryID, s.Owner()
	opts.Place, opts.ClonedFrom, opts.MaybeSameAs = &s.Here.Place, s.ClonedFrom, s.Maybe()
	tell := func(level memory.Level, code, message string, about ...string) {
		opts.Told = append(opts.Told, memory.Finding{Level: level, Code: code, Message: message, Hint: m.opts.Hint.Of(code, about...)})
	}
	switch {
	case s.Took && !s.Made:
		tell(memory.Note, "place-taken", "this memory is bound to its place from now on, and its older bundles to it: "+s.Here.String())
	case s.Joined:
		tell(memory.Note, "place-joined", "the data folder is the same as before, and is reached as "+s.Here.String()+" now")
	}
	if doubt, about := unsettled(s); doubt != "" {
		tell(memory.Warning, doubtCode(s), doubt, about...)
	}
	if copies := c.For(opts.Owner).Elsewhere(s.MemoryID); len(copies) > 0 && !s.Elsewhere() {
		tell(memory.Note, "copied", fmt.Sprintf("%s of this memory's id were made elsewhere, the newest from %s: they are a copy's, and are left alone",
			quantity.Plural(int64(len(copies)), "bundle"), copies[0].Meta.Keepsake.Place))
	}
	return opts
}

// inDoubt reports whether it isn't settled whose memory this is, or can't be known.
func (m *Memory) inDoubt() bool {
	s, err := m.standing()
	return err != nil || s.Maybe() != ""
}

// doubtCode is the code of what isn't settled.
func doubtCode(s memoryid.Settled) string {
	if len(s.MaybeSameAs) > 0 {
		return "memory-lost"
	}
	return "memory-elsewhere"
}

// unsettled says in words what isn't settled about whose memory this is, "" when it is
// settled, and what a hint is to name.
func unsettled(s memoryid.Settled) (words string, about []string) {
	switch {
	case len(s.MaybeSameAs) > 0:
		return fmt.Sprintf("whose memory this is isn't settled: memory %s was backed up from this folder, which has another id now (%s), as if it had been lost; "+
			"until it is settled no bundle counts as good, and none is removed", s.MaybeSameAs[0], s.MemoryID), s.MaybeSameAs[:1]
	case s.Elsewhere():
		return fmt.Sprintf("whose memory this is isn't settled: memory %s lives at %s, and this is %s: it was moved, or this is a copy; "+
			"until it is settled no bundle made here counts as good, and none is removed", s.MemoryID, s.Places[0], s.Here), nil
	}
	return "", nil
}

func (m *Memory) nextSequence(ctx context.Context, seen int64) (int64, error) {
	return memoryid.NextSequence(ctx, m.cfg.DataDir.V, seen)
}

// adopt gives a memory that has no id that of the bundle that it is restored from,
// before the first row is written, where the bundle was made of this very place; else
// it becomes a memory of its own. One that has an id keeps it.
func (m *Memory) adopt(ctx context.Context, b *bundle.Bundle) error {
	dir, err := m.dataDir()
	if err != nil || bundleMemory(b) == "" {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // the memory may have been lost with its folder
		return fmt.Errorf("make data folder: %w", err)
	}
	here, err := m.here()
	if err != nil {
		return err
	}
	from := memoryid.From{ID: bundleMemory(b), Place: b.Meta().Keepsake.Place, Sequence: m.sequenceOf(b)}
	s, err := memoryid.Adopt(ctx, dir, here, from, m.opts.Now())
	switch {
	case errors.Is(err, memoryid.ErrOther):
		return nil // the preflight judged it
	case err == nil && s.Made && s.ClonedFrom != "":
		m.tell(memory.Finding{
			Level: memory.Warning, Code: "memory-cloned", Hint: m.opts.Hint.Of("memory-cloned", s.ClonedFrom),
			Message: fmt.Sprintf("this is a memory of its own now, %s, made out of %s: nothing proves that the bundle was made of this place, %s", s.MemoryID, s.ClonedFrom, s.Here),
		})
	}
	return err
}

// sequenceOf is the number that a memory counts on from: the bundle's, 0 where that is
// not believed, or the highest of its memory in the backup root.
func (m *Memory) sequenceOf(b *bundle.Bundle) (sequence int64) {
	known, err := m.identity()
	if claims := b.Meta().Keepsake.Sequence; err == nil && b.Sealed() && catalog.Believable(claims, known.LastSequence) {
		sequence = claims
	}
	if c, err := m.Catalog(); err == nil && known.IsZero() {
		sequence = max(sequence, c.Highest(bundleMemory(b)))
	}
	return sequence
}

// bundleMemory returns whose memory a bundle is, "" when it doesn't say.
func bundleMemory(b *bundle.Bundle) string {
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		return meta.Keepsake.MemoryID
	}
	return ""
}

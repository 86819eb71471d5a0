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
)

// memoryID returns the memory's id, "" when it has none yet.
func (m *Memory) memoryID() (string, error) {
	if m.cfg.DataDir.V == "" {
		return "", nil
	}
	id, err := memoryid.Load(m.cfg.DataDir.V)
	return id.MemoryID, err
}

// topology is nil where there is none: it is Neo's.
func (m *Memory) topology() *memory.Topology {
	if !m.cfg.HasTopology() {
		return nil
	}
	t := m.cfg.Topology()
	return &t
}

// identify gives the memory an id, if it has none, and puts it into opts.
func (m *Memory) identify(ctx context.Context, opts backup.Options) (backup.Options, error) {
	dir, err := m.dataDir()
	if err != nil {
		return opts, err
	}
	before, err := memoryid.Load(dir)
	if err != nil {
		return opts, err
	}
	id, err := memoryid.Create(ctx, dir, m.opts.Now())
	if err != nil {
		return opts, err
	}
	if before.IsZero() {
		m.traces.id = id.MemoryID
	}
	opts.MemoryID = id.MemoryID
	opts.Sequence = m.nextSequence
	return opts, nil
}

func (m *Memory) nextSequence(ctx context.Context, seen int64) (int64, error) {
	return memoryid.NextSequence(ctx, m.cfg.DataDir.V, seen)
}

// adopt gives a memory that has no id the id of the bundle that it is restored
// from, before the first row is written. One that has an id keeps it.
func (m *Memory) adopt(ctx context.Context, b *bundle.Bundle) error {
	dir, err := m.dataDir()
	if err != nil || bundleMemory(b) == "" {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // the memory may have been lost with its folder
		return fmt.Errorf("make data folder: %w", err)
	}
	_, err = memoryid.Adopt(ctx, dir, bundleMemory(b), m.sequenceOf(b), m.opts.Now())
	if errors.Is(err, memoryid.ErrOther) {
		return nil // the preflight judged it
	}
	return err
}

// sequenceOf is the number that a memory counts on from, 0 where the bundle's own is
// not believed.
func (m *Memory) sequenceOf(b *bundle.Bundle) int64 {
	known, err := memoryid.Load(m.cfg.DataDir.V)
	if sequence := b.Meta().Keepsake.Sequence; err == nil && b.Sealed() && catalog.Believable(sequence, known.LastSequence) {
		return sequence
	}
	return 0
}

// bundleMemory returns whose memory a bundle is, "" when it doesn't say.
func bundleMemory(b *bundle.Bundle) string {
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		return meta.Keepsake.MemoryID
	}
	return ""
}

package keeper

import (
	"slices"
	"sync"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// restored tells a backup of the last restore of ours that made a section what it
// is: a swap of our own is no reason to suspect it. Receipts are read once, when first
// asked for.
func (m *Memory) restored() func(spec memory.SectionSpec, since time.Time) (backup.Restored, bool) {
	past := sync.OnceValue(func() restore.History { return restore.ReadHistory(m.restores()) })
	return func(spec memory.SectionSpec, since time.Time) (backup.Restored, bool) {
		at := spec.Locator
		if at.Kind == memory.KindChromaDir { // it was restored through its server
			at = m.servedAt(spec)
		}
		left, ok := past().LastLeft(spec.Name, at, since)
		return backup.Restored(left), ok
	}
}

// servedAt is where the server has a section that is read from its directory.
func (m *Memory) servedAt(spec memory.SectionSpec) memory.Locator {
	for _, d := range m.cfg.Declared {
		is := func(n config.Named) bool { return n.Section == spec.Name }
		if s := d.Store.V; m.kind(&d).Server && slices.ContainsFunc(d.Named, is) {
			return memory.Locator{
				Kind: s.Kind, Address: s.Address(), Tenant: spec.Locator.Tenant, Database: spec.Locator.Database,
				Collection: spec.Locator.Collection,
			}
		}
	}
	return spec.Locator
}

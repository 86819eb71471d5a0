package cli

import (
	"fmt"
	"slices"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// restored tells a backup of the last restore of ours that made a section what it
// is: a swap of our own is no reason to suspect it.
func (m *memoryAt) restored(spec memory.SectionSpec, since time.Time) (backup.Restored, bool) {
	at := spec.Locator
	if at.Kind == memory.KindChromaDir { // it was restored through its server
		at = m.servedAt(spec)
	}
	left, ok := restore.LastLeft(m.restores(), spec.Name, at, since)
	return backup.Restored(left), ok
}

// servedAt is where the server has a section that is read from its directory.
func (m *memoryAt) servedAt(spec memory.SectionSpec) memory.Locator {
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

// acceptedLineages checks what --accept-lineage names.
func acceptedLineages(values []string) ([]memory.Section, error) {
	var out []memory.Section
	for _, v := range values {
		s := memory.Section(v)
		if s.Name() == "" || !s.Subsystem().Valid() { // notes/2026/plan.md is one, too
			return nil, usage(fmt.Errorf("--accept-lineage %s: want a section like mc/memory", v))
		}
		out = append(out, s)
	}
	return out, nil
}

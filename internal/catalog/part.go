package catalog

import (
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// Partial reports whether the bundle is a backup of a part of its memory.
func (e *Entry) Partial() bool { return e.partial }

// findPartial finds the bundles of a part of a memory. One that doesn't say what was
// asked for is taken for one when an older one has what it has not, and doesn't cover.
func (c *Catalog) findPartial() {
	seen := map[string]map[memory.Unit]bool{}
	for i := len(c.Bundles) - 1; i >= 0; i-- { // the oldest first
		e := &c.Bundles[i]
		if !e.ours() || e.Meta.Keepsake.Reason != bundle.ReasonBackup {
			continue
		}
		k := e.Meta.Keepsake
		before := seen[k.MemoryID]
		if before == nil {
			before = map[memory.Unit]bool{}
			seen[k.MemoryID] = before
		}
		e.partial = len(k.Only) > 0 || k.Only == nil && e.leavesOut(before)
		for j := range k.Sections {
			if k.Sections[j].Rows > 0 {
				before[k.Sections[j].Unit()] = true
			}
		}
	}
}

// leavesOut reports whether the bundle has nothing of one of the units, and doesn't say
// that there was none.
func (e *Entry) leavesOut(units map[memory.Unit]bool) bool {
	has := map[memory.Unit]bool{}
	for i := range e.Meta.Keepsake.Sections {
		has[e.Meta.Keepsake.Sections[i].Unit()] = true
	}
	for unit := range units {
		if !has[unit] && !e.Covers(memory.Section(unit).Subsystem()) {
			return true
		}
	}
	return false
}

// Covers reports whether the bundle says that it has all that a subsystem had.
func (e *Entry) Covers(sub memory.Subsystem) bool {
	return slices.Contains(e.Covered(), sub)
}

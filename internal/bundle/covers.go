package bundle

import (
	"fmt"
	"slices"

	"keepsake/internal/memory"
)

// validateCovers refuses what can't be the names of subsystems.
func (k *Keepsake) validateCovers() error {
	for i, sub := range k.Covers {
		if !sub.Valid() {
			return fmt.Errorf("covers %q, which is no subsystem", sub)
		}
		if slices.Contains(k.Covers[:i], sub) {
			return fmt.Errorf("covers %q twice", sub)
		}
	}
	return nil
}

// covers reports whether all that a subsystem had is in the bundle, or failed. A
// bundle that doesn't say covers those that it has sections of.
func (k *Keepsake) covers(sub memory.Subsystem) bool {
	if k.Covers != nil {
		return slices.Contains(k.Covers, sub)
	}
	return slices.ContainsFunc(k.Sections, func(s SectionMeta) bool { return s.Name.Subsystem() == sub })
}

// Had is a section, and the backup that held it.
type Had struct {
	Entry   *Entry
	Section *SectionMeta
}

// LastHad returns the sections that a memory had of a subsystem by the newest
// backup that covers it, and those that later ones have which don't cover it. One
// that was not good there, lost or suspect, is taken from the newest backup before
// in which it was; unless one between covers the subsystem and has it not, for then
// its end has been accepted. Only metas are read: what happened to the files since
// changes nothing of what there was.
func (c *Catalog) LastHad(memoryID string, sub memory.Subsystem) []Had {
	var all []Had
	found := make(map[memory.Section]bool)
	var wanted map[memory.Section]bool // those not good yet; nil before one covers
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.isBackupOf(memoryID) {
			continue
		}
		bad := make(map[memory.Section]bool)
		for j := range e.Meta.Keepsake.Sections {
			s := &e.Meta.Keepsake.Sections[j]
			switch {
			case s.Name.Subsystem() != sub || found[s.Name] || wanted != nil && !wanted[s.Name]:
			case s.Good():
				found[s.Name] = true
				all = append(all, Had{e, s})
			default:
				bad[s.Name] = true
			}
		}
		if !e.Meta.Keepsake.covers(sub) {
			continue
		}
		if wanted = bad; len(wanted) == 0 {
			break
		}
	}
	return all
}

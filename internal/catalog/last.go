package catalog

import (
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// LastGood returns the newest backup of a memory whose section of that name is
// good, and that section; nil when there is none. One that did not verify, or
// whose files have not their sizes, is taken only where there is no other: its
// meta is sealed, and still says how much there was.
func (c *Catalog) LastGood(memoryID string, section memory.Section) (*Entry, *bundle.SectionMeta) {
	var damaged Had
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.isBackupOf(memoryID) {
			continue
		}
		switch s := e.Meta.Keepsake.Section(section); {
		case s == nil || !s.Good():
		case e.damage(s.Unit(), []*bundle.SectionMeta{s}, e.Meta.Payloads()) == "":
			return e, s
		case damaged.Entry == nil:
			damaged = Had{Entry: e, Section: s}
		}
	}
	return damaged.Entry, damaged.Section
}

// LastHeld returns the newest backup of a memory that has sections of a unit, good or
// not; nil when there is none.
func (c *Catalog) LastHeld(memoryID string, unit memory.Unit) *Entry {
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.isBackupOf(memoryID) {
			continue
		}
		if slices.ContainsFunc(e.Meta.Keepsake.Sections, func(s bundle.SectionMeta) bool { return s.Unit() == unit }) {
			return e
		}
	}
	return nil
}

// LastGoods returns what LastGood returns, of every section that there ever was. It
// looks at each section of each bundle once: a source may have thousands of files.
func (c *Catalog) LastGoods(memoryID string) map[memory.Section]Had {
	all := map[memory.Section]Had{}
	damaged := map[memory.Section]bool{}
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.isBackupOf(memoryID) {
			continue
		}
		payloads := e.Meta.Payloads()
		for j := range e.Meta.Keepsake.Sections {
			s := &e.Meta.Keepsake.Sections[j]
			if _, there := all[s.Name]; there && !damaged[s.Name] || !s.Good() {
				continue
			}
			sound := e.damage(s.Unit(), []*bundle.SectionMeta{s}, payloads) == ""
			if sound || !damaged[s.Name] {
				all[s.Name], damaged[s.Name] = Had{e, s, payloads[s.Name]}, !sound
			}
		}
	}
	return all
}

// IsBackupOf reports whether the bundle is sealed, and a backup that is certainly of
// the memory.
func (e *Entry) IsBackupOf(memoryID string) bool { return e.isBackupOf(memoryID) }

// isBackupOf reports whether the bundle is sealed, and a backup that is certainly of
// the memory.
func (e *Entry) isBackupOf(memoryID string) bool {
	return e.ours() && e.Meta.Keepsake.Reason == bundle.ReasonBackup && e.MemoryID() == memoryID && !e.InDoubt()
}

// Had is a section, and the backup that held it.
type Had struct {
	Entry   *Entry
	Section *bundle.SectionMeta
	File    *bundle.FileMeta // nil where nobody looked for it
}

// LastHad returns the sections that a memory had of a subsystem by the newest
// backup that covers it, and those that later ones have which don't cover it. One
// that was not good there, lost or suspect, is taken from the newest backup before
// in which it was; unless one between covers the subsystem and has it not, for then
// its end has been accepted. A backup in which the source is suspect as a whole says
// nothing of an end. Only metas are read: what happened to the files since changes
// nothing of what there was.
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
				all = append(all, Had{Entry: e, Section: s})
			default:
				bad[s.Name] = true
			}
		}
		if whole := e.Meta.Keepsake.UnitNamed(memory.Unit(sub)); !e.Meta.Keepsake.Covered(sub) || whole != nil && whole.Suspect {
			continue
		}
		if wanted = bad; len(wanted) == 0 {
			break
		}
	}
	return all
}

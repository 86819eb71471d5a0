package catalog

import (
	"fmt"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// UnitState is a unit of a memory as one bundle holds it.
type UnitState struct {
	Unit memory.Unit
	// Why says why the unit isn't good in the bundle, "" when it is.
	Why  string
	Rows int64
	// Sections are its parts, in the order of the meta.
	Sections []*bundle.SectionMeta
}

// Good reports whether the unit can be relied on: it was read whole, has records,
// no salvaged row, is not suspect, and nothing is wrong with the bundle's seal, the
// sizes of its files, or what the last verification said of the unit. Then it counts
// also where the bundle is degraded by another unit.
func (u *UnitState) Good() bool { return u.Why == "" }

// Sound reports whether nothing speaks against the unit but that it may be empty.
func (u *UnitState) Sound() bool { return u.Why == "" || u.Why == empty }

const empty = "is empty"

// Units returns the units that a bundle of ours says something of, in the order of
// its meta; none without a meta that can be believed. One that lost all it had is among
// them, without sections. So is a source whose collections are units each, by the name
// of its subsystem, where it is suspect as a whole.
func (e *Entry) Units() []UnitState {
	if !e.Sealed || e.Err != nil {
		return nil
	}
	var all []UnitState
	at := map[memory.Unit]int{}
	for i := range e.Meta.Keepsake.Sections {
		s := &e.Meta.Keepsake.Sections[i]
		unit := s.Unit()
		n, there := at[unit]
		if !there {
			n, at[unit] = len(all), len(all)
			all = append(all, UnitState{Unit: unit})
		}
		all[n].Rows += s.Rows
		all[n].Sections = append(all[n].Sections, s)
	}
	for i := range e.Meta.Keepsake.Units { // also one that no section is left of
		unit := e.Meta.Keepsake.Units[i].Unit
		if _, there := at[unit]; !there && e.Meta.Keepsake.Units[i].Suspect {
			all = append(all, UnitState{Unit: unit})
		}
	}
	payloads := e.Meta.Payloads()
	for i := range all {
		all[i].Why = e.unitFault(&all[i], payloads)
	}
	return all
}

// unitFault says why a unit isn't good in the bundle, "" when it is.
func (e *Entry) unitFault(u *UnitState, payloads map[memory.Section]*bundle.FileMeta) string {
	if whole := e.Meta.Keepsake.UnitNamed(u.Unit); whole != nil && whole.Suspect {
		return "is suspect: " + whole.String()
	}
	for _, s := range u.Sections {
		if why := sectionFault(s); why != "" {
			return string(s.Name) + " " + why
		}
	}
	if e.InDoubt() {
		return "it was not settled whose memory it is"
	}
	if why := e.damage(u.Unit, u.Sections, payloads); why != "" {
		return why
	}
	if u.Rows == 0 {
		return empty
	}
	return ""
}

// damage says what happened to a part of the bundle since it was made, or why nobody
// can say; "" when nothing did.
func (e *Entry) damage(unit memory.Unit, sections []*bundle.SectionMeta, payloads map[memory.Section]*bundle.FileMeta) string {
	if v := e.Notes.FailedFor(unit); v != nil {
		return fmt.Sprintf("did not verify (%s, %s)", v.Level, v.At.UTC().Format(time.RFC3339))
	}
	if why := e.Unreadable(); why != "" {
		return why
	}
	e.look()
	for _, s := range sections {
		f := payloads[s.Name]
		if f == nil {
			return string(s.Name) + " has no file"
		}
		if why := e.misfits[f.Path]; why != "" {
			return why
		}
	}
	return ""
}

// sectionFault says what speaks against a section by its meta.
func sectionFault(s *bundle.SectionMeta) string {
	switch {
	case s.Failed != "" && s.Lineage.Suspect:
		return "is suspect: " + s.Failed
	case s.Failed != "":
		return "could not be read: " + s.Failed
	case s.Lineage.Suspect:
		return "is suspect"
	case s.Capture.Salvaged > 0:
		return fmt.Sprintf("has %d rows without their vector", s.Capture.Salvaged)
	case !s.Good():
		return "was not read whole"
	}
	return ""
}

// State returns a unit as the bundle holds it, nil when it says nothing of it.
func (e *Entry) State(unit memory.Unit) *UnitState {
	for _, u := range e.Units() {
		if u.Unit == unit {
			return &u
		}
	}
	return nil
}

package backup

import (
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// ended are the units of which somebody has said, now or before, that they have ended.
// One that is there again has not.
func (r *run) ended() (units []memory.Unit) {
	if r.catalog == nil {
		return nil
	}
	if before := r.catalog.Newest(r.opts.MemoryID); before != nil {
		units = slices.DeleteFunc(slices.Clone(before.Meta.Keepsake.Ended), r.has)
	}
	for _, name := range r.opts.AcceptLineage {
		if unit := memory.Unit(name); r.mayEnd(unit) && !slices.Contains(units, unit) {
			units = append(units, unit)
		}
	}
	return units
}

// mayEnd reports whether a unit was in a bundle before and can't be in this one: no
// source has it any more, or its source was listed, and has it not.
func (r *run) mayEnd(unit memory.Unit) bool {
	listed := slices.Contains(r.covered(), memory.Section(unit).Subsystem())
	return (listed || !r.serves(unit)) && !r.has(unit) && r.lastHeld(unit) != nil
}

// has reports whether a part of the unit is in the memory, be it one that can't be read.
func (r *run) has(unit memory.Unit) bool {
	return slices.ContainsFunc(r.wanted, func(w wanted) bool { return w.spec.Unit() == unit }) ||
		slices.ContainsFunc(r.failed, func(s bundle.SectionMeta) bool { return s.Unit() == unit })
}

// serves reports whether the unit may be of one of the sources.
func (r *run) serves(unit memory.Unit) bool {
	return slices.ContainsFunc(r.opts.Sources, func(src Source) bool {
		if len(src.Sections) == 0 {
			return src.Subsystem == memory.Section(unit).Subsystem()
		}
		return slices.ContainsFunc(src.Sections, func(s memory.Section) bool { return s.Matches(string(unit)) })
	})
}

// lastHeld returns the newest backup of the memory that says something of a unit.
func (r *run) lastHeld(unit memory.Unit) *catalog.Entry {
	if r.catalog == nil {
		return nil
	}
	return r.catalog.LastHeld(r.opts.MemoryID, unit)
}

// acceptEnds tells of the units whose end is accepted and that no source has any more.
func (r *run) acceptEnds() {
	for _, name := range r.opts.AcceptLineage {
		if unit := memory.Unit(name); r.mayEnd(unit) && !r.serves(unit) {
			r.receipt.note("lineage-accepted", name, "accepted as its end: it was in %s, and nothing in the configuration has it any more",
				r.lastHeld(unit).Name)
		}
	}
}

// matched are the units that nobody named.
func (r *run) matched(sections []bundle.SectionMeta) []memory.Unit {
	units := []memory.Unit{}
	for i := range sections {
		s := &sections[i]
		if r.opts.Matched != nil && r.opts.Matched(s.Spec()) && !slices.Contains(units, s.Unit()) {
			units = append(units, s.Unit())
		}
	}
	return units
}

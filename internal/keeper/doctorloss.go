package keeper

import (
	"context"
	"slices"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// had is what the newest bundles that are good say that a source held.
type had struct {
	rows, sections int64
	files          bool   // files are counted, not rows
	bundle         string // the newest of them
	selector       string // for --only
}

// had sums up the sections of a subsystem that are wanted. What a restore of ours has
// made of one since says no bundle.
func (d *doctor) had(sub memory.Subsystem, wanted func(memory.Section) bool) (h had) {
	if d.catalog == nil || d.id == "" {
		return had{}
	}
	var names []memory.Section
	for _, one := range d.catalog.LastHad(d.id, sub) {
		s := one.Section
		if !wanted(s.Name) || s.Rows == 0 || one.Entry.Time.After(d.now) {
			continue
		}
		spec := memory.SectionSpec{Name: s.Name, Kind: s.Kind, Locator: s.Locator}
		if _, ok := d.past(spec, one.Entry.Time); ok {
			continue
		}
		if h.bundle == "" {
			h.bundle = one.Entry.Name
		}
		h.rows += s.Rows
		h.sections++
		h.files = h.files || spec.Unit() == memory.Unit(sub)
		names = append(names, s.Name)
	}
	if h.selector = string(sub); len(names) == 1 {
		h.selector = string(names[0])
	}
	return h
}

func (h had) extent() int64 {
	if h.files {
		return h.sections
	}
	return h.rows
}

// lost reports whether so much is gone that a backup would be suspect. Where nobody
// could count, nobody can say.
func (d *doctor) lost(h had, now int64) bool {
	return now >= 0 && backup.Alarm(d.cfg.Alarm.Lost.V).Rings(h.extent()-now, h.extent())
}

// newest says what is wrong with the newest bundle.
func (d *doctor) newest(context.Context) {
	const name = "newest bundle"
	if d.catalog == nil {
		return
	}
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		if !e.Sealed || e.Time.After(d.now) || e.Meta.Keepsake.Reason != bundle.ReasonBackup ||
			d.id != "" && e.MemoryID() != d.id {
			continue
		}
		switch left := d.uncovered(e.Meta.Keepsake); {
		case e.Notes.Failed() != nil, e.SizeFault() != "":
			d.say(Problem, name, do("verify-says-more", e.Name), "%s %s", e.Name, e.Fault())
		case e.Meta.Keepsake.Status != bundle.Complete:
			d.say(Warning, name, do("see-bundle", e.Name), "%s is %s: %s", e.Name, e.Meta.Keepsake.Status, faults(e.Units()))
		case e.Partial() && len(left) > 0:
			d.say(Note, name, nil, "%s is partial: it doesn't cover %s", e.Name, joined(left))
		default:
			d.fine(name, "%s holds all that it should", e.Name)
		}
		d.verified()
		return
	}
}

// uncovered lists the subsystems of the memory that a bundle doesn't cover.
func (d *doctor) uncovered(k *bundle.Keepsake) (left []memory.Subsystem) {
	for _, sub := range d.subsystems() {
		if d.present[sub] && !k.Covered(sub) &&
			!slices.ContainsFunc(k.Sections, func(s bundle.SectionMeta) bool { return s.Name.Subsystem() == sub }) {
			left = append(left, sub)
		}
	}
	return left
}

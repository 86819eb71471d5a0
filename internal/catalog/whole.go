package catalog

import (
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// Whole is a memory, put together from the newest good copy of each of its units.
type Whole struct {
	Parts []Part // the newest bundle first
	// Gone are good copies that aren't put back: a newer good bundle saw that what they
	// are of is gone.
	Gone []Gone
	// Lost are units that were in bundles and are good in none.
	Lost []Lost
	// Passed are bundles that would have been used, were they good, newest first.
	Passed []PassedOver
}

// Part is what one bundle gives to a whole memory.
type Part struct {
	Entry Entry
	Units []UnitState
	// Empty are units of the bundle that no bundle has records of.
	Empty []UnitState
}

// Gone is a unit, or files of one, that was gone in a newer bundle.
type Gone struct {
	Unit  memory.Unit
	Entry Entry  // the newest bundle that has it good
	By    string // the newer one's name
	// Files are those of the unit's that are gone; none where all of it is.
	Files []memory.Section
}

// Lost is a unit that is good in no bundle.
type Lost struct {
	Unit  memory.Unit
	Entry Entry // the newest bundle that holds rows of it, else the newest that names it
	Rows  int64
	Why   string
}

// fate is what is known of a unit, from the newest bundle down to where it is found.
type fate struct {
	unit   memory.Unit
	entry  *Entry // that it comes from, nil before it is found
	state  UnitState
	goneBy string // the name of the newer bundle that saw it gone
	ended  bool
	empty  *UnitState // as the newest bundle has it
	lost   *Lost
	seen   map[memory.Section]bool // its sections, in its bundle and in older ones
	passed []PassedOver            // newer bundles in which it isn't good
}

// Whole puts the memory together that is wanted. bundle.ErrNotFound when no unit is
// good in any bundle. ErrUnreadable, with the rest as SkipUnreadable would take it, when
// a bundle can't be read that is newer than one that is used.
func (c *Catalog) Whole(w Wanted) (Whole, error) {
	g := &gathering{wanted: w, fates: map[memory.Unit]*fate{}, covered: map[memory.Subsystem]string{}, ended: map[memory.Unit]bool{}}
	for i := range c.Bundles {
		if e := &c.Bundles[i]; w.admits(e) && e.ours() {
			g.look(e)
		}
	}
	whole := g.whole()
	if len(whole.Parts) == 0 {
		_, passed := c.newest(w, true)
		return Whole{Passed: passed, Lost: whole.Lost}, fmt.Errorf("%w that is good in %s", bundle.ErrNotFound, c.Root)
	}
	oldest := &whole.Parts[len(whole.Parts)-1].Entry
	whole.Passed = g.passed(c, oldest)
	for _, p := range whole.Passed {
		if !w.SkipUnreadable && p.Entry.Unreadable() != "" {
			return whole, fmt.Errorf("%w: %s: %s", ErrUnreadable, p.Entry.Name, p.Why)
		}
	}
	return whole, nil
}

// gathering puts a memory together.
type gathering struct {
	wanted  Wanted
	order   []*fate
	fates   map[memory.Unit]*fate
	covered map[memory.Subsystem]string // by the newest bundle that covers them
	full    string                      // the newest bundle of all that the configuration has
	ended   map[memory.Unit]bool
	looked  []*Entry // that have something of it, newest first
	gone    []Gone
}

// look takes from a bundle what no newer one has good.
func (g *gathering) look(e *Entry) {
	for _, u := range e.Units() {
		if !g.wants(&u) {
			continue
		}
		if u.Why == "" {
			u.Why = g.fault(e, u.Unit)
		}
		f := g.fate(u)
		if f.entry != nil {
			g.older(f, e, u)
			continue
		}
		g.judge(f, e, u)
	}
	g.looked = append(g.looked, e)
	g.witness(e)
}

// wants reports whether a unit is among what was asked for. A source that is suspect as
// a whole is no unit of its own.
func (g *gathering) wants(u *UnitState) bool {
	if len(u.Sections) == 0 {
		return false
	}
	is := func(s *bundle.SectionMeta) bool { return g.wanted.Selected(s.Name) }
	return g.wanted.Selected == nil || slices.ContainsFunc(u.Sections, is)
}

// fault is what became known of a unit of a bundle, or of all of it, since it was listed.
func (g *gathering) fault(e *Entry, unit memory.Unit) string {
	if why := g.wanted.Bad[e.Name][unit]; why != "" {
		return why
	}
	return g.wanted.Except[e.Name]
}

// fate returns what is known of a unit; of a new one, that newer bundles have it not.
func (g *gathering) fate(u UnitState) *fate {
	f := g.fates[u.Unit]
	if f == nil {
		f = &fate{unit: u.Unit}
		if !g.named(&u) {
			f.goneBy, f.ended = g.goneBy(u.Unit), g.ended[u.Unit]
		}
		g.fates[u.Unit] = f
		g.order = append(g.order, f)
	}
	return f
}

// named reports whether somebody named the unit, or a part of it.
func (g *gathering) named(u *UnitState) bool {
	is := func(s *bundle.SectionMeta) bool { return g.wanted.Named(s.Name) }
	return g.wanted.Named != nil && slices.ContainsFunc(u.Sections, is)
}

func (g *gathering) goneBy(unit memory.Unit) string {
	if by := g.covered[memory.Section(unit).Subsystem()]; by != "" {
		return by
	}
	return g.full
}

// judge says of a unit that was not found yet whether it comes from this bundle.
func (g *gathering) judge(f *fate, e *Entry, u UnitState) {
	if !u.Good() {
		f.passed = append(f.passed, PassedOver{*e, u.Why})
	}
	switch {
	case u.Good():
		f.entry, f.state, f.seen = e, u, map[memory.Section]bool{}
		for _, s := range u.Sections {
			f.seen[s.Name] = true
		}
	case u.Sound():
		if f.empty == nil {
			f.empty = &u
		}
		if f.goneBy == "" && emptied(u) && !g.named(&u) {
			f.goneBy = e.Name
		}
	case f.lost == nil || f.lost.Rows == 0 && u.Rows > 0:
		f.lost = &Lost{u.Unit, *e, u.Rows, u.Why}
	}
}

// emptied reports whether somebody has answered for it that a unit is empty.
func emptied(u UnitState) bool {
	return slices.ContainsFunc(u.Sections, func(s *bundle.SectionMeta) bool { return s.Lineage.Accepted || s.Lineage.Restore != "" })
}

// older finds files of a source that a newer bundle saw gone.
func (g *gathering) older(f *fate, e *Entry, u UnitState) {
	if f.goneBy != "" || f.ended || !u.Good() || string(f.unit) != string(memory.Section(f.unit).Subsystem()) ||
		!f.entry.Covers(memory.Section(f.unit).Subsystem()) {
		return
	}
	var files []memory.Section
	for _, s := range u.Sections {
		if !f.seen[s.Name] && s.Rows > 0 && (g.wanted.Selected == nil || g.wanted.Selected(s.Name)) {
			files = append(files, s.Name)
		}
		f.seen[s.Name] = true
	}
	if len(files) > 0 {
		g.gone = append(g.gone, Gone{f.unit, *e, f.entry.Name, files})
	}
}

// witness notes what a bundle says of units that it has not. A source that is suspect
// is lost, not gone.
func (g *gathering) witness(e *Entry) {
	k := e.Meta.Keepsake
	for _, sub := range e.Covered() {
		if whole := k.UnitNamed(memory.Unit(sub)); g.covered[sub] == "" && (whole == nil || !whole.Suspect) {
			g.covered[sub] = e.Name
		}
	}
	if g.full == "" && k.Only != nil && len(k.Only) == 0 && k.Status == bundle.Complete {
		g.full = e.Name
	}
	for _, unit := range k.Ended {
		g.ended[unit] = true
	}
}

// whole sums up.
func (g *gathering) whole() (w Whole) {
	part := map[*Entry]*Part{}
	for _, f := range g.order {
		switch {
		case f.ended:
		case f.entry != nil && f.goneBy != "":
			w.Gone = append(w.Gone, Gone{Unit: f.unit, Entry: *f.entry, By: f.goneBy})
		case f.entry != nil:
			if part[f.entry] == nil {
				part[f.entry] = &Part{Entry: *f.entry}
			}
			part[f.entry].Units = append(part[f.entry].Units, f.state)
		case f.lost != nil && f.goneBy == "":
			w.Lost = append(w.Lost, *f.lost)
		}
	}
	for _, e := range g.looked {
		if p := part[e]; p != nil {
			p.Empty = g.empties(e)
			w.Parts = append(w.Parts, *p)
		}
	}
	w.Gone = append(w.Gone, g.gone...)
	return w
}

// empties are the units of a bundle that nothing is known of but that they are empty,
// there and in every other.
func (g *gathering) empties(e *Entry) (all []UnitState) {
	for _, u := range e.Units() {
		if f := g.fates[u.Unit]; f != nil && f.entry == nil && f.lost == nil && f.empty != nil && u.Sound() {
			all = append(all, u)
		}
	}
	return all
}

// passed are the bundles that would have been used were they good: each that is newer
// than where a unit of it comes from, and those that nobody can read or place.
func (g *gathering) passed(c *Catalog, oldest *Entry) (all []PassedOver) {
	whys := map[string][]string{}
	for _, f := range g.order {
		for _, p := range f.passed {
			if f.entry != nil && f.goneBy == "" && !f.ended {
				whys[p.Entry.Name] = append(whys[p.Entry.Name], says(f.unit, p.Why))
			}
		}
	}
	for i := range c.Bundles {
		e := &c.Bundles[i]
		switch {
		case !g.wanted.admits(e):
		case !e.ours() && e.Time.After(oldest.Time):
			all = append(all, PassedOver{*e, e.Fault()})
		case len(whys[e.Name]) > 0:
			all = append(all, PassedOver{*e, strings.Join(whys[e.Name], "; ")})
		}
	}
	return all
}

// says names a unit before what is wrong with it, unless that is named there.
func says(unit memory.Unit, why string) string {
	if strings.HasPrefix(why, string(unit)) {
		return why
	}
	return string(unit) + " " + why
}

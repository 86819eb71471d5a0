package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// tally is what a source had by the last good bundles, of files or of collections, and
// what of that is gone and nobody answers for.
type tally struct {
	sub      memory.Subsystem
	parts    int64         // files, or collections
	gone     []catalog.Had // of them, those of the newest bundle first
	rows     int64         // of collections, and of files of lines
	rowsLost int64         // gone with them, or from those that are left
	files    bool
}

// judgeSources says of each source how much of it is gone, and returns what the meta
// is to say of it. What is left of a source of files that is suspect is suspect, too:
// nobody would call half of a folder good.
func (r *run) judgeSources(sections []bundle.SectionMeta) (units []bundle.UnitMeta) {
	for _, sub := range r.covered() {
		for _, files := range []bool{true, false} {
			t := r.tally(sub, files)
			if len(t.gone) == 0 {
				continue
			}
			u, much := t.loss(r.opts.Alarm)
			switch {
			case !much:
				r.passing(t)
			case r.accepts(memory.Section(sub)):
				u.Accepted = true
				r.receipt.note("lineage-accepted", memory.Section(sub), "accepted: it %s", &u)
			default:
				u.Suspect = true
				r.alarmed(t, &u)
			}
			if much && !slices.ContainsFunc(units, func(o bundle.UnitMeta) bool { return o.Unit == u.Unit }) {
				units = append(units, u)
			}
			if u.Suspect && files {
				r.doubtAll(u.Unit, sections)
			}
		}
	}
	r.receipt.Units = units
	return units
}

// tally counts the files of a source, or its collections.
func (r *run) tally(sub memory.Subsystem, files bool) tally {
	t := tally{sub: sub, files: files}
	for _, h := range r.had[sub] {
		s := h.Section
		if isFile(h) != files || !files && !r.byPattern(h) {
			continue
		}
		t.parts++
		var rows int64
		if s.Kind != memory.Opaque {
			rows = s.Rows
		}
		t.rows += rows
		switch {
		case !r.missing[s.Name]:
			if s.Kind != memory.Opaque {
				t.rowsLost += r.losses[s.Name]
			}
		case r.accepts(memory.Section(sub)) || !r.answered(h) && !r.renamed(h):
			t.gone = append(t.gone, h)
			t.rowsLost += rows
		}
	}
	return t
}

// renamed reports whether the content of a file that is gone is in one that was not
// there before.
func (r *run) renamed(h catalog.Had) bool {
	if h.File == nil || r.fresh[content(h.File)] == 0 {
		return false
	}
	r.fresh[content(h.File)]--
	return true
}

// content tells files of other content apart, and those of records whatever their
// compression is.
func content(f *bundle.FileMeta) string { return cmp.Or(f.Records, f.SHA256) }

// loss says how much is gone, and whether that is too much.
func (t *tally) loss(alarm Alarm) (u bundle.UnitMeta, much bool) {
	u = bundle.UnitMeta{Unit: memory.Unit(t.sub), Against: t.gone[0].Entry.Name}
	gone := int64(len(t.gone))
	switch {
	case t.files && alarm.Rings(gone, t.parts):
		u.Lost, u.Before, u.What = gone, t.parts, "files"
	case t.files:
		u.Lost, u.Before, u.What = t.rowsLost, t.rows, "lines"
	default:
		u.Lost, u.Before, u.What = t.rowsLost, t.rows, "rows"
	}
	return u, alarm.Rings(u.Lost, u.Before)
}

// noun is what the source has several of.
func (t *tally) noun() string {
	if t.files {
		return "file"
	}
	return "collection"
}

// named names some of what is gone.
func (t *tally) named() string {
	const most = 3
	var names []string
	for _, g := range t.gone[:min(most, len(t.gone))] {
		names = append(names, string(g.Section.Name))
	}
	list := strings.Join(names, ", ")
	if more := int64(len(t.gone) - most); more > 0 {
		list += fmt.Sprintf(" and %s more", quantity.Count(more))
	}
	return list
}

// passing tells of what is gone, and no loss: files and collections come and go, and
// the next bundle is compared with this one.
func (r *run) passing(t tally) {
	find, about := r.receipt.warn, memory.Section(t.sub)
	if !t.files {
		find = r.receipt.note
	}
	if len(t.gone) == 1 {
		find(codeGone, t.gone[0].Section.Name, "the section %s", wasThere(t.gone[0]))
		return
	}
	find(codeGone, about, "%d of %s that %s had are not there any more: %s",
		len(t.gone), quantity.Plural(t.parts, t.noun()), t.gone[0].Entry.Name, t.named())
}

// alarmed tells of a loss.
func (r *run) alarmed(t tally, u *bundle.UnitMeta) {
	about := memory.Section(t.sub)
	gone := "gone are"
	if len(t.gone) == 1 {
		gone = "gone is"
	}
	r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
		Level: memory.Warning, Code: codeSourceLost, Section: about,
		Message: fmt.Sprintf("suspect: it %s; %s %s", u, gone, t.named()),
		Hint:    r.wayBack(codeSourceLost, about, r.inUnit(t)...),
	})
}

// inUnit are all parts of a source that were in the bundle that has what is gone: they
// are put back together.
func (r *run) inUnit(t tally) (all []catalog.Had) {
	from := t.gone[0].Entry
	there := map[memory.Section]bool{}
	for i := range from.Meta.Keepsake.Sections {
		there[from.Meta.Keepsake.Sections[i].Name] = true
	}
	for _, h := range r.had[t.sub] {
		if isFile(h) == t.files && there[h.Section.Name] {
			h.Entry = from
			all = append(all, h)
		}
	}
	return all
}

// doubtAll makes all sections of a unit suspect.
func (r *run) doubtAll(unit memory.Unit, sections []bundle.SectionMeta) {
	doubted := map[memory.Section]bool{}
	for i := range sections {
		if s := &sections[i]; s.Unit() == unit {
			s.Lineage.Suspect, s.Lineage.Accepted = true, false
			doubted[s.Name] = true
		}
	}
	for i := range r.receipt.Sections {
		if s := &r.receipt.Sections[i]; s.Lineage != nil && doubted[s.Section] {
			s.Lineage.Suspect, s.Lineage.Accepted = true, false
		}
	}
}

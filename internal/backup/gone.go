package backup

import (
	"fmt"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// covered returns the subsystems that are backed up with all that their sources
// have, whatever that is. One that was not listed, or asked for in part, is none.
func (r *run) covered() []memory.Subsystem {
	all := []memory.Subsystem{}
	for _, src := range r.opts.Sources {
		sub := src.Subsystem
		whole := len(r.opts.Only) == 0 || slices.Contains(r.opts.Only, string(sub))
		if len(src.Sections) == 0 && whole && sub.Valid() && !slices.Contains(r.unseen, sub) && !slices.Contains(all, sub) {
			all = append(all, sub)
		}
	}
	return all
}

// findGone takes down what the sources had in the bundles before, and which sections of
// that are not among those that they have.
func (r *run) findGone() {
	r.had = map[memory.Subsystem][]catalog.Had{}
	if r.catalog == nil {
		return
	}
	there := map[memory.Section]bool{}
	for _, w := range r.wanted {
		there[w.spec.Name] = true
	}
	for _, s := range r.failed {
		there[s.Name] = true
	}
	for _, sub := range r.covered() {
		for _, had := range r.catalog.LastHad(r.opts.MemoryID, sub) {
			if had.Section.Rows == 0 {
				continue
			}
			had.File = r.good[had.Section.Name].File
			r.had[sub] = append(r.had[sub], had)
			if !there[had.Section.Name] {
				r.gone = append(r.gone, had)
			}
		}
	}
	r.missing = map[memory.Section]bool{}
	for _, g := range r.gone {
		r.missing[g.Section.Name] = true
		if isFile(g) {
			r.receipt.removed(g)
		}
	}
}

// judgeGone says of each graph, database and collection that is gone what that means,
// and returns those that are missed: they make the bundle degraded. Files, and
// collections that only a pattern meant, are counted by their source.
func (r *run) judgeGone() (missed []bundle.SectionMeta) {
	for _, g := range r.gone {
		if isFile(g) || r.byPattern(g) || r.answered(g) {
			continue
		}
		missed = append(missed, r.miss(g))
	}
	return missed
}

// byPattern reports whether a section is a collection that nobody named: single ones
// come and go.
func (r *run) byPattern(h catalog.Had) bool {
	return h.Section.Kind == memory.Vectors && r.opts.Matched != nil && r.opts.Matched(h.Section.Spec())
}

// answered says of a section that is gone that somebody answers for it, if anybody does.
func (r *run) answered(g catalog.Had) bool {
	name := g.Section.Name
	if r.accepts(name) {
		r.receipt.note("lineage-accepted", name, "accepted as its end: the section %s", wasThere(g))
		return true
	}
	if restore := r.emptied(g); restore != "" {
		r.receipt.note("lineage-restored", name, "the section %s, by the restore %s", wasThere(g), restore)
		return true
	}
	return false
}

func wasThere(g catalog.Had) string {
	return fmt.Sprintf("was in %s, with %d rows, and is not there any more", g.Entry.Name, g.Section.Rows)
}

// emptied names the restore of ours since the bundle that left nothing of the
// section, "" when none did.
func (r *run) emptied(g catalog.Had) string {
	if r.opts.Restored == nil {
		return ""
	}
	spec := memory.SectionSpec{Name: g.Section.Name, Kind: g.Section.Kind, Locator: g.Section.Locator}
	if restored, ok := r.opts.Restored(spec, g.Entry.Time); ok && restored.Rows == 0 {
		return restored.Name
	}
	return ""
}

// accepts reports whether the operator answers for what became of a section: by its
// own name, or by that of its source.
func (r *run) accepts(s memory.Section) bool {
	return slices.Contains(r.opts.AcceptLineage, s) || slices.Contains(r.opts.AcceptLineage, memory.Section(s.Subsystem()))
}

// miss takes a section down as one that should be there.
func (r *run) miss(g catalog.Had) bundle.SectionMeta {
	r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
		Level: memory.Warning, Code: codeGone, Section: g.Section.Name, Message: "suspect: the section " + wasThere(g),
		Hint: r.wayBack(codeGone, g.Section.Name, g),
	})
	return r.notIn(g, memory.CollectionUnknown, wasThere(g))
}

// notIn is a section that the bundle should have, and has not.
func (r *run) notIn(g catalog.Had, collection, why string) bundle.SectionMeta {
	spec := memory.SectionSpec{Name: g.Section.Name, Kind: g.Section.Kind, Locator: g.Section.Locator}
	meta := bundle.FailedSection(spec, memory.Capture{}, fmt.Errorf("it %s", why))
	meta.Lineage = memory.Lineage{
		Collection: collection, RowsBefore: g.Section.Rows, Against: g.Entry.Name, Suspect: true,
	}
	lineage := meta.Lineage
	r.receipt.Sections = append(r.receipt.Sections, SectionReceipt{
		Section: spec.Name, Status: bundle.Fail, Rows: -1, Locator: spec.Locator, Lineage: &lineage, Reason: "suspect: it " + why,
	})
	return meta
}

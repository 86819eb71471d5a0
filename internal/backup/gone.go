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

// findGone returns the sections that had rows in the bundles before, and are not
// among those that their sources have.
func (r *run) findGone() (gone []catalog.Had) {
	if r.catalog == nil {
		return nil
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
			if had.Section.Rows > 0 && !there[had.Section.Name] {
				gone = append(gone, had)
			}
		}
	}
	return gone
}

// judgeGone says of each section that is gone what that means, and returns those
// that are missed: they make the bundle degraded.
func (r *run) judgeGone() (missed []bundle.SectionMeta) {
	for _, g := range r.gone {
		name := g.Section.Name
		was := fmt.Sprintf("was in %s, with %d rows, and is not there any more", g.Entry.Name, g.Section.Rows)
		switch restore := r.emptied(g); {
		case slices.Contains(r.opts.AcceptLineage, name):
			r.receipt.note("lineage-accepted", name, "accepted as its end: the section %s", was)
		case restore != "":
			r.receipt.note("lineage-restored", name, "the section %s, by the restore %s", was, restore)
		case !isMissed(g.Section):
			r.receipt.warn(codeGone, name, "the section %s", was)
		default:
			missed = append(missed, r.miss(g, was))
		}
	}
	return missed
}

// codeGone is of a section that there was and that is not there any more.
const codeGone = "section-gone"

// isMissed reports whether nobody removes such a section in passing: a collection, a
// graph or a database. Files come and go.
func isMissed(s *bundle.SectionMeta) bool {
	switch s.Kind {
	case memory.Lines:
		return false
	case memory.Opaque:
		return s.Locator.Kind == memory.KindSQLite
	case memory.Vectors, memory.Elements:
	}
	return true
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

// miss takes a section down as one that should be there.
func (r *run) miss(g catalog.Had, was string) bundle.SectionMeta {
	name := g.Section.Name
	spec := memory.SectionSpec{Name: name, Kind: g.Section.Kind, Locator: g.Section.Locator}
	meta := bundle.FailedSection(spec, memory.Capture{}, fmt.Errorf("it %s", was))
	meta.Lineage = memory.Lineage{
		Collection: memory.CollectionUnknown, RowsBefore: g.Section.Rows, Against: g.Entry.Name, Suspect: true,
	}
	lineage := meta.Lineage
	r.receipt.Sections = append(r.receipt.Sections, SectionReceipt{
		Section: name, Status: bundle.Fail, Rows: -1, Locator: spec.Locator, Lineage: &lineage, Reason: "suspect: " + was,
	})
	r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
		Level: memory.Warning, Code: codeGone, Section: name, Message: "suspect: the section " + was,
		Hint: r.opts.Hint.Of(codeGone, string(name)),
	})
	return meta
}

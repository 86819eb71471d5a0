package backup

import (
	"errors"
	"fmt"
	"slices"

	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// refuseEmptied returns an error for each collection that is another one than in the
// last good bundle, and has no rows where that has some: a server that began on an empty
// folder looks like this, or an agent that made anew what it no longer found. Where a
// degraded bundle is allowed, it is made without them. A graph or a file has no identity
// beside its place: an empty one is suspect, and published.
func (r *run) refuseEmptied() (errs []error) {
	r.wanted = slices.DeleteFunc(r.wanted, func(w wanted) bool {
		had, ok := r.good[w.spec.Name]
		if !ok || !r.anew(w.spec, had) {
			return false
		}
		why := fmt.Errorf("%s %w: it had %d in %s%s", w.spec.Name, ErrEmptied, had.Section.Rows, had.Entry.Name, moved(had.Section, w.spec))
		if !r.opts.AllowDegraded {
			errs = append(errs, why)
			return false
		}
		r.failed = append(r.failed, r.notIn(had, memory.CollectionChanged, fmt.Sprintf("%v: it had %d in %s", ErrEmptied, had.Section.Rows, had.Entry.Name)))
		r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
			Level: memory.Warning, Code: codeSuspect, Section: w.spec.Name, Message: "suspect: not in the bundle: " + why.Error(),
			Hint: r.wayBack(codeTaken, w.spec.Name, had),
		})
		return true
	})
	return errs
}

// anew reports whether a collection is another one, and empty, and nobody answers for
// that.
func (r *run) anew(spec memory.SectionSpec, had catalog.Had) bool {
	return spec.Kind == memory.Vectors && spec.Rows == 0 && had.Section.Rows > 0 &&
		kinship(had.Section.Collection, spec.Collection) == memory.CollectionChanged &&
		!r.accepts(spec.Name) && r.emptied(catalog.Had{Entry: had.Entry, Section: had.Section}) == ""
}

// ledBack adds to an error about what isn't there how to put it back, where the last
// good bundles have it.
func (r *run) ledBack(err error) error {
	code := codeAbsent
	switch {
	case errors.Is(err, ErrEmptied):
		code = codeEmptied
	case !errors.Is(err, store.ErrAbsent):
		return err
	}
	lost := slices.Clone(r.gone)
	for _, src := range r.opts.Sources {
		for _, s := range r.sections(src) {
			had, ok := r.good[s]
			i := slices.IndexFunc(r.wanted, func(w wanted) bool { return w.spec.Name == s })
			if ok && had.Section.Rows > 0 && (i < 0 || r.anew(r.wanted[i].spec, had)) {
				lost = append(lost, had)
			}
		}
	}
	for _, w := range r.wanted {
		if had, ok := r.good[w.spec.Name]; ok && r.anew(w.spec, had) && !slices.ContainsFunc(lost, func(h catalog.Had) bool { return h.Section == had.Section }) {
			lost = append(lost, had)
		}
	}
	if len(lost) == 0 {
		return err
	}
	slices.SortStableFunc(lost, func(a, b catalog.Had) int { return b.Entry.Time.Compare(a.Entry.Time) })
	return &LossError{err, r.wayBack(code, lost[0].Section.Name, lost...)}
}

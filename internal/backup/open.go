package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// open takes the first look at every source. All sources that fail are told of.
func (r *run) open(ctx context.Context) error {
	failed := r.misnamed()
	if len(failed) > 0 {
		return fmt.Errorf("%w: %w", ErrIncomplete, errors.Join(failed...))
	}
	for _, src := range r.opts.Sources {
		if !r.asked(src) {
			continue
		}
		if err := r.openSource(ctx, src); err != nil {
			if ctx.Err() != nil {
				return err
			}
			if noRoom(err) {
				return fmt.Errorf("%w: %w", ErrIncomplete, err)
			}
			failed = append(failed, r.lost(src, err))
		}
	}
	if err := r.lookBack(); err != nil {
		return err
	}
	failed = append(failed, r.refuseEmptied()...)
	r.findGone()
	failed = append(failed, r.notThere()...)
	r.unfound()
	if len(failed) == 0 {
		failed = append(r.unmatched(), r.unaccepted()...)
	}
	slices.SortStableFunc(r.wanted, func(a, b wanted) int { return rank(a.spec) - rank(b.spec) })
	if err := errors.Join(failed...); err != nil {
		return r.ledBack(fmt.Errorf("%w: %w", ErrIncomplete, err))
	}
	return nil
}

// notThere returns an error for each section that somebody named as it is and that does
// not exist. Where a degraded bundle is allowed it has failed; it is suspect by what
// judgeGone says of it, where there are rows of it in a bundle.
func (r *run) notThere() (errs []error) {
	for _, spec := range r.absent {
		err := fmt.Errorf("%s is named in the configuration, and there is no such collection: %w", spec.Name, store.ErrAbsent)
		known := slices.ContainsFunc(r.gone, func(g catalog.Had) bool { return g.Section.Name == spec.Name })
		switch {
		case !r.opts.AllowDegraded:
			errs = append(errs, err)
		case !known || slices.Contains(r.opts.AcceptLineage, spec.Name):
			r.receipt.lost(spec.Name, err)
			r.failed = append(r.failed, bundle.FailedSection(spec, memory.Capture{}, err))
		}
	}
	return errs
}

// noRoom reports whether a disk was full: of ours, for a source is only read. It says
// nothing of the source, so what could not be read for it is not missing, and no
// bundle without it is published, not even a degraded one.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// nothing is an error where no section was read, and none is missed either: of what
// was allowed to fail nothing is left then.
func (r *run) nothing(sections []bundle.SectionMeta, units []bundle.UnitMeta) error {
	if slices.ContainsFunc(sections, func(s bundle.SectionMeta) bool { return s.Failed == "" || s.Lineage.Suspect }) ||
		slices.ContainsFunc(units, func(u bundle.UnitMeta) bool { return u.Suspect }) {
		return nil
	}
	var names []string
	for _, src := range r.opts.Sources {
		if r.asked(src) && !slices.Contains(names, src.Name) {
			names = append(names, src.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: %w: no source is configured", ErrIncomplete, ErrNothing)
	}
	return fmt.Errorf("%w: %w in %s", ErrIncomplete, ErrNothing, strings.Join(names, ", "))
}

// unmatched returns an error for each selector that selects nothing: it may be
// misspelt, and a bundle without what was asked for must not pass for one with it.
func (r *run) unmatched() (errs []error) {
	for _, selector := range r.opts.Only {
		found := slices.ContainsFunc(r.wanted, func(w wanted) bool { return w.spec.Name.Matches(selector) })
		lost := slices.ContainsFunc(r.receipt.Sections, func(s SectionReceipt) bool { return s.Section.Matches(selector) })
		if found || lost {
			continue
		}
		err := fmt.Errorf("there is no %s: %w", selector, store.ErrAbsent)
		if r.opts.AllowDegraded {
			r.receipt.lost(memory.Section(selector), err)
			continue
		}
		errs = append(errs, err)
	}
	return errs
}

// misnamed returns an error for each source that is to be accepted as one, and whose
// sections are known by their names: each stands for itself.
func (r *run) misnamed() (errs []error) {
	for _, name := range r.opts.AcceptLineage {
		is := func(src Source) bool {
			return slices.ContainsFunc(src.Sections, func(s memory.Section) bool { return s.Matches(string(name)) && s != name })
		}
		if slices.ContainsFunc(r.opts.Sources, is) {
			errs = append(errs, fmt.Errorf("accept the lineage of %s: %w as one: name its sections", name, ErrNothingToAccept))
		}
	}
	return errs
}

// unaccepted returns an error for each section that is to be accepted and is
// neither backed up nor gone: it may be misspelt.
func (r *run) unaccepted() (errs []error) {
	for _, s := range r.opts.AcceptLineage {
		there := slices.ContainsFunc(r.wanted, func(w wanted) bool { return w.spec.Name == s }) || r.missing[s]
		if !there && !r.mayEnd(memory.Unit(s)) && (s.Name() != "" || !slices.Contains(r.covered(), s.Subsystem())) {
			errs = append(errs, fmt.Errorf("accept the lineage of %s: %w", s, ErrNothingToAccept))
		}
	}
	return errs
}

func (r *run) openSource(ctx context.Context, src Source) error {
	sections := r.sections(src)
	session, err := src.Store.Open(ctx, sections)
	if err != nil {
		return fmt.Errorf("open %s: %w", src.Name, err)
	}
	r.sessions = append(r.sessions, session)
	specs, err := session.Sections(ctx)
	if err != nil {
		return fmt.Errorf("list %s: %w", src.Name, err)
	}
	r.takeFindings(session)
	present := map[memory.Section]bool{}
	var absent []error
	for _, spec := range specs {
		present[spec.Name] = true
		if !r.selected(spec.Name) {
			continue
		}
		r.wanted = append(r.wanted, wanted{spec: spec, session: session})
		if err := r.refused(ctx, session, spec); err != nil {
			absent = append(absent, err)
		}
	}
	absent = append(absent, r.unlisted(src, session)...)
	if len(src.Sections) == 0 && src.Kind == memory.Vectors && len(specs) == 0 {
		absent = append(absent, fmt.Errorf("%s has none of the sections that it is to have: %w", src.Name, store.ErrAbsent))
	}
	for _, s := range sections {
		if !present[s] {
			absent = append(absent, fmt.Errorf("%s has no %s: %w", src.Name, s, store.ErrAbsent))
		}
	}
	for _, s := range src.Literal {
		if r.selected(s) && !present[s] {
			r.absent = append(r.absent, memory.SectionSpec{Name: s, Kind: src.Kind})
		}
	}
	return errors.Join(absent...)
}

// refused returns why a section can't be read, as far as the first look knows it: all
// of these are told at once. Where a degraded bundle is allowed, that it could not be
// read is found when it is read.
func (r *run) refused(ctx context.Context, session store.Session, spec memory.SectionSpec) error {
	err := store.Refused(ctx, session, spec)
	if err == nil || r.opts.AllowDegraded && ctx.Err() == nil && !noRoom(err) {
		return nil
	}
	return fmt.Errorf("%s: %w", spec.Name, err)
}

// unlisted returns what of a source could not be listed, or, where a degraded bundle
// is allowed, makes findings of it.
func (r *run) unlisted(src Source, session store.Session) []error {
	partial, ok := session.(store.Partial)
	if !ok {
		return nil
	}
	errs := partial.Unlisted()
	if len(errs) > 0 && r.opts.AllowDegraded {
		r.unseen = append(r.unseen, src.Subsystem)
		r.receipt.lost(memory.Section(src.Subsystem), errors.Join(errs...))
		return nil
	}
	return errs
}

// lost returns the error of a source that can't be read, or, where a degraded
// bundle is allowed, makes findings of it.
func (r *run) lost(src Source, err error) error {
	if !r.opts.AllowDegraded {
		return err
	}
	have := map[memory.Section]bool{}
	for _, w := range r.wanted {
		have[w.spec.Name] = true
	}
	for _, s := range r.sections(src) {
		if !have[s] {
			r.receipt.lost(s, err)
			r.failed = append(r.failed, bundle.FailedSection(memory.SectionSpec{Name: s, Kind: src.Kind}, memory.Capture{}, err))
		}
	}
	if len(src.Sections) == 0 {
		r.unseen = append(r.unseen, src.Subsystem)
		r.receipt.lost(memory.Section(src.Subsystem), err)
	}
	return nil
}

func (r *run) takeFindings(session store.Session) {
	inspector, ok := session.(store.Inspector)
	if !ok {
		return
	}
	all := inspector.Findings()
	if r.seen == nil {
		r.seen = map[store.Session]int{}
	}
	for _, f := range all[r.seen[session]:] {
		if !slices.Contains(r.receipt.Findings, f) { // two sources of one server say the same of it
			r.receipt.Findings = append(r.receipt.Findings, f)
		}
	}
	r.seen[session] = len(all)
}

func (r *run) sections(src Source) []memory.Section {
	var out []memory.Section
	for _, s := range src.Sections {
		if r.selected(s) {
			out = append(out, s)
		}
	}
	return out
}

// asked reports whether anything of the source was asked for. A source of a
// subsystem is opened also for one section of it.
func (r *run) asked(src Source) bool {
	if len(src.Sections) > 0 {
		return len(r.sections(src)) > 0
	}
	if len(r.opts.Only) == 0 {
		return true
	}
	return slices.ContainsFunc(r.opts.Only, func(selector string) bool {
		return memory.Section(selector).Subsystem() == src.Subsystem
	})
}

func (r *run) selected(s memory.Section) bool {
	if len(r.opts.Only) == 0 {
		return true
	}
	return slices.ContainsFunc(r.opts.Only, s.Matches)
}

// rank puts the graph and databases first, then mc, then kb and other collections,
// then files, so that what refers to a row is never newer than the row.
func rank(spec memory.SectionSpec) int {
	sub := spec.Name.Subsystem()
	switch {
	case sub == memory.GraphSystem, spec.Kind == memory.Opaque && spec.Locator.Kind == memory.KindSQLite:
		return 0
	case sub == memory.MC:
		return 1
	case spec.Kind == memory.Vectors:
		return 2
	}
	return 3
}

// unfound warns of sources that somebody declared and where there is nothing.
func (r *run) unfound() {
	told := map[memory.Subsystem]bool{}
	for _, src := range r.opts.Sources {
		sub := src.Subsystem
		if !src.Declared || told[sub] || len(src.Sections) > 0 || !r.asked(src) || slices.Contains(r.unseen, sub) {
			continue
		}
		there := slices.ContainsFunc(r.wanted, func(w wanted) bool { return w.spec.Name.Subsystem() == sub })
		if !there && len(r.had[sub]) == 0 { // else it was there, and is gone
			told[sub] = true
			r.receipt.warn("nothing-found", memory.Section(sub), "%s: there is nothing that it means", src.Name)
		}
	}
}

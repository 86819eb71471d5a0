package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

// Joint is a restore that may take the parts of a memory from several bundles.
type Joint struct {
	// Changes are one for each bundle, in the order of From.
	Changes []*Change
	From    []From // the newest bundle first
}

// From is what one bundle gives.
type From struct {
	Bundle string        `json:"bundle"`
	Path   string        `json:"bundlePath"`
	Time   time.Time     `json:"timestamp"`
	Units  []memory.Unit `json:"units"`
}

// Several reports whether it takes its parts from more than one bundle.
func (j *Joint) Several() bool { return len(j.Changes) > 1 }

// Close closes the changes.
func (j *Joint) Close() error {
	var errs []error
	for _, c := range j.Changes {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// RestoreWhole looks into a restore as Restore does. Where a merge isn't from a bundle
// that was named, each unit comes from the newest bundle that has it good. The caller
// closes it.
func (m *Memory) RestoreWhole(ctx context.Context, r Restore) (*Joint, error) {
	if r.Mode != restore.ModeMerge || r.Name != latest && r.At == "" {
		c, err := m.Restore(ctx, r)
		if err != nil {
			return nil, err
		}
		return &Joint{Changes: []*Change{c}, From: []From{{Bundle: c.plan.Bundle().Name(), Path: c.plan.Bundle().Path()}}}, nil
	}
	if !r.looks() {
		if err := m.lockToWrite(ctx, lock.Shared); err != nil {
			return nil, err
		}
	}
	if r.DryRun {
		if err := m.lookBeforeRestore(ctx, restore.ModeMerge); err != nil {
			return nil, err
		}
	}
	whole, err := m.whole(ctx, r)
	if err != nil {
		return nil, interrupted(err, "unwritten")
	}
	if err := m.blocked(); err != nil {
		return nil, err
	}
	return m.join(ctx, r, whole)
}

// whole chooses what a memory is put together from. What it chooses has the hashes that
// it should have; that others don't goes on record, where anything may be written.
func (m *Memory) whole(ctx context.Context, r Restore) (catalog.Whole, error) {
	none, wanted := "no good bundle", catalog.Wanted{Bad: map[string]map[memory.Unit]string{}}
	if r.At != "" {
		at, err := time.Parse(time.RFC3339, r.At)
		if err != nil {
			return catalog.Whole{}, usage(fmt.Errorf("choose a bundle by its time: %w", err))
		}
		none, wanted.NotAfter = "no good bundle from "+r.At+" or before", at
	}
	c, err := m.mine(&wanted)
	if err != nil {
		return catalog.Whole{}, err
	}
	if len(r.Only) > 0 {
		wanted.Selected = func(s memory.Section) bool { return slices.ContainsFunc(r.Only, s.Matches) }
		wanted.Named = func(s memory.Section) bool { return slices.Contains(r.Only, string(s)) }
	}
	whole, err := c.Whole(wanted)
	for proven := map[string]bool{}; err == nil; whole, err = c.Whole(wanted) {
		found, failed := m.prove(ctx, whole, wanted, proven, !r.looks())
		if err = failed; err != nil || !found {
			break
		}
	}
	for _, p := range whole.Passed {
		m.notify("passed over %s: %s", p.Entry.Name, p.Why)
	}
	for _, l := range whole.Lost {
		if len(whole.Parts) == 0 {
			m.notify("%s is good in no bundle: the newest is %s", l.Unit, l.Entry.Name)
		}
	}
	var first string
	if len(whole.Parts) > 0 {
		first = whole.Parts[0].Entry.Name
	}
	return whole, m.unchosen(err, none, first)
}

// prove verifies the hashes of the bundles that are used and were not looked at yet, and
// reports whether it found anything wrong: that is put down, in wanted.
func (m *Memory) prove(ctx context.Context, w catalog.Whole, wanted catalog.Wanted, proven map[string]bool, record bool) (found bool, err error) {
	for _, p := range w.Parts {
		name := p.Entry.Name
		if proven[name] {
			continue
		}
		proven[name] = true
		why, units, err := m.unproven(ctx, p.Entry, record)
		if err != nil {
			return false, err
		}
		switch {
		case why == "":
			continue
		case len(units) == 0:
			wanted.Except[name] = why
		default:
			wanted.Bad[name] = map[memory.Unit]string{}
		}
		for _, unit := range units {
			wanted.Bad[name][unit] = why
		}
		found = true
	}
	return found, nil
}

// join looks into a merge from each of the bundles.
func (m *Memory) join(ctx context.Context, r Restore, w catalog.Whole) (*Joint, error) {
	var bundles []*bundle.Bundle
	var known []memory.Section
	for _, p := range w.Parts {
		b, err := bundle.Open(p.Entry.Path, bundle.Limits{})
		if err != nil {
			return nil, err
		}
		bundles, known = append(bundles, b), append(known, sectionNames(b)...)
	}
	for _, l := range w.Lost {
		known = append(known, memory.Section(l.Unit))
	}
	if err := m.checkSelection(r, known); err != nil {
		return nil, err
	}
	j, group := &Joint{}, ""
	if len(w.Parts) > 1 {
		group = bundle.FormatTimestamp(m.opts.Now())
	}
	for i, p := range w.Parts {
		opts, err := m.restoreOptions(bundles[i], part(r, bundles[i], p, group == ""))
		if err != nil {
			return nil, err
		}
		opts.Parts, opts.Group = true, group
		if i == 0 {
			opts.Noted, opts.Lacks = m.noted(w), lost(w)
		}
		c, err := m.newChange(ctx, &Change{m: m, opts: opts, strict: r.Strict})
		if err != nil {
			return nil, errors.Join(err, j.Close())
		}
		j.Changes, j.From = append(j.Changes, c), append(j.From, from(p))
	}
	return j, nil
}

func from(p catalog.Part) From {
	f := From{Bundle: p.Entry.Name, Path: p.Entry.Path, Time: p.Entry.Time}
	for _, u := range p.Units {
		f.Units = append(f.Units, u.Unit)
	}
	return f
}

// part is what is asked of one bundle: all that was asked for, where it is the only one
// and gives all that it holds, else its units, and those that are empty.
func part(r Restore, b *bundle.Bundle, p catalog.Part, alone bool) Restore {
	held := 0
	for _, u := range p.Entry.Units() {
		if len(u.Sections) > 0 && (len(r.Only) == 0 || len(asked(u, r.Only)) > 0) {
			held++
		}
	}
	if !alone || p.Entry.Fault() != "" || held != len(p.Units)+len(p.Empty) {
		only := r.Only
		r.Only = nil
		for _, u := range slices.Concat(p.Units, p.Empty) {
			r.Only = append(r.Only, selector(u, only, b.Sections())...)
		}
	}
	r.As, r.To = only(r.As, b), only(r.To, b)
	return r
}

// asked are the sections of a unit that were asked for.
func asked(u catalog.UnitState, only []string) (names []string) {
	for _, s := range u.Sections {
		if slices.ContainsFunc(only, s.Name.Matches) {
			names = append(names, string(s.Name))
		}
	}
	return names
}

// selector selects a unit, or what was asked for of it.
func selector(u catalog.UnitState, only []string, sections []memory.SectionSpec) []string {
	if names := asked(u, only); len(only) > 0 && len(names) < len(u.Sections) {
		return names
	}
	return u.Unit.Selector(sections)
}

// only leaves what is said of sections of a bundle.
func only(of map[memory.Section]string, b *bundle.Bundle) map[memory.Section]string {
	out := map[memory.Section]string{}
	for _, s := range sectionNames(b) {
		if text, ok := of[s]; ok {
			out[s] = text
		}
	}
	return out
}

// noted says what is not put back, and the commands that do it.
func (m *Memory) noted(w catalog.Whole) (all []memory.Finding) {
	add := func(level memory.Level, code string, unit memory.Unit, message, bundle, only string) {
		all = append(all, memory.Finding{Level: level, Code: code, Section: memory.Section(unit), Message: message, Hint: m.opts.Hint.Of(code, bundle, only)})
	}
	for _, g := range w.Gone {
		what, only := "it", string(g.Unit)
		switch n := len(g.Files); {
		case n == 1:
			what, only = string(g.Files[0]), string(g.Files[0])
		case n > 1:
			what = quantity.Plural(int64(n), "file")
		}
		add(memory.Note, "gone-since", g.Unit, fmt.Sprintf("%s was gone in %s and is not put back, %s has it", what, g.By, g.Entry.Name), g.Entry.Name, only)
	}
	for _, l := range w.Lost {
		add(memory.Warning, "good-nowhere", l.Unit, fmt.Sprintf("is good in no bundle; in %s it %s", l.Entry.Name, strings.TrimPrefix(l.Why, string(l.Unit)+" ")),
			l.Entry.Name, string(l.Unit))
	}
	return all
}

// lost is what no bundle has good.
func lost(w catalog.Whole) (all []bundle.Lack) {
	for _, l := range w.Lost {
		rows := l.Rows
		if rows == 0 {
			rows = -1
		}
		all = append(all, bundle.Lack{Section: memory.Section(l.Unit), What: bundle.LackSection, Rows: rows, Why: "is good in no bundle"})
	}
	return all
}

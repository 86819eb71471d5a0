package restore

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// Preflight checks every row of the bundle and looks at every target, and
// writes nothing. The plan holds all findings; an error means that the
// preflight itself could not be carried through.
func Preflight(ctx context.Context, opts Options) (*Plan, error) {
	p := &Plan{opts: opts, refusals: map[Ground][]memory.Finding{}, findings: slices.Clone(opts.Noted), lacks: slices.Clone(opts.Lacks)}
	if err := p.verify(ctx); err != nil {
		return nil, err
	}
	if err := p.identify(ctx); err != nil {
		return nil, err
	}
	if len(p.refusals[GroundBundle]) > 0 {
		return p, nil
	}
	p.choose()
	if err := p.survey(ctx); err != nil {
		return nil, err
	}
	p.checkTopology()
	p.checkMemory()
	if opts.Replace != nil {
		if err := p.checkReplace(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// identify gives a replace its id, and the fingerprint of its bundle.
func (p *Plan) identify(ctx context.Context) (err error) {
	r := p.opts.Replace
	if r == nil {
		return nil
	}
	p.id = newPlanID()
	if r.resumed != nil {
		p.id = r.resumed.Plan
	}
	if p.fingerprint, err = p.opts.Bundle.Fingerprint(ctx); err != nil {
		return fmt.Errorf("identify bundle: %w", err)
	}
	if r.resumed != nil && r.resumed.Seal != p.fingerprint {
		p.refuse(GroundBundle, "another-bundle", "", "the bundle is not the one that the plan was begun with", "")
	}
	return nil
}

func (p *Plan) verify(ctx context.Context) error {
	p.opts.Progress.Begin("check", "", -1)
	defer p.opts.Progress.End()
	started := p.opts.Clock()
	var read atomic.Int64
	report, err := p.opts.Bundle.Verify(ctx, bundle.Full, bundle.VerifyOptions{
		AllowEmpty: p.opts.AllowEmpty, IgnoreIndexes: true, Hint: p.opts.Hint,
		Progress: func(_ memory.Section, rows, bytes int64) {
			read.Add(bytes)
			p.opts.Progress.Advance(rows, bytes)
		},
	})
	p.pace = Pace{Bytes: read.Load(), Verifying: p.opts.Clock().Sub(started)}
	if err != nil {
		return fmt.Errorf("verify bundle: %w", err)
	}
	owners := p.opts.Bundle.Owners()
	for _, f := range report.Findings {
		if p.elsewhere(owners.Of(f)) {
			f.Level = memory.Warning
		}
		if f.Level == memory.Refusal {
			p.refusals[GroundBundle] = append(p.refusals[GroundBundle], f)
		} else if !p.ofOthers(f) {
			p.findings = append(p.findings, f)
		}
		if f.Code == bundle.CodeNotRestored && len(p.opts.Only) == 0 {
			p.left = append(p.left, f.File)
			p.untaken++ // nobody knows its records: it is one
		}
	}
	for _, l := range report.Lacks {
		if p.opts.selected(l.Section) {
			p.lacks = append(p.lacks, l)
		}
	}
	p.rows = map[memory.Section]int64{}
	for _, s := range report.Sections {
		p.rows[s.Name] = s.Rows
		if p.opts.selected(s.Name) {
			p.salvaged += s.Salvaged
		}
	}
	return nil
}

// elsewhere reports whether sections that weren't asked for are all that a finding is
// of: it says nothing of those that were.
func (p *Plan) elsewhere(sections []*bundle.SectionMeta) bool {
	asked := func(s *bundle.SectionMeta) bool { return p.opts.selected(s.Name) }
	return p.opts.Parts && len(sections) > 0 && !slices.ContainsFunc(sections, asked)
}

// ofOthers reports whether a finding that refuses nothing says only what is the matter
// with parts that weren't asked for.
func (p *Plan) ofOthers(f memory.Finding) bool {
	if len(p.opts.Only) == 0 || f.Code != bundle.CodeDegraded && f.Section == "" {
		return false
	}
	within := func(selector string) bool { return string(memory.Section(selector).Subsystem()) == string(f.Section) }
	return f.Code == bundle.CodeDegraded || !p.opts.selected(f.Section) && !slices.ContainsFunc(p.opts.Only, within)
}

// choose takes the sections that were asked for and have somewhere to go.
func (p *Plan) choose() {
	for _, spec := range p.opts.Bundle.Sections() {
		if !p.opts.selected(spec.Name) {
			continue
		}
		if spec.Rows < 0 { // no meta says it, but they have been counted
			spec.Rows = p.rows[spec.Name]
		}
		target := p.opts.target(spec.Name)
		if target == nil {
			p.leave(spec)
			continue
		}
		p.sections = append(p.sections, Section{Spec: spec, target: target, filtered: p.opts.Filters[spec.Name] != nil})
	}
	p.checkSelection()
	p.vacate()
}

// vacate adds the sections that were not there, and will be empty.
func (p *Plan) vacate() {
	if p.opts.Replace == nil {
		return
	}
	for _, spec := range p.opts.Replace.Vacate {
		if target := p.opts.target(spec.Name); target != nil {
			spec.Rows = 0
			p.sections = append(p.sections, Section{Spec: spec, target: target, vacate: true})
		}
	}
}

// checkSelection refuses a selector that selects nothing: it may be misspelt,
// and a restore without what was asked for must not end well.
func (p *Plan) checkSelection() {
	hint := p.opts.Hint.Of("nothing-selected", p.opts.Bundle.Name())
	for _, selector := range p.opts.Only {
		held := func(s memory.SectionSpec) bool { return s.Name.Matches(selector) }
		if !slices.ContainsFunc(p.opts.Bundle.Sections(), held) && !p.lacksAny(selector) {
			p.refuse(GroundBundle, "nothing-selected", "", "the bundle holds no "+selector, hint)
		}
	}
	if len(p.sections) == 0 && len(p.refusals[GroundBundle]) == 0 {
		message := "the bundle holds nothing of what was asked for"
		if len(p.lacks) > 0 {
			message += ": it lacks " + bundle.Name(p.lacks)
		}
		p.refuse(GroundBundle, "nothing-selected", "", message, hint)
	}
}

// lacksAny reports whether what a selector means was to be in the bundle.
func (p *Plan) lacksAny(selector string) bool {
	return slices.ContainsFunc(p.lacks, func(l bundle.Lack) bool { return l.Section.Matches(selector) })
}

func (p *Plan) leave(spec memory.SectionSpec) {
	s, what := Section{Spec: spec}, string(spec.Name)
	p.left, p.untaken = append(p.left, what), p.untaken+s.records()
	p.warn("not-restored", "", what+" will not be restored: no target takes it",
		p.opts.Hint.Of("no-target"))
}

func (p *Plan) survey(ctx context.Context) error {
	for i := range p.sections {
		s := &p.sections[i]
		live, err := s.target.Survey(ctx, s.Spec.Name)
		if ctx.Err() != nil {
			return fmt.Errorf("survey targets: %w", context.Cause(ctx))
		}
		if err != nil {
			p.refuseOne(GroundStore, "target-unreachable", s.Spec.Name, err.Error(), p.opts.Hint.Of("target-unreachable"))
			continue
		}
		s.Survey, s.seen = live, true
		if live.Unfinished != "" && live.Unfinished != p.id {
			p.refuse(GroundSwap, "unfinished", s.Spec.Name, fmt.Sprintf("plan %s began to replace %s and has not ended", live.Unfinished, live.Locator),
				p.opts.Hint.Of("unfinished-plan"))
		}
		p.checkKind(*s)
		p.checkShape(*s)
	}
	return nil
}

package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// checkReplace finds out what the replace would do to every target, and all that
// speaks against it.
func (p *Plan) checkReplace(ctx context.Context) error {
	p.checkSealed()
	for i := range p.sections {
		s := &p.sections[i]
		if !s.seen || p.opts.Replace.committed(s.Spec.Name) {
			continue
		}
		if err := p.compare(ctx, s); err != nil {
			return err
		}
		if u := p.opts.Replace.resumed; u == nil || !u.begun {
			p.checkLosses(*s)
		}
	}
	p.checkGuard(ctx)
	p.estimate()
	p.checkRoom()
	return nil
}

func (p *Plan) checkSealed() {
	if p.opts.Bundle.Sealed() || p.opts.Replace.AllowUnsealed {
		return
	}
	p.refuse(GroundBundle, "unsealed", "", "the bundle was not sealed by keepsake: nothing proves that it is whole, or still what it was",
		p.opts.Hint.Of("unsealed"))
}

// compare asks the target what would become of its rows.
func (p *Plan) compare(ctx context.Context, s *Section) error {
	target, err := s.replacer()
	if err != nil {
		p.refuse(GroundStore, "not-replaceable", s.Spec.Name, err.Error(), "")
		return nil
	}
	p.opts.Progress.Begin("compare", s.Spec.Name, s.Spec.Rows)
	defer p.opts.Progress.End()
	s.unfit = map[[sha256.Size]byte]bool{}
	records := s.tally.of(s.Spec.Kind, store.MeteredSection(s.Spec, p.records(ctx, *s), p.opts.Progress))
	started := p.opts.Clock()
	defer func() { s.comparing = p.opts.Clock().Sub(started) }()
	s.Difference, err = target.Compare(ctx, s.Spec, records, store.CompareOptions{Report: func(e store.Event) error {
		switch {
		case e.Outcome != store.Rejected:
		case s.Spec.Kind == memory.Opaque: // nothing of a file can be left out
			p.refuse(GroundStore, "not-taken", s.Spec.Name, fmt.Sprintf("%s will not take the file: %s", s.Survey.Locator, e.Reason), "")
		case e.Record != nil:
			s.unfit[sha256.Sum256(e.Record)] = true
		}
		return nil
	}})
	switch {
	case err == nil:
		p.salvaged += s.Difference.Rejected
	case ctx.Err() != nil:
		return fmt.Errorf("compare %s: %w", s.Spec.Name, context.Cause(ctx))
	case errors.Is(err, store.ErrUnreachable), errors.Is(err, store.ErrUnreadable):
		p.refuse(GroundStore, "target-unreadable", s.Spec.Name, err.Error(), "what can't be counted can't be replaced: merge, or rescue it first")
		s.seen = false
	default:
		return fmt.Errorf("compare %s: %w", s.Spec.Name, err)
	}
	return nil
}

// checkLosses refuses what the operator has not said that they want.
func (p *Plan) checkLosses(s Section) {
	d, r := s.Difference, p.opts.Replace
	if d.Live > 0 && !r.Force {
		p.refuse(GroundNotEmpty, "not-empty", s.Spec.Name, fmt.Sprintf("%s holds %d rows", s.Survey.Locator, d.Live),
			p.opts.Hint.Of("not-empty"))
	}
	if r.AcceptShrink {
		return
	}
	hint := p.opts.Hint.Of("shrink")
	will := d.Same + d.Changed + d.New
	switch {
	case will*10 < d.Live*9:
		p.refuse(GroundShrink, "shrink", s.Spec.Name, fmt.Sprintf("it would have %d rows, and has %d", will, d.Live), hint)
	case p.degraded(s) && d.Live > 0:
		p.refuse(GroundShrink, "degraded", s.Spec.Name, "the bundle does not hold it whole", hint)
	}
}

// degraded reports whether the bundle says that a section isn't whole.
func (p *Plan) degraded(s Section) bool {
	if s.Difference.Rejected > 0 {
		return true
	}
	meta := p.opts.Bundle.Meta()
	if meta == nil || meta.Keepsake == nil {
		return false
	}
	for _, m := range meta.Keepsake.Sections {
		if m.Name == s.Spec.Name {
			return m.Failed != "" || !m.Capture.Complete() || m.Lineage.Suspect
		}
	}
	return false
}

// checkGuard says of each target what it is, and beforehand whether the guard
// will let it be replaced.
func (p *Plan) checkGuard(ctx context.Context) {
	r := p.opts.Replace
	for i := range p.sections {
		s := &p.sections[i]
		if !s.seen || r.committed(s.Spec.Name) {
			continue
		}
		s.Class, s.Why = r.Rules.Classify(s.Survey.Target)
		if r.NoSafety && s.Class != guard.Disposable {
			p.refuse(GroundGuard, "safety-bundle", s.Spec.Name, fmt.Sprintf("%s is no disposable target (%s): it is not replaced without a safety bundle", s.Survey.Locator, s.Why),
				p.opts.Hint.Of("safety-bundle"))
		}
		if r.PlanOnly && s.Class != guard.Unknown {
			continue
		}
		if err := r.Rules.Foresee(ctx, p.request(*s)); err != nil {
			var refused *guard.RefusedError
			hint := ""
			if errors.As(err, &refused) {
				hint = refused.Hint
			}
			p.refuse(GroundGuard, "guard", s.Spec.Name, err.Error(), hint)
		}
	}
}

// records are what a section will hold: those of the bundle, filtered, without
// those that the target will not take.
func (p *Plan) records(ctx context.Context, s Section) iter.Seq2[memory.Record, error] {
	if s.vacate {
		return func(func(memory.Record, error) bool) {}
	}
	records := p.opts.Bundle.Records(ctx, s.Spec.Name)
	if filter := p.opts.Filters[s.Spec.Name]; filter != nil {
		records = filter(records)
	}
	if len(s.unfit) == 0 {
		return records
	}
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range records {
			if err == nil && s.unfit[sha256.Sum256(rec)] {
				continue
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

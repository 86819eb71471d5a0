package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// safetyTries is how often the safety bundle is made anew because an agent wrote
// meanwhile, where the old section is not kept aside.
const safetyTries = 3

// save makes the safety bundle, or takes up that of the plan that is gone on
// with.
func (r *replaceRun) save(ctx context.Context) error {
	if u := r.opts.Replace.resumed; u != nil && u.safety != "" {
		b, err := bundle.Open(u.safety, bundle.Limits{})
		if err != nil {
			return fmt.Errorf("open safety bundle: %w", err)
		}
		r.safety, r.receipt.Safety = b, b.Path()
		return nil
	}
	return r.saveAnew(ctx)
}

// saveAnew bundles what lives now in the sections that are still to be replaced,
// with what an earlier safety bundle holds of those that are, and verifies every
// row of that bundle.
func (r *replaceRun) saveAnew(ctx context.Context) error {
	var live []memory.Section
	for _, p := range r.parts {
		if p.Survey.Exists && !p.done {
			live = append(live, p.Spec.Name)
		}
	}
	opts := r.opts.Replace
	if len(live) == 0 || opts.NoSafety {
		return nil
	}
	b, err := opts.Safety(ctx, Saving{Live: live, Before: r.safety, Degraded: opts.AcceptDegradedSafety && r.anyKept()})
	if err != nil {
		return fmt.Errorf("make safety bundle: %w", err)
	}
	r.opts.Progress.Begin("check safety bundle", "", -1)
	defer r.opts.Progress.End()
	report, err := b.Verify(ctx, bundle.Full, bundle.VerifyOptions{
		Progress: func(_ memory.Section, rows, bytes int64) { r.opts.Progress.Advance(rows, bytes) },
	})
	if err != nil {
		return fmt.Errorf("verify safety bundle: %w", err)
	}
	if report.Refused() {
		return fmt.Errorf("verify safety bundle %s: %w", b.Name(), &RefusedError{Ground: GroundBundle, Findings: report.Findings})
	}
	if err := r.checkSafety(b); err != nil {
		return fmt.Errorf("check safety bundle %s: %w", b.Name(), err)
	}
	r.safety, r.receipt.Safety = b, b.Path()
	return r.steps.note(step{Step: stepSafety, Bundle: b.Path()})
}

// checkSafety wants the safety bundle to hold each section whole, unless that is
// kept aside and less was accepted.
func (r *replaceRun) checkSafety(b *bundle.Bundle) error {
	for _, p := range r.parts {
		spared := r.opts.Replace.AcceptDegradedSafety && r.keptAside(p)
		if p.done || !p.Survey.Exists || spared || holdsWhole(b, p.Spec.Name) {
			continue
		}
		return fmt.Errorf("%w: it does not hold %s whole", store.ErrUnreadable, p.Spec.Name)
	}
	return nil
}

// holdsWhole reports whether a bundle of ours holds all of a section as it was.
func holdsWhole(b *bundle.Bundle, section memory.Section) bool {
	meta := b.Meta()
	return meta != nil && meta.Keepsake != nil && slices.ContainsFunc(meta.Keepsake.Sections, func(m bundle.SectionMeta) bool {
		return m.Name == section && m.Failed == "" && m.Capture.Complete()
	})
}

// anyKept reports whether an old section is kept aside whole: only that one may be
// without a whole copy in the safety bundle.
func (r *replaceRun) anyKept() bool { return slices.ContainsFunc(r.parts, r.keptAside) }

func (r *replaceRun) keptAside(p *part) bool { return p.keeper() != nil && !r.opts.Replace.InPlace }

// tryCommit commits, with a new safety bundle when an agent wrote meanwhile.
func (r *replaceRun) tryCommit(ctx context.Context, p *part) (store.Committed, error) {
	for try := 1; ; try++ {
		done, err := p.staged.Commit(ctx, p.permit, r.safetyOf(ctx, p))
		if !errors.Is(err, store.ErrMoved) || try == safetyTries {
			return done, err
		}
		again := r.saveAnew
		if p.half != nil {
			again = func(ctx context.Context) error { return r.saveHalfWay(ctx, p) }
		}
		if err := again(ctx); err != nil {
			return store.Committed{}, errors.Join(store.ErrMoved, err)
		}
	}
}

// wasCommitting reports whether an earlier run of the plan may have changed the
// section.
func (r *replaceRun) wasCommitting(p *part) bool {
	u := r.opts.Replace.resumed
	return u != nil && u.committing[p.Spec.Name]
}

// saveHalfWay makes a bundle of a section that was changed in place when an earlier
// run ended. It is neither what the safety bundle holds nor the new one, and
// agents may have written to it since: nothing of that is deleted without a copy.
func (r *replaceRun) saveHalfWay(ctx context.Context, p *part) error {
	if !r.opts.Replace.InPlace || !r.wasCommitting(p) || !p.Survey.Exists || r.opts.Replace.NoSafety {
		return nil
	}
	b, err := r.opts.Replace.Safety(ctx, Saving{Live: []memory.Section{p.Spec.Name}})
	if err != nil {
		return fmt.Errorf("make safety bundle of what was half replaced: %w", err)
	}
	p.half = b
	r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
		Level: memory.Note, Code: "half-way", Section: p.Spec.Name,
		Message: "what the run that was cut short had left is in " + b.Name(),
	})
	return nil
}

// safetyOf is what the safety bundle holds of a section; nil when it holds
// nothing of it.
func (r *replaceRun) safetyOf(ctx context.Context, p *part) iter.Seq2[memory.Record, error] {
	from := r.safety
	if p.half != nil {
		from = p.half
	}
	if from == nil || !p.Survey.Exists {
		return nil
	}
	held := func(s memory.SectionSpec) bool { return s.Name == p.Spec.Name }
	if !slices.ContainsFunc(from.Sections(), held) {
		return nil
	}
	return from.Records(ctx, p.Spec.Name)
}

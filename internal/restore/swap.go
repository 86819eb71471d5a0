package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// replaceRun is a replace under way. It goes through all sections with each
// step: leave, safety bundle, staged, checked, committed. Before the first commit
// nothing that lives has changed.
type replaceRun struct {
	*Plan
	steps   *steps
	receipt *Receipt
	parts   []*part
	safety  *bundle.Bundle
}

// part is one section on its way.
type part struct {
	Section
	out    *SectionReceipt
	permit guard.Permit
	staged store.Staged
	half   *bundle.Bundle // of what an earlier run left half replaced
	back   bool           // staged is what was kept aside
	done   bool
}

// committed is what is written down of a section that was committed.
type committed struct {
	store.Committed
	Difference store.Difference `json:"difference"`
	Existed    bool             `json:"existed"`
	// Rejected are the rows that the target did not take, as was accepted.
	Rejected int64 `json:"rejected,omitempty"`
	// Back says that it is what was kept aside, whatever the bundle lacks of it.
	Back bool `json:"back,omitempty"`
}

func (p *Plan) replace(ctx context.Context, j *journal, r *Receipt) error {
	log, err := openSteps(j.dir, p.opts.Clock)
	if err != nil {
		return err
	}
	defer log.close()
	run := &replaceRun{Plan: p, steps: log, receipt: r}
	for i, s := range p.sections {
		out := &r.Sections[i]
		out.Replaced = &Replaced{Difference: s.Difference, Existed: s.Survey.Exists}
		if done := p.done(s.Spec.Name); done != nil {
			out.committed(*done, s, p.lacksOf(s.Spec.Name))
			continue
		}
		run.parts = append(run.parts, &part{Section: s, out: out})
	}
	defer run.close()
	return run.all(ctx, j)
}

// done returns what an earlier run of the plan made of a section.
func (p *Plan) done(s memory.Section) *committed {
	if p.opts.Replace.resumed == nil {
		return nil
	}
	return p.opts.Replace.resumed.committed[s]
}

func (r *replaceRun) all(ctx context.Context, j *journal) error {
	for _, do := range []func(context.Context) error{r.permit, r.save, r.stage} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	if err := r.keepUnfit(ctx, j); err != nil {
		return err
	}
	if err := r.commit(ctx); err != nil {
		return err
	}
	return r.opts.Replace.Rules.Finish(r.id)
}

// over notes that the plan has ended, once its receipt is on disk: it is what an
// undo begins with.
func (p *Plan) over(dir string) error {
	log, err := openSteps(dir, p.opts.Clock)
	if err != nil {
		return err
	}
	defer log.close()
	return log.note(step{Step: stepFinished})
}

func (r *replaceRun) close() {
	for _, p := range r.parts {
		if p.staged != nil {
			_ = p.staged.Close() // what is left is found again by the same plan
		}
	}
}

// permit asks the guard for every target. The plan is on disk by now: it is what
// a crash leaves to be finished.
func (r *replaceRun) permit(ctx context.Context) (err error) {
	for i, p := range r.parts {
		p.permit, err = r.opts.Replace.Rules.AssertDestructiveTargetAllowed(ctx, r.request(p.Section))
		switch {
		case err != nil && i == 0 && r.opts.Replace.resumed == nil: // no token was used
			return errors.Join(err, r.steps.note(step{Step: stepAbandoned}))
		case err != nil:
			return err
		}
	}
	return r.steps.note(step{Step: stepBegun})
}

// stage puts every section beside the live one and reads it back.
func (r *replaceRun) stage(ctx context.Context) error {
	for _, p := range r.parts {
		p.out.State = StateFailed // until it is staged
		if err := r.stageOne(ctx, p); err != nil {
			return fmt.Errorf("stage %s: %w", p.Spec.Name, err)
		}
		p.out.State = StatePending
		if err := r.steps.note(step{Step: stepStaged, Section: p.Spec.Name}); err != nil {
			return err
		}
	}
	return nil
}

func (r *replaceRun) stageOne(ctx context.Context, p *part) (err error) {
	target, err := p.replacer()
	if err != nil {
		return err
	}
	opts := store.StageOptions{
		Plan: r.id, Operation: r.opts.Replace.operation(p.Spec.Name), InPlace: r.opts.Replace.InPlace, Now: r.opts.Clock(),
	}
	started := r.opts.Clock()
	if back, err := r.stageBack(ctx, p, opts); back || err != nil {
		p.out.MergeSeconds = r.opts.Clock().Sub(started).Seconds()
		return err
	}
	if p.staged, err = target.Stage(ctx, p.Spec, r.phase(ctx, p, "stage"), opts); err != nil {
		return err
	}
	staged := r.opts.Clock()
	err = p.staged.Check(ctx)
	p.out.MergeSeconds, p.out.ProofSeconds = staged.Sub(started).Seconds(), r.opts.Clock().Sub(staged).Seconds()
	return err
}

// stageBack stages the old section that was kept aside, and reports whether there
// was one, whole. One that is gone or can't be read is made anew of the bundle.
func (r *replaceRun) stageBack(ctx context.Context, p *part, opts store.StageOptions) (bool, error) {
	aside, back := r.opts.Replace.Back[p.Spec.Name]
	if !back || p.keeper() == nil {
		return false, nil
	}
	staged, err := p.keeper().StageBack(ctx, p.Spec, aside, opts)
	if err == nil {
		if err = staged.Check(ctx); err == nil {
			p.staged, p.unfit, p.back = staged, nil, true // with the rows that a bundle could not hold
			return true, nil
		}
		err = errors.Join(err, staged.Close())
	}
	if !errors.Is(err, store.ErrAbsent) && !errors.Is(err, store.ErrStaged) {
		return false, err
	}
	r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
		Level: memory.Warning, Code: "aside-unusable", Section: p.Spec.Name,
		Message: "it comes from the safety bundle, not from what was kept aside: " + err.Error(),
	})
	return false, nil
}

// phase is the section's records; each pass over them is told to the progress:
// the first stages, later ones check.
func (r *replaceRun) phase(ctx context.Context, p *part, name string) iter.Seq2[memory.Record, error] {
	records := r.records(ctx, p.Section)
	return func(yield func(memory.Record, error) bool) {
		r.opts.Progress.Begin(name, p.Spec.Name, p.Spec.Rows)
		defer r.opts.Progress.End()
		name = "check"
		store.MeteredSection(p.Spec, records, r.opts.Progress)(yield)
	}
}

// keepUnfit writes down the records that the targets will not take: the operator
// accepted that, and they are nowhere else but in the bundle.
func (r *replaceRun) keepUnfit(ctx context.Context, j *journal) error {
	for _, p := range r.parts {
		if len(p.unfit) == 0 {
			continue
		}
		if err := r.keepUnfitOf(ctx, p, j); err != nil {
			return fmt.Errorf("write down what can't be restored of %s: %w", p.Spec.Name, err)
		}
	}
	return j.sync()
}

func (r *replaceRun) keepUnfitOf(ctx context.Context, p *part, j *journal) error {
	target, err := p.replacer()
	if err != nil {
		return err
	}
	whole := p.Section
	whole.unfit = nil
	_, err = target.Compare(ctx, p.Spec, r.records(ctx, whole), store.CompareOptions{Report: func(e store.Event) error {
		if e.Outcome != store.Rejected {
			return nil
		}
		p.out.Rejected++
		if u := r.opts.Replace.resumed; u != nil && u.named { // an earlier run has
			p.out.sample(e)
			return nil
		}
		return j.event(p.out, e)
	}})
	return err
}

// commit puts every section in its place. Those that are not kept aside come
// first: they can still refuse, when an agent wrote meanwhile.
func (r *replaceRun) commit(ctx context.Context) error {
	order := slices.Clone(r.parts)
	slices.SortStableFunc(order, func(a, b *part) int { return rankKept(r.keptAside(a)) - rankKept(r.keptAside(b)) })
	for _, p := range order {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := r.commitOne(ctx, p); err != nil {
			p.out.State = StateFailed
			return fmt.Errorf("replace %s: %w", p.Spec.Name, err)
		}
	}
	return nil
}

func rankKept(kept bool) int {
	if kept {
		return 1
	}
	return 0
}

func (r *replaceRun) commitOne(ctx context.Context, p *part) error {
	if err := r.steps.note(step{Step: stepCommitting, Section: p.Spec.Name}); err != nil {
		return err
	}
	if r.keptAside(p) {
		ctx = context.WithoutCancel(ctx) // a few requests, and a window between them
	}
	if err := r.saveHalfWay(ctx, p); err != nil {
		return err
	}
	live, err := r.tryCommit(ctx, p)
	untouched := errors.Is(err, store.ErrMoved) || errors.Is(err, guard.ErrNotPermitted) || errors.Is(err, guard.ErrTargetMoved)
	if untouched && !r.wasCommitting(p) {
		return errors.Join(err, r.steps.note(step{Step: stepKept, Section: p.Spec.Name}))
	}
	if err != nil {
		return err
	}
	p.done = true
	r.receipt.Findings = append(r.receipt.Findings, live.Findings...)
	done := committed{live, p.Difference, p.Survey.Exists, p.out.Rejected, p.back}
	p.out.committed(done, p.Section, r.lacksOf(p.Spec.Name))
	return r.steps.note(step{Step: stepCommitted, Section: p.Spec.Name, Done: &done})
}

// committed notes what a commit did. What was staged was read back and counted, so that
// all is in but what the target didn't take.
func (s *SectionReceipt) committed(done committed, of Section, lacks []bundle.Lack) {
	s.State, s.Rejected = StateDone, done.Rejected
	s.Records, s.Added, s.Same = of.Spec.Rows, done.Difference.New, done.Rows
	s.Before, s.After, s.Created = done.Difference.Live, done.Rows, !done.Existed
	s.Proof = store.ProofFull
	s.Replaced = &Replaced{Difference: done.Difference, Existed: done.Existed, Aside: done.Aside}
	a := done.account(of, lacks)
	if s.Account = &a; !a.Complete() {
		s.State = StateIncomplete
	}
}

// account says what became of the section's records.
func (done committed) account(of Section, lacks []bundle.Lack) Account {
	if done.Back {
		lacks = nil
	}
	d, n := done.Difference, of.records()
	if of.filtered {
		n = d.New + d.Same + d.Changed + d.Rejected
	}
	var vectorless int64 // none is ever taken
	for _, l := range lacks {
		if l.What == bundle.LackVectors {
			vectorless = min(l.Rows, done.Rejected)
		}
	}
	in := n - done.Rejected
	same := min(d.Same, in)
	return lacking(lacks).plus(Account{
		Asked: n, Added: in - same, Same: same, Rejected: done.Rejected - vectorless, NotInBundle: vectorless,
	})
}

package restore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// TakebackOptions say which merge to take back. There is no safety bundle: a row
// is removed only while it is exactly what the merge put in, and that is in the
// merge's bundle, which is verified first.
type TakebackOptions struct {
	Receipt *Receipt
	// Bundle is the one that was merged.
	Bundle  *bundle.Bundle
	Targets []Target
	Rules   guard.Rules
	Token   guard.Token
	// PlanOnly: as of Replace.
	PlanOnly bool
	// ConfirmedOnly leaves the rows that may be in: they were about to be sent when
	// the merge ended, and the target never said that it has them.
	ConfirmedOnly bool
	Progress      store.Progress
	Clock         func() time.Time
}

// Takeback is the plan of taking a merge back.
type Takeback struct {
	opts TakebackOptions
	plan *Plan
	puts puts
}

// PreflightTakeback verifies the bundle, looks at every target, and writes
// nothing. ErrNothingToUndo when the merge put nothing in that could be taken back.
func PreflightTakeback(ctx context.Context, opts TakebackOptions) (*Takeback, error) {
	put, err := takenBack(opts.Receipt, opts.ConfirmedOnly)
	if err != nil {
		return nil, err
	}
	t := &Takeback{opts: opts, puts: put}
	o := Options{
		Bundle: opts.Bundle, Targets: opts.Targets, Progress: opts.Progress, Clock: opts.Clock, AllowEmpty: true, Parts: true,
		Replace: &Replace{Operation: guard.Undo, Rules: opts.Rules, Token: opts.Token, PlanOnly: opts.PlanOnly, AllowUnsealed: true},
	}
	for section := range put {
		o.Only = append(o.Only, string(section))
	}
	t.plan = &Plan{opts: o, refusals: map[Ground][]memory.Finding{}, merged: opts.Receipt}
	return t, t.look(ctx)
}

func (t *Takeback) look(ctx context.Context) error {
	p := t.plan
	if err := p.verify(ctx); err != nil {
		return err
	}
	if err := p.identify(ctx); err != nil {
		return err
	}
	if seal := t.opts.Receipt.Seal; seal != "" && seal != p.fingerprint {
		p.refuse(GroundBundle, "another-bundle", "", "it is not the bundle that was merged", "")
	}
	if len(p.refusals[GroundBundle]) > 0 {
		return nil
	}
	p.choose()
	if err := p.survey(ctx); err != nil {
		return err
	}
	for i := range p.sections {
		s := &p.sections[i]
		s.Difference.Lost, s.Maybe = t.lost(*s)
		s.Difference.Live = s.Survey.Rows
	}
	p.checkGuard(ctx)
	return nil
}

// lost counts the rows of a section that go, and those of them that may be in.
func (t *Takeback) lost(s Section) (rows, maybe int64) {
	put := t.puts[s.Spec.Name]
	if s.Spec.Kind != memory.Opaque {
		maybe = put.maybe.rows()
		return put.added.rows() + maybe, maybe
	}
	digest, ok := fileDigest(t.opts.Bundle, s.Spec.Name)
	if !ok || put.added[digest]+put.maybe[digest] == 0 {
		t.plan.refuse(GroundBundle, "another-bundle", s.Spec.Name, "the file that was put in is not the one that the bundle holds", "")
	}
	if put.added[digest] == 0 {
		maybe = max(s.Spec.Rows, 1)
	}
	return s.Spec.Rows, maybe
}

// Plan returns what will be done: Lost of each section are the rows that go,
// unless they have changed.
func (t *Takeback) Plan() *Plan { return t.plan }

// Run takes the rows out. dir is as of Run.
func (t *Takeback) Run(ctx context.Context, dir string) (*Receipt, error) {
	if err := t.plan.Refusal(); err != nil {
		return nil, err
	}
	j, err := openJournal(dir, t.plan)
	if err != nil {
		return nil, err
	}
	defer j.close()
	r := newReceipt(t.plan, dir)
	r.Mode, r.Undoes = ModeMerge, filepath.Base(t.opts.Receipt.Dir)
	err = t.removeAll(ctx, j, r)
	if err == nil {
		err = t.opts.Rules.Finish(t.plan.id)
	}
	r.finish(t.opts.Clock(), err)
	return r, errors.Join(err, j.seal(r))
}

func (t *Takeback) removeAll(ctx context.Context, j *journal, r *Receipt) error {
	// A row that something refers to goes after what refers to it.
	for i := len(t.plan.sections) - 1; i >= 0; i-- {
		s, out := t.plan.sections[i], &r.Sections[i]
		out.State = StateFailed
		if err := t.remove(ctx, s, out, j); err != nil {
			return fmt.Errorf("take %s back: %w", s.Spec.Name, err)
		}
		out.State = StateDone
	}
	return j.sync()
}

func (t *Takeback) remove(ctx context.Context, s Section, out *SectionReceipt, j *journal) error {
	target, err := s.replacer()
	if err != nil {
		return err
	}
	permit, err := t.opts.Rules.AssertDestructiveTargetAllowed(ctx, t.plan.request(s))
	if err != nil {
		return err
	}
	t.opts.Progress.Begin("take back", s.Spec.Name, s.Difference.Lost)
	defer t.opts.Progress.End()
	put := t.puts[s.Spec.Name]
	byIntent := newDoubts(put, s)
	done, err := target.Remove(ctx, s.Spec, t.records(ctx, s, put.all()), permit, store.RemoveOptions{
		Operation: guard.Undo, Leave: put.leave,
		Report: func(e store.Event) error {
			if byIntent.takes(e) && e.Outcome == store.Removed {
				return nil // it never came, as a rule
			}
			return j.event(out, e)
		},
	})
	out.Before, out.After = s.Survey.Rows, done.Rows
	if err == nil { // else nobody can say which of them are out
		out.ByIntent = byIntent.part(&done)
	}
	out.TakenBack = &done
	return err
}

// records are some of those of a section; of an opaque one, of which all was put in
// or nothing, all.
func (t *Takeback) records(ctx context.Context, s Section, some count) iter.Seq2[memory.Record, error] {
	records := t.opts.Bundle.Records(ctx, s.Spec.Name)
	if s.Spec.Kind != memory.Opaque {
		records = only(records, s.Spec.Kind, some)
	}
	return store.MeteredSection(s.Spec, records, t.opts.Progress)
}

// fileDigest is the digest of an opaque section: the SHA-256 of its file, which the
// bundle was sealed with.
func fileDigest(b *bundle.Bundle, section memory.Section) (record.Digest, bool) {
	meta := b.Meta()
	if meta == nil || meta.Keepsake == nil {
		return record.Digest{}, false
	}
	for _, f := range meta.Keepsake.Files {
		if f.Kind == bundle.OpaqueFile && f.Path == bundle.PayloadPath(section, memory.Opaque, "", bundle.Plain) {
			sum, err := hex.DecodeString(f.SHA256)
			return record.Digest(sum), err == nil
		}
	}
	return record.Digest{}, false
}

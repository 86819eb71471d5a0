package restore

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/store"
)

// Run carries the plan out: each section is merged and then proved by reading
// back, or all are staged, checked and then put in the place of the live ones. dir is where the plan is written before the first row, and the receipt
// after the last; it is made. The receipt is returned, and written, also when
// the run ends early: it says what is in. A row that is not in is no error
// but an incomplete receipt.
func Run(ctx context.Context, p *Plan, dir string) (*Receipt, error) {
	if err := p.Refusal(); err != nil {
		return nil, err
	}
	j, err := openJournal(dir, p)
	if err != nil {
		return nil, err
	}
	defer j.close()
	r := newReceipt(p, dir)
	if p.opts.Replace != nil {
		err = p.replace(ctx, j, r)
	} else {
		err = p.merge(ctx, j, r)
	}
	r.reckon(p)
	r.finish(p.opts.Clock(), err)
	r.say(p)
	if werr := j.seal(r); werr != nil {
		return r, errors.Join(err, werr)
	}
	if err == nil && p.opts.Replace != nil {
		err = p.over(dir)
	}
	return r, err
}

func (p *Plan) merge(ctx context.Context, j *journal, r *Receipt) error {
	for i, s := range p.sections {
		out := &r.Sections[i]
		passes := p.opts.passes(ctx, s)
		m := &merging{section: s}
		result, err := s.target.Merge(ctx, s.Spec, passes.all, store.MergeOptions{
			Proof: p.opts.Proof,
			Report: func(e store.Event) error {
				m.heard(e)
				return j.event(out, e)
			},
			Intend: func(rows []store.Intended) error { return j.intend(out, rows) },
		})
		account := m.account(result, err, p.lacksOf(s.Spec.Name))
		out.Result, out.Account = result, &account
		out.State = state(account, err)
		out.MergeSeconds, out.ProofSeconds = passes.seconds(p.opts.Clock())
		if err := j.ended(out, err); err != nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("restore %s: %w", s.Spec.Name, err)
		}
	}
	return nil
}

func state(a Account, err error) State {
	switch {
	case err != nil:
		return StateFailed
	case !a.Complete():
		return StateIncomplete
	}
	return StateDone
}

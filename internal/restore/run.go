package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"keepsake/internal/bundle"
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

// merge merges one section after the other. One that can't be done keeps none of the
// others back: its error is in its receipt. What is an error of the run is that nobody
// waits for it any more, that it can't be written down, or that nothing at all could be
// done.
func (p *Plan) merge(ctx context.Context, j *journal, r *Receipt) error {
	var failed []error
	for i, s := range p.sections {
		out := &r.Sections[i]
		if why := p.apart[s.Spec.Name]; len(why) > 0 {
			out.refused(s, why, p.lacksOf(s.Spec.Name))
			continue
		}
		err := p.mergeOne(ctx, j, &p.sections[i], out)
		if err := j.ended(out, err); err != nil {
			return err
		}
		switch {
		case err == nil:
		case ctx.Err() != nil, isOurs(err):
			return err
		default:
			failed = append(failed, err)
		}
	}
	if r.nothingDone() && ofOneSort(failed) {
		return errors.Join(failed...)
	}
	return nil
}

func (p *Plan) mergeOne(ctx context.Context, j *journal, s *Section, out *SectionReceipt) error {
	if err := p.opts.Bundle.Recheck(ctx, s.Spec.Name); err != nil {
		out.Account = p.pending(*s)
		return out.failed(err)
	}
	passes := p.opts.passes(ctx, *s)
	m := &merging{section: *s}
	result, err := p.mergeInto(ctx, s, passes.all, store.MergeOptions{
		Proof: p.opts.Proof,
		Report: func(e store.Event) error {
			m.heard(e)
			return ours(j.event(out, e))
		},
		Intend: func(rows []store.Intended) error { return ours(j.intend(out, rows)) },
	})
	account := m.account(result, err, p.lacksOf(s.Spec.Name))
	out.Result, out.Account = result, &account
	out.State = state(account, err)
	out.MergeSeconds, out.ProofSeconds = passes.seconds(p.opts.Clock())
	if err == nil {
		return nil
	}
	return out.failed(err)
}

// failed notes why a section could not be done, or not to its end.
func (s *SectionReceipt) failed(err error) error {
	s.State, s.Error = StateFailed, err.Error()
	s.err = fmt.Errorf("restore %s: %w", s.Section, err)
	return s.err
}

// Failed joins the errors of the sections that could not be done, nil when there are
// none.
func (r *Receipt) Failed() error {
	var all []error
	for _, s := range r.Sections {
		all = append(all, s.err)
	}
	return errors.Join(all...)
}

// refused notes a section that something speaks against.
func (s *SectionReceipt) refused(of Section, why []refusal, lacks []bundle.Lack) {
	n := of.records()
	a := lacking(lacks).plus(Account{Asked: n, NoTarget: n})
	s.State, s.Account = StateRefused, &a
	refused := &RefusedError{Ground: why[0].ground}
	for _, r := range why {
		s.Error = strings.TrimPrefix(s.Error+"; "+r.Message, "; ")
		refused.Findings = append(refused.Findings, r.Finding)
	}
	s.err = refused
}

// nothingDone reports whether no section holds anything that the run put in or found.
func (r *Receipt) nothingDone() bool {
	return !slices.ContainsFunc(r.Sections, func(s SectionReceipt) bool {
		return s.State != StateFailed && s.State != StateRefused || s.Account.In()+s.Maybe > 0
	})
}

// ofOneSort reports whether all errors are of one sort that a caller can act on: a
// store, a bundle that changed.
func ofOneSort(errs []error) bool {
	for _, sort := range []error{store.ErrUnreachable, store.ErrUnreadable, store.ErrAbsent, store.ErrUnfinished, bundle.ErrChanged, syscall.ENOSPC} {
		is := func(err error) bool { return errors.Is(err, sort) }
		if slices.ContainsFunc(errs, is) {
			return !slices.ContainsFunc(errs, func(err error) bool { return !is(err) })
		}
	}
	return len(errs) > 0
}

// ownError is an error of what the run writes down of itself: then it may not go on.
type ownError struct{ error }

func (o ownError) Unwrap() error { return o.error }

func ours(err error) error {
	if err == nil {
		return nil
	}
	return ownError{err}
}

func isOurs(err error) bool {
	var own ownError
	return errors.As(err, &own)
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

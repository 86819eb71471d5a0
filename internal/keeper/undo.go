package keeper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// Undo is what an undo is asked for.
type Undo struct {
	// Name is the folder of a restore, its name, or "" for the last.
	Name string
	// PlanOnly looks and changes nothing.
	PlanOnly bool
	// ConfirmedOnly leaves the rows of a merge that may be in.
	ConfirmedOnly bool
	Consent
}

// Undo looks into taking a restore back. The caller closes the change.
func (m *Memory) Undo(ctx context.Context, u Undo) (*Change, error) {
	if !u.PlanOnly {
		if err := m.lockToWrite(ctx, lock.Exclusive); err != nil {
			return nil, err
		}
	}
	if err := m.blockedBut(func(r Request) bool { return r.Undoes != "" }); err != nil {
		return nil, err // also where the receipt that is looked for is that of the unfinished one
	}
	r, err := m.receipt(u.Name)
	if err != nil {
		return nil, err
	}
	if r.Mode == restore.ModeReplace {
		if u.ConfirmedOnly {
			return nil, fail(Usage, "confirmed-only", fmt.Errorf("%s is a replace", filepath.Base(r.Dir)))
		}
		return m.undoReplace(ctx, r.Dir, u)
	}
	if r.Undo {
		return nil, fail(Failed, "undone-merge", fmt.Errorf("%s took rows of a merge out: there is nothing to undo in it", filepath.Base(r.Dir)), r.Bundle)
	}
	return m.undoMerge(ctx, r, u)
}

// receipt finds the restore that a person named: a folder, its name, or nothing
// for the last.
func (m *Memory) receipt(name string) (r *restore.Receipt, err error) {
	switch {
	case name == "":
		r, err = restore.LatestReceipt(m.restores())
	case strings.ContainsAny(name, `/\`):
		name = m.absolute(name)
		if filepath.Base(name) == "receipt.json" {
			name = filepath.Dir(name)
		}
		r, err = restore.Retrace(name)
	default:
		r, err = restore.Retrace(filepath.Join(m.restores(), name))
	}
	if errors.Is(err, restore.ErrNothingToUndo) {
		return nil, fail(NotFound, "no-receipt", err, m.restores())
	}
	return r, err
}

// undoReplace looks into putting back what the replace of a receipt replaced: a
// replace by the safety bundle, at the places that the restore wrote to.
func (m *Memory) undoReplace(ctx context.Context, dir string, u Undo) (*Change, error) {
	receipt, err := restore.LoadReceipt(dir)
	if err != nil {
		return nil, err
	}
	if receipt.Safety == "" {
		return nil, fail(NotFound, "", errors.New("nothing was there before that replace, so there is nothing to put back"))
	}
	safety, err := bundle.Open(receipt.Safety, bundle.Limits{})
	if err != nil {
		return nil, fail(NotFound, "no-safety-bundle", fmt.Errorf("open safety bundle: %w", err))
	}
	first, err := firstRequest(receipt.Dir)
	if err != nil {
		return nil, err
	}
	opts, done, err := m.replaceOptions(safety, Restore{
		Request: Request{
			As: first.As, To: first.To, InPlace: first.InPlace, Force: true, AcceptShrink: true, ForceTopology: true,
			ForceMemory: true, AllowEmpty: true, DegradedSafety: true,
		},
		Mode: restore.ModeReplace, Proof: store.ProofFull, PlanOnly: u.PlanOnly, Consent: u.Consent,
	})
	if err != nil {
		return nil, err
	}
	opts.Replace.Operation = guard.Undo
	opts.Replace.Undoes = filepath.Base(receipt.Dir)
	opts.Replace.Back, opts.Replace.Vacate = receipt.Back(m.kinds())
	opts.Request = Request{Bundle: safety.Path(), Undoes: opts.Replace.Undoes}.encode()
	c, err := m.newChange(ctx, &Change{m: m, opts: opts, done: done, consent: u.Consent, looks: u.PlanOnly})
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return c, nil
}

// firstRequest reads what a replace was asked for. An undo went to the places of
// what it took back, which may have been an undo itself.
func firstRequest(dir string) (Request, error) {
	seen := map[string]bool{}
	for {
		req, err := requestOf(dir)
		if err != nil || req.Undoes == "" {
			return req, err
		}
		if dir = filepath.Join(filepath.Dir(dir), req.Undoes); seen[dir] {
			return Request{}, fmt.Errorf("read what was asked for: %s is the undo of itself", req.Undoes)
		}
		seen[dir] = true
	}
}

// undoMerge looks into taking out the rows that a merge added, from where it put
// them: that may have been named.
func (m *Memory) undoMerge(ctx context.Context, r *restore.Receipt, u Undo) (*Change, error) {
	if err := m.blocked(); err != nil {
		return nil, err
	}
	if r.CutShort {
		if u.PlanOnly { // it may be at work
			if err := m.lookAtLock(ctx, filepath.Join(m.ownDir(), targetLock), lock.Exclusive); err != nil {
				return nil, err
			}
		}
		m.notify("%s", cutShort(r))
	}
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		return nil, fail(NotFound, "no-merged-bundle", fmt.Errorf("open the bundle that was merged: %w", err), r.Path)
	}
	token, err := parseToken(u.Token)
	if err != nil {
		return nil, err
	}
	req, err := requestOf(r.Dir)
	if err != nil {
		return nil, err
	}
	targets, err := m.targets(b, req.As, req.To)
	if err != nil {
		return nil, err
	}
	rules, done, err := m.guarded(u.PlanOnly)
	if err != nil {
		return nil, err
	}
	t, err := restore.PreflightTakeback(ctx, restore.TakebackOptions{
		Receipt: r, Bundle: b, Targets: targets, Rules: rules, Token: token, PlanOnly: u.PlanOnly, ConfirmedOnly: u.ConfirmedOnly, Progress: m.progress(), Clock: m.opts.Now,
	})
	if errors.Is(err, restore.ErrNothingToUndo) {
		err = fail(NotFound, "no-receipt", err, m.restores())
	}
	if err != nil {
		return nil, errors.Join(interrupted(err, "unwritten"), done())
	}
	return &Change{m: m, plan: t.Plan(), takes: t, companions: r.Companions(), rules: rules, done: done, dir: m.restoreDir(b)}, nil
}

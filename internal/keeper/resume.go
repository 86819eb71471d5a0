package keeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// Resume looks into finishing what was cut short: the one that is in the middle of
// its swap, else the newest. It is nil when there is nothing to finish. The caller
// closes the change.
func (m *Memory) Resume(ctx context.Context, consent Consent) (*Change, error) {
	if err := m.lockToWrite(ctx, lock.Exclusive); err != nil {
		return nil, err
	}
	pending, err := restore.FindUnfinished(m.restores())
	if err != nil {
		return nil, err
	}
	if len(pending) == 0 {
		return nil, m.allSettled(ctx)
	}
	u := pending[len(pending)-1]
	for _, p := range pending {
		if p.Swapping() {
			u = p
		}
	}
	req, err := parseRequest(u.Request)
	if err != nil {
		return nil, fmt.Errorf("resume plan %s: %w", u.Plan, err)
	}
	if req.Undoes != "" {
		return m.undoReplace(ctx, filepath.Join(m.restores(), req.Undoes), Undo{Consent: consent})
	}
	b, err := bundle.Open(u.Bundle, bundle.Limits{})
	if err != nil {
		return nil, fail(NotFound, "no-planned-bundle", fmt.Errorf("resume plan %s: %w", u.Plan, err), u.Bundle)
	}
	return m.replace(ctx, b, Restore{Request: req, Mode: restore.ModeReplace, Proof: store.ProofFull, Consent: consent})
}

// allSettled wants no target to be in the middle of a swap: what a plan wrote down
// here may have been lost.
func (m *Memory) allSettled(ctx context.Context) error {
	targets, err := m.ownTargets(nil, nil)
	if err != nil {
		return err
	}
	for _, s := range slices.Sorted(maps.Keys(m.names())) {
		if err := m.settled(ctx, targets, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) settled(ctx context.Context, targets []restore.Target, section memory.Section) error {
	for _, t := range targets {
		if !section.Matches(t.Sections[0]) {
			continue
		}
		live, err := t.Store.Survey(ctx, section)
		if errors.Is(err, errReadOnly) {
			continue // nothing was ever begun there
		}
		if err != nil {
			return m.explain(err)
		}
		if live.Unfinished != "" {
			return fail(Locked, "lost-plan", fmt.Errorf("plan %s began to replace %s and has not ended, and what it was is not in %s", live.Unfinished, live.Locator, m.restores()),
				live.Locator.Kind)
		}
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// resume finishes what was cut short: the one that is in the middle of its swap,
// else the newest.
func (a *app) resume(ctx context.Context, m *memoryAt) error {
	pending, err := restore.FindUnfinished(m.restores())
	if err != nil {
		return err
	}
	if len(pending) == 0 {
		return a.nothingToResume(ctx, m)
	}
	u := pending[len(pending)-1]
	for _, p := range pending {
		if p.Swapping() {
			u = p
		}
	}
	req, err := parseRequest(u.Request)
	if err != nil {
		return fmt.Errorf("resume plan %s: %w", u.Plan, err)
	}
	if req.Undoes != "" {
		return a.undoReplace(ctx, m, filepath.Join(m.restores(), req.Undoes), undoFlags{})
	}
	b, err := bundle.Open(u.Bundle, bundle.Limits{})
	if err != nil {
		return fail(exitNotFound, fmt.Errorf("resume plan %s: %w", u.Plan, err), "it needs its bundle: put it back to "+u.Bundle)
	}
	return a.replace(ctx, m, b, req.flags())
}

// nothingToResume says so, once no target says otherwise: what a plan wrote down
// here may have been lost in the middle of its swap.
func (a *app) nothingToResume(ctx context.Context, m *memoryAt) error {
	targets, err := m.ownTargets(nil, nil)
	if err != nil {
		return err
	}
	for _, s := range slices.Sorted(maps.Keys(m.names())) {
		if err := m.settled(ctx, targets, s); err != nil {
			return err
		}
	}
	a.say("Nothing to resume: no replace is unfinished.\n")
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"resumed": false})
	}
	return nil
}

// settled wants the target of a section not to be in the middle of a swap.
func (m *memoryAt) settled(ctx context.Context, targets []restore.Target, section memory.Section) error {
	for _, t := range targets {
		if !section.Matches(t.Sections[0]) {
			continue
		}
		live, err := t.Store.Survey(ctx, section)
		if errors.Is(err, errReadOnly) {
			continue // nothing was ever begun there
		}
		if err != nil {
			return m.explainStores(err)
		}
		if live.Unfinished != "" {
			return fail(exitLocked, fmt.Errorf("plan %s began to replace %s and has not ended, and what it was is not in %s", live.Unfinished, live.Locator, m.restores()),
				"bring that folder back if you can; nothing is lost: the old rows and the new ones are beside each other in "+live.Locator.Kind)
		}
	}
	return nil
}

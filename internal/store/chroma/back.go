package chroma

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// StageBack stages the collection that a swap kept aside. It stays where it is,
// and as it is, until Commit. Check reads all of it.
func (s *Server) StageBack(ctx context.Context, spec memory.SectionSpec, aside memory.Locator, opts store.StageOptions) (store.Staged, error) {
	w, all, err := s.newSwap(ctx, spec, opts)
	if err == nil {
		err = w.stageBack(all, aside)
	}
	if err = w.end("stage", err); err != nil {
		return nil, err
	}
	return w, nil
}

// stageBack finds the collection by its id: it may have its place again, if the
// plan was there before.
func (w *swap) stageBack(all roster, aside memory.Locator) error {
	if ours := w.server.locator(aside.Collection, aside.CollectionID); aside != ours {
		return fmt.Errorf("%s is not of %s", aside, w.server.config.BaseURL)
	}
	found := all.byID(aside.CollectionID)
	if found == nil {
		return fmt.Errorf("%w: %s was kept aside and is gone", store.ErrAbsent, aside)
	}
	w.fresh = found.ID
	if found.Name == w.name {
		n := all.swap(w.name, w.opts.Plan, found.ID)
		if n == nil {
			return errors.New("the collection that was kept aside is the live one")
		}
		w.moved, w.over = true, n.j.Phase == phaseDone
		return nil
	}
	n, ok := found.noted()
	goesOn := n.j.Plan == w.opts.Plan && n.j.Role == roleNew
	if !ok || n.j.Name != w.name || !n.kept() && !goesOn {
		return fmt.Errorf("%s is not what a finished replace has kept", aside)
	}
	return nil
}

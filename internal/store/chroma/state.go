package chroma

import (
	"context"
	"fmt"

	"keepsake/internal/store"
)

// swapState is where the collections of a swap are.
type swapState struct {
	all    roster
	at     *collection // what has the section's name, nil when nothing has
	fresh  noted       // with no journal when it comes back, and nothing was begun
	aside  *noted      // the old one, when it is kept aside already
	parked []noted
}

func (w *swap) see(ctx context.Context) (*swapState, error) {
	all, err := w.server.client.roster(ctx)
	if err != nil {
		return nil, err
	}
	s := &swapState{all: all, at: all.named(w.name)}
	s.fresh.collection = all.byID(w.fresh)
	if s.fresh.collection == nil {
		return nil, fmt.Errorf("%w: the collection with id %s is gone", store.ErrStaged, w.fresh)
	}
	for _, n := range all.of(w.name) {
		switch {
		case n.j.Plan != w.opts.Plan || n.j.New != w.fresh && n.j.Phase != phaseBegun:
		case n.j.Role == roleNew && n.ID == w.fresh:
			s.fresh = n
		case n.j.Role == roleNew:
		case n.j.Role == roleOld:
			s.aside = &n
		case n.j.Role == roleParked:
			s.parked = append(s.parked, n)
		}
	}
	return s, nil
}

// old decides what is to be set aside: nothing when there was nothing, or when it
// was done before. What came to stand there since the survey is no old one: the
// permit is for another.
func (w *swap) old(s *swapState) (*collection, error) {
	begun := s.fresh.j.Phase == phaseBegun
	switch {
	case s.aside != nil || begun && s.fresh.j.Old == "":
		return nil, nil
	case s.at == nil && (begun || w.locator.CollectionID == ""):
		return nil, nil
	case s.at != nil && (s.at.ID == w.fresh || w.locator.CollectionID == ""):
		return nil, nil // what an agent made meanwhile is parked
	case s.at != nil && s.at.ID == w.locator.CollectionID:
		return s.at, nil
	}
	return nil, fmt.Errorf("%w: another collection is there than was surveyed", store.ErrMoved)
}

// begun returns the journal of the new one, once the swap has begun.
func (w *swap) begun(ctx context.Context, s *swapState, old *collection) (journal, error) {
	was := s.fresh.j
	if was.Phase == phaseBegun && (old == nil || old.ID == was.Old) {
		return was, nil
	}
	j := journal{
		Plan: w.opts.Plan, Name: w.name, ID: w.fresh, Role: roleNew, Phase: phaseBegun,
		New: w.fresh, When: w.opts.Now.UTC(),
	}
	if n, ok := s.fresh.noted(); ok {
		j.Mark = n.j.Mark
	}
	if w.records != nil {
		j.Records = w.records.fingerprint
	}
	if old != nil {
		j.Old, j.Aside = old.ID, s.all.asideName(w.name, w.opts.Plan, old.ID, w.opts.Now)
	}
	if w.records == nil && old != nil {
		j.Since = s.all.since(w.name, old.ID)
	}
	var err error
	j.Rows, err = w.server.client.extent(ctx, w.fresh)
	return j, err
}

// since returns how far a collection reached when it was put into its place, nil
// when nothing tells.
func (c roster) since(name, id string) *extent {
	for _, n := range c.of(name) {
		if n.j.New != id {
			continue
		}
		if n.j.Role == roleNew && n.ID == id {
			return n.j.Rows
		}
		if n.j.NewRows != nil {
			return n.j.NewRows
		}
	}
	return nil
}

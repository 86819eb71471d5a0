package chroma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Aside is a collection that a finished swap kept.
type Aside struct {
	Section memory.Section
	Locator memory.Locator
	// Target is the same collection for the guard.
	Target guard.Target
	Plan   string
	When   time.Time
	// Parked says that an agent made it while the name was free; else it is the
	// section's old one.
	Parked bool
	Rows   int64
	// Late are rows that came after the swap, from clients that keep the old id;
	// -1 when so much was deleted that nobody can say.
	Late int64
}

// ErrHoldsMore says that a collection holds rows that came after it was set aside
// and that the live one lacks.
var ErrHoldsMore = errors.New("it holds rows that the live collection lacks")

// Asides lists what finished swaps of the configured collections have kept, the
// oldest first; under Config.Others also those of the collections that are taken.
func (s *Server) Asides(ctx context.Context) ([]Aside, error) {
	defer s.client.close()
	if _, err := s.reach(ctx); err != nil {
		return nil, err
	}
	all, err := s.client.roster(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what is kept aside: %w", err)
	}
	var asides []Aside
	named := s.withSwapped(all)
	for section := range named.config.Collections {
		of, err := named.asides(ctx, section, all)
		if err != nil {
			return nil, named.failed("list what is kept aside of", section, err, store.ErrUnreadable)
		}
		asides = append(asides, of...)
	}
	slices.SortFunc(asides, func(a, b Aside) int {
		return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.Locator.Collection, b.Locator.Collection))
	})
	return asides, nil
}

// kept reports whether a finished swap keeps the collection.
func (n noted) kept() bool {
	if n.collection == nil {
		return false
	}
	m := n.mark()
	return n.j.Role != roleNew && n.j.Phase == phaseDone && m.Kind == guard.MarkAside && m.Finished
}

// asides lists those of one section, sorted by name.
func (s *Server) asides(ctx context.Context, section memory.Section, all roster) ([]Aside, error) {
	var asides []Aside
	for _, n := range all.of(s.config.Collections[section]) {
		if !n.kept() {
			continue
		}
		a := Aside{
			Section: section, Locator: s.locator(n.Name, n.ID), Plan: n.j.Plan, When: n.j.When,
			Parked: n.j.Role == roleParked, Late: -1,
		}
		var err error
		if a.Rows, err = s.client.count(ctx, n.ID); err != nil {
			return nil, err
		}
		late, told, err := s.client.later(ctx, n.ID, n.j.Rows)
		if err != nil {
			return nil, err
		}
		if told {
			a.Late = int64(late.Len())
		}
		a.Target = guard.NewTarget(ctx, guard.Served, a.Locator, s)
		asides = append(asides, a)
	}
	slices.SortFunc(asides, func(a, b Aside) int { return cmp.Compare(a.Locator.Collection, b.Locator.Collection) })
	return asides, nil
}

const restartHint = "restart the clients that were running at the replace: they hold the old collection and write into it"

// Finding tells of rows that came late; false when there are none.
func (a Aside) Finding() (memory.Finding, bool) {
	f := memory.Finding{
		Level: memory.Warning, Code: "late-rows", Section: a.Section, Hint: restartHint,
		Message: fmt.Sprintf("%d rows were written into %s after it was set aside; they are in no backup", a.Late, a.Locator.Collection),
	}
	if a.Late < 0 {
		f.Code, f.Hint = "late-rows-unknown", "see what is in it before it is dropped"
		f.Message = fmt.Sprintf("nobody can say whether rows were written into %s after it was set aside: too many were deleted", a.Locator.Collection)
	}
	return f, a.Late != 0
}

// holdsMore reports whether a collection that was set aside holds a row that came
// after the swap and that the live one lacks. Where nobody can say which came
// later, any row that the live one lacks is one.
func (s *Server) holdsMore(ctx context.Context, all roster, n noted) (bool, error) {
	late, told, err := s.client.later(ctx, n.ID, n.j.Rows)
	if err == nil && !told {
		late, _, err = s.client.later(ctx, n.ID, &extent{})
	}
	if err != nil || late.Len() == 0 {
		return false, err
	}
	at := all.named(n.j.Name)
	if at == nil {
		return true, nil
	}
	_, err = s.client.list(ctx, at.ID,
		func(int64, int64) { late.Clear(rows.Free) },
		func(id []byte) error {
			if i := late.Find(id); i >= 0 {
				late.Marks[i] |= rows.Free
			}
			return nil
		})
	return late.Count(0, rows.Free, 0) < int64(late.Len()), err
}

// aside looks up what a finished swap kept, by its id and its name.
func (s *Server) aside(ctx context.Context, l memory.Locator) (roster, noted, error) {
	if ours := s.locator(l.Collection, l.CollectionID); l != ours {
		return nil, noted{}, fmt.Errorf("it is not of %s", s.config.BaseURL)
	}
	if _, err := s.reach(ctx); err != nil {
		return nil, noted{}, err
	}
	all, err := s.client.roster(ctx)
	if err != nil {
		return nil, noted{}, err
	}
	found := all.byID(l.CollectionID)
	if found == nil || found.Name != l.Collection {
		return all, noted{}, store.ErrAbsent
	}
	n, ok := found.noted()
	if !ok || !n.kept() && n.j.Phase != phaseDropping {
		return all, noted{}, errors.New("no finished replace has kept it")
	}
	return all, n, nil
}

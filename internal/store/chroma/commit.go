package chroma

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Commit changes names: the old collection's to a dated one, then the staged one's
// to the section's. What agents put into the place between the two is parked, and
// its rows are added to the new one. The old one is kept aside with all its rows,
// so that it need not be what safety holds; those of its rows that safety lacks
// are a finding.
func (w *swap) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	done, err := w.commit(ctx, leave{permit, w.opts.Operation, w.locator}, safety)
	return done, w.end("commit", err)
}

func (w *swap) commit(ctx context.Context, l leave, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if err := l.check(); err != nil {
		return store.Committed{}, err
	}
	if !w.ready {
		if err := w.check(ctx); err != nil {
			return store.Committed{}, err
		}
		w.ready = true
	}
	if !w.over {
		if err := w.exchange(ctx, l); err != nil {
			return store.Committed{}, err
		}
		w.over = true
	}
	return w.report(ctx, safety)
}

// exchange is what changes anything. Each step is done where it is not done yet.
func (w *swap) exchange(ctx context.Context, l leave) error {
	s, err := w.see(ctx)
	if err != nil {
		return err
	}
	if err := w.setAside(ctx, l, s); err != nil {
		return err
	}
	if err := w.moveIn(ctx, l); err != nil {
		return err
	}
	w.moved = true
	if err := w.adoptRows(ctx); err != nil {
		return err
	}
	return w.finish(ctx)
}

// setAside begins: it writes into the new one what is about to be done, and renames
// the old one.
func (w *swap) setAside(ctx context.Context, l leave, s *swapState) error {
	old, err := w.old(s)
	if err != nil {
		return err
	}
	j, err := w.begun(ctx, s, old)
	if err != nil {
		return err
	}
	before := s.fresh.Metadata
	if s.fresh.j.Phase != phaseBegun || s.fresh.j.Old != j.Old {
		s.fresh.j = j
		if err := w.note(ctx, s.fresh, guard.Mark{Kind: guard.MarkShadow}); err != nil {
			return err
		}
	}
	if old == nil {
		return nil
	}
	err = w.moveOut(ctx, l, old, j)
	if errors.Is(err, store.ErrMoved) { // nothing has begun after all
		return errors.Join(err, w.server.client.annotate(ctx, w.fresh, before))
	}
	return err
}

// moveOut renames the old one, with its mark and journal in the same request, if
// it still has the name.
func (w *swap) moveOut(ctx context.Context, l leave, old *collection, begun journal) error {
	rows, err := w.server.client.extent(ctx, old.ID)
	if err != nil {
		return err
	}
	now, err := w.server.client.find(ctx, w.name)
	if err != nil {
		return err
	}
	if now == nil || now.ID != old.ID {
		return fmt.Errorf("%w: another collection is there than was surveyed", store.ErrMoved)
	}
	n := noted{now, journal{
		Plan: w.opts.Plan, Name: w.name, ID: old.ID, Role: roleOld, Phase: phaseBegun, New: w.fresh,
		When: begun.When, Records: begun.Records, Rows: rows, NewRows: begun.Rows, Mark: now.note(guard.MarkKey),
	}}
	return w.moveTo(ctx, l, n, begun.Aside)
}

// moveTo renames what is kept, and says in it what it is.
func (w *swap) moveTo(ctx context.Context, l leave, n noted, name string) error {
	metadata, err := w.notes(n, guard.Mark{Kind: guard.MarkAside}).with(n.Metadata)
	if err != nil {
		return err
	}
	return w.server.client.rename(ctx, l, n.ID, change{name, metadata}, 0)
}

// mostParked is how often agents may be faster than us.
const mostParked = 10

// moveIn gives the new one the section's name. The server refuses a name that is
// taken and changes nothing, so nothing needs to be looked at first; what has
// taken it is parked.
func (w *swap) moveIn(ctx context.Context, l leave) error {
	var err error
	for range mostParked {
		err = w.server.client.rename(ctx, l, w.fresh, change{Name: w.name}, 1)
		if err == nil || status(err) != http.StatusInternalServerError {
			return err
		}
		at, lookErr := w.server.client.find(ctx, w.name)
		switch {
		case lookErr != nil:
			return lookErr
		case at == nil: // it was another trouble
			if err := store.Pause(ctx, w.server.config.Pause); err != nil {
				return err
			}
		case at.ID == w.fresh:
			return nil
		default:
			if err := w.park(ctx, l, at); err != nil {
				return err
			}
		}
	}
	return err
}

// park renames what an agent put into the place.
func (w *swap) park(ctx context.Context, l leave, at *collection) error {
	n := noted{at, journal{
		Plan: w.opts.Plan, Name: w.name, ID: at.ID, Role: roleParked, Phase: phaseBegun, New: w.fresh,
		When: w.opts.Now.UTC(), Mark: at.note(guard.MarkKey),
	}}
	return w.moveTo(ctx, l, n, parkingName(w.name, w.opts.Plan, at.ID))
}

// finish notes that all is done, in the new one last: until then the swap is
// unfinished. The new one keeps no note, unless there is no old one that would
// show that the plan was here.
func (w *swap) finish(ctx context.Context) error {
	s, err := w.see(ctx)
	if err != nil {
		return err
	}
	if s.aside != nil {
		s.aside.j.Phase, s.aside.j.New = phaseDone, w.fresh
		if err := w.note(ctx, *s.aside, guard.Mark{Kind: guard.MarkAside, Finished: true}); err != nil {
			return err
		}
	}
	n := notes{mark: s.fresh.j.Mark}
	if s.aside == nil {
		s.fresh.j.Phase = phaseDone
		n.journal = s.fresh.j.text()
	}
	metadata, err := n.with(s.fresh.Metadata)
	if err != nil {
		return err
	}
	return w.server.client.annotate(ctx, w.fresh, metadata)
}

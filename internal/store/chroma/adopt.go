package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store/rows"
)

// adoptRows adds rows of other collections to the new one, which has its place by
// now: all of those that were parked, and of the one that a returning collection
// replaced what was added since that took the place itself.
func (w *swap) adoptRows(ctx context.Context) error {
	s, err := w.see(ctx)
	if err != nil {
		return err
	}
	for _, n := range s.parked {
		if n.j.Phase != phaseBegun {
			continue
		}
		if err := w.adoptParked(ctx, s, n); err != nil {
			return err
		}
	}
	if w.records != nil || s.aside == nil {
		return nil
	}
	ids, told, err := w.server.client.later(ctx, s.aside.ID, s.fresh.j.Since)
	if err != nil {
		return err
	}
	if !told {
		w.findings = append(w.findings, w.warning("later-rows-unknown", "see what is in "+s.aside.Name+" that should be kept",
			"nobody can say which rows of %s came after it was put into its place; none was taken over", s.aside.Name))
		return nil
	}
	return w.adopt(ctx, s, s.aside.collection, ids)
}

// adoptParked adds the rows of a parked collection. How far it reaches is noted
// before they are read, so that no later one is overlooked.
func (w *swap) adoptParked(ctx context.Context, s *swapState, n noted) error {
	var err error
	if n.j.Rows, err = w.server.client.extent(ctx, n.ID); err != nil {
		return err
	}
	ids, _, err := w.server.client.later(ctx, n.ID, &extent{})
	if err != nil {
		return err
	}
	if err := w.adopt(ctx, s, n.collection, ids); err != nil {
		return err
	}
	n.j.Phase = phaseDone
	return w.note(ctx, n, guard.Mark{Kind: guard.MarkAside, Finished: true})
}

// adopt adds rows that the new collection lacks and makes sure that they are in.
// Rows that it can't take stay where they are, and are told.
func (w *swap) adopt(ctx context.Context, s *swapState, from *collection, ids *rows.IDs) error {
	r := newReader(w.server, w.spec.Name, &look{found: from, ids: ids})
	t := w.server.table(s.fresh.collection, memory.SectionSpec{}, w.can)
	added, err := rows.Fill(ctx, t, r.listed(ctx), false)
	if err != nil {
		_, err = rows.Theirs(err) // these records are ours
		return err
	}
	n, err := added.Unlisted(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d rows of %s were added and are not listed afterwards", n, from.Name)
	}
	if err != nil {
		return err
	}
	if n := added.Refused() + int64(r.lost); n > 0 {
		w.findings = append(w.findings, w.warning("rows-left-aside", "see what is in "+from.Name+" that should be kept",
			"%d rows of %s could not be taken over: they cannot be read, or do not fit", n, from.Name))
	}
	return nil
}

// listed yields the rows of the ids that are known, and looks for no others.
func (r *reader) listed(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.yield = yield
		if err := r.pass(ctx, func(rows.Mark) bool { return true }); err != nil {
			yield(nil, err)
		}
	}
}

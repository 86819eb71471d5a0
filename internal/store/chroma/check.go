package chroma

import (
	"context"
	"fmt"

	"keepsake/internal/store"
)

// Check has rows.Filling read all rows of the shadow back. What has its place already
// was checked before.
func (w *swap) Check(ctx context.Context) error {
	err := w.check(ctx)
	w.ready = err == nil
	return w.end("check", err)
}

func (w *swap) check(ctx context.Context) error {
	switch {
	case w.moved:
		return nil
	case w.records == nil:
		return w.checkReadable(ctx)
	}
	shadow, err := w.refind(ctx)
	if err == nil && w.rows == nil {
		err = w.fill(ctx, shadow)
	}
	if err == nil {
		err = fits(shadow, w.spec)
	}
	if err == nil {
		err = w.rows.Check(ctx, w.records.records)
	}
	if err == nil {
		w.rows = nil // what was known of its rows is let go of
	}
	return err
}

// checkReadable reads a collection that comes back, all of it: there is nothing to
// compare it with.
func (w *swap) checkReadable(ctx context.Context) error {
	found, err := w.refind(ctx)
	if err != nil {
		return err
	}
	if err := fits(found, w.spec); err != nil {
		return fmt.Errorf("%w: %w", store.ErrStaged, err)
	}
	l := &look{found: found}
	if err := l.list(ctx, w.server); err != nil {
		return err
	}
	r := newReader(w.server, w.spec.Name, l)
	for _, err := range r.records(ctx) {
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrStaged, err)
		}
	}
	if seen := r.capture(); !seen.Complete() {
		return fmt.Errorf("%w: %d of its rows cannot be read, %d have no vector",
			store.ErrStaged, seen.Missing+int64(len(seen.Unreadable)), seen.Salvaged)
	}
	return nil
}

// refind looks the collection that takes the place up again, by its id.
func (w *swap) refind(ctx context.Context) (*collection, error) {
	all, err := w.server.client.roster(ctx)
	if err != nil {
		return nil, err
	}
	if found := all.byID(w.fresh); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%w: the collection with id %s is gone", store.ErrStaged, w.fresh)
}

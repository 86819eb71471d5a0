package chroma

import (
	"context"
	"fmt"
	"net/http"

	"keepsake/internal/store"
)

// Check reads all rows of the shadow back and compares them, as the proof of a
// merge does, and wants no others to be there. A row that reads back otherwise is
// deleted and added once more: rows may come back with metadata that a dropped
// collection left behind. What has its place already was checked before.
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
	for mended := false; ; mended = true {
		shadow, err := w.refill(ctx)
		if err != nil {
			return err
		}
		f, err := w.prove(ctx)
		switch {
		case err != nil:
			return err
		case f.rows == 0:
			return w.checkWhole(ctx, shadow)
		case mended || f.rows != w.rows.set.count(0, differing, 0):
			return fmt.Errorf("%w: %d rows differ, first row %q: %s", store.ErrStaged, f.rows, f.id, f.reason)
		}
		if err := w.clear(ctx, func(m mark) bool { return m&differing != 0 }); err != nil {
			return err
		}
		w.rows = nil
	}
}

// refill adds what the shadow lacks, when that is not known to be nothing.
func (w *swap) refill(ctx context.Context) (*collection, error) {
	shadow, err := w.refind(ctx)
	if err == nil && w.rows == nil {
		err = w.fill(ctx, shadow)
	}
	return shadow, err
}

// flaws are rows of a shadow that are not as they should be.
type flaws struct {
	rows       int64
	id, reason string // of the first
}

// prove compares every row with its record.
func (w *swap) prove(ctx context.Context) (flaws, error) {
	var f flaws
	w.rows.opts.Report = func(e store.Event) error {
		if f.rows++; f.rows == 1 {
			f.id, f.reason = e.ID, e.Reason
		}
		return nil
	}
	w.rows.set.clear(answered | unreadable | differing)
	r := w.rows.result
	*r = store.Result{Records: r.Records, Proof: r.Proof}
	err := w.rows.prove(ctx, w.records.all)
	w.rows.opts.Report = nil
	return f, err
}

// checkWhole wants the shadow to have no row more than the records, and their
// shape. What was known of its rows is let go of.
func (w *swap) checkWhole(ctx context.Context, shadow *collection) error {
	if err := fits(shadow, w.spec); err != nil {
		return fmt.Errorf("%w: %w", store.ErrStaged, err)
	}
	rows := w.rows
	w.rows = nil
	if rows.result.After == rows.result.Records {
		return nil
	}
	stray := ""
	_, err := w.server.client.list(ctx, w.fresh,
		func(int64, int64) { stray = "" },
		func(id []byte) error {
			if i := rows.set.find(id); stray == "" && (i < 0 || rows.set.marks[i]&bundled == 0) {
				stray = string(id)
			}
			return nil
		})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: it has %d rows, the records are %d; somebody added row %q",
		store.ErrStaged, rows.result.After, rows.result.Records, stray)
}

// clear deletes rows of the shadow, which is the plan's own and lives nowhere.
func (w *swap) clear(ctx context.Context, which func(mark) bool) error {
	return w.server.client.deleteAll(ctx, w.fresh, w.rows.set, which, w.server.config.PageRows)
}

// deleteAll deletes rows of a collection that nobody lives in, so many at once.
func (c *client) deleteAll(ctx context.Context, id string, set *idSet, which func(mark) bool, atOnce int) error {
	var ids []string
	for i, m := range set.marks {
		if which(m) {
			ids = append(ids, string(set.at(i)))
		}
		if len(ids) == atOnce || len(ids) > 0 && i == set.len()-1 {
			r := request{what: "delete rows", method: http.MethodPost, path: c.rows(id, "delete")}
			if err := c.call(ctx, r, map[string][]string{"ids": ids}, nil); err != nil {
				return err
			}
			ids = ids[:0]
		}
	}
	return nil
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
	all, err := w.server.client.census(ctx)
	if err != nil {
		return nil, err
	}
	if found := all.byID(w.fresh); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%w: the collection with id %s is gone", store.ErrStaged, w.fresh)
}

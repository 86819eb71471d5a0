package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Remove implements store.Replacer. Rows go by transactions as they came, of a
// thousand or eight megabytes; each asks for leave again. After an error the
// Removal says what is gone for good.
func (s *Store) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (removal store.Removal, err error) {
	name, err := s.collectionOf(spec.Name)
	if err != nil {
		return removal, err
	}
	f, err := openFile(ctx, s.config.Path, writing, s.config.BusyTimeout)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return removal, err
	}
	if f != nil {
		defer func() { err = errors.Join(err, f.close()) }()
	}
	covers := func(id string) error { return permit.Covers(opts.Operation, s.locator(name, id)) }
	if removal, err = f.removeRows(ctx, name, records, covers, opts.Report); err != nil {
		return removal, fmt.Errorf("remove rows of %s: %w", spec.Name, explain(err))
	}
	return removal, nil
}

// removeRows deletes from the collection of that name; f is nil when there is no
// file. Each transaction asks for leave to delete from what stands there then.
func (f *file) removeRows(ctx context.Context, name string, records iter.Seq2[memory.Record, error], covers func(id string) error, report func(store.Event) error) (removal store.Removal, err error) {
	var e entry
	if f != nil {
		if e, err = f.find(ctx, name); err != nil && !errors.Is(err, store.ErrAbsent) {
			return removal, err
		}
	}
	if err := covers(e.collection.ID); err != nil {
		return removal, err
	}
	t, err := f.table(ctx, e)
	if err != nil {
		return removal, err
	}
	t.leave = func(ctx context.Context) error {
		now, err := f.find(ctx, name)
		if err == nil && now.number != e.number {
			err = fmt.Errorf("%w: it is another collection", store.ErrMoved)
		}
		if err == nil {
			err = covers(now.collection.ID)
		}
		return err
	}
	removal, err = rows.Remove(ctx, t, records, saying(report, map[store.Outcome]string{
		store.Removed: "it is not there any more",
	}))
	if err = errors.Join(err, t.close()); e.number == 0 {
		return removal, err
	}
	now, countErr := f.find(context.WithoutCancel(ctx), name)
	removal.Rows = now.rows
	return removal, errors.Join(err, countErr)
}

package opaque

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Compare implements store.Replacer. Rows of a file that is another one are not
// told apart: as many as both have are changed, the rest is lost, or new.
func (f *Files) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	at, err := f.where(spec.Name)
	if err != nil {
		return store.Difference{}, err
	}
	tell := func(outcome store.Outcome, rows int64, reason string) error {
		if rows == 0 || opts.Report == nil {
			return nil
		}
		return opts.Report(store.Event{Outcome: outcome, ID: string(spec.Name), Reason: reason})
	}
	want, err := digestRecords(ctx, records, at.source.SQLite)
	if err != nil {
		return store.Difference{}, err
	}
	rows := max(spec.Rows, 0)
	if at.info == nil {
		return store.Difference{New: rows}, tell(store.Missing, rows, "there is no such file")
	}
	live, err := f.content(ctx, at)
	if err != nil {
		return store.Difference{}, err
	}
	d := store.Difference{Live: live.rows, Bytes: live.size}
	if live.sum == want {
		d.Same = live.rows
		return d, nil
	}
	d.Changed = min(live.rows, rows)
	d.Lost, d.New = live.rows-d.Changed, rows-d.Changed
	return d, errors.Join(
		tell(store.Differs, d.Changed, "another file takes its place"),
		tell(store.Lost, d.Lost, "the file that takes its place has fewer rows"),
		tell(store.Missing, d.New, "the file that takes its place has more rows"),
	)
}

// Remove implements store.Replacer. The file goes when it is exactly the record
// still: all its rows, or none.
func (f *Files) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	at, err := f.where(spec.Name)
	if err != nil {
		return store.Removal{}, err
	}
	r := &remover{spot: at, files: f, rows: max(spec.Rows, 0)}
	r.covers = func() error { return permit.Covers(opts.Operation, at.locator()) }
	if err := r.covers(); err != nil {
		return store.Removal{}, fmt.Errorf("remove %s: %w", at.path, err)
	}
	if err := r.run(ctx, records); err != nil {
		return store.Removal{}, fmt.Errorf("remove %s: %w", at.path, err)
	}
	return r.result, r.report(opts)
}

// remover is one removal.
type remover struct {
	spot
	files  *Files
	covers func() error
	rows   int64
	result store.Removal
}

func (r *remover) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	want, err := digestRecords(ctx, records, r.source.SQLite)
	if err != nil {
		return err
	}
	if err := r.finished(""); err != nil {
		return err
	}
	if r.info == nil {
		r.result.Gone = r.rows
		return nil
	}
	live, err := r.files.content(ctx, r.spot)
	if err != nil {
		return err
	}
	if live.sum != want {
		r.result.Kept, r.result.Rows = r.rows, live.rows
		return nil
	}
	if !r.source.SQLite {
		if now, err := os.Stat(r.path); err != nil || !same(now, r.info) {
			return errors.Join(moved("it was written to while it was compared"), err)
		}
		return r.remove()
	}
	return r.removeHeld(ctx, live)
}

// removeHeld removes a database that is still what it was, under its lock.
func (r *remover) removeHeld(ctx context.Context, seen content) error {
	h, err := hold(ctx, r.path)
	if err != nil {
		return err
	}
	now, err := r.files.contentHeld(ctx, h)
	switch {
	case err != nil:
	case now.sum != seen.sum:
		err = moved("it was written to while it was compared")
	default:
		err = r.remove()
	}
	return errors.Join(err, h.release(err == nil))
}

func (r *remover) remove() error {
	if err := r.covers(); err != nil {
		return err
	}
	fsys := r.files.config.FS
	if err := fsys.RemoveAll(r.path); err != nil {
		return err
	}
	if r.source.SQLite {
		for _, suffix := range sqlitefile.Beside() {
			if err := fsys.RemoveAll(r.path + suffix); err != nil {
				return err
			}
		}
	}
	r.result.Removed = r.rows
	return fsys.SyncDir(filepath.Dir(r.path))
}

func (r *remover) report(opts store.RemoveOptions) error {
	if opts.Report == nil || r.result.Removed > 0 || r.rows == 0 {
		return nil
	}
	event := store.Event{Outcome: store.Removed, ID: string(r.section), Reason: "the file is not there any more"}
	if r.result.Kept > 0 {
		event.Outcome, event.Reason = store.Differs, "the live file is another, and stays"
	}
	return opts.Report(event)
}

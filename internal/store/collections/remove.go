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
	r := &remover{name: name, opts: opts, file: f}
	r.covers = func(id string) error { return permit.Covers(opts.Operation, s.locator(name, id)) }
	if f != nil {
		defer func() { err = errors.Join(err, f.close()) }()
	}
	if err := r.run(ctx, records); err != nil {
		return r.removal, fmt.Errorf("remove rows of %s: %w", spec.Name, explain(err))
	}
	return r.removal, nil
}

// remover is one run of Remove.
type remover struct {
	name   string
	opts   store.RemoveOptions
	covers func(id string) error
	file   *file // nil when there is none
	entry  entry // zero when there is no collection
	live   *finder
	in     incoming

	open    bool // a transaction
	rows    int
	bytes   int
	deleted int64 // in it
	removal store.Removal
}

func (r *remover) run(ctx context.Context, records iter.Seq2[memory.Record, error]) (err error) {
	if r.file != nil {
		r.entry, err = r.file.find(ctx, r.name)
		if err != nil && !errors.Is(err, store.ErrAbsent) {
			return err
		}
	}
	if err := r.covers(r.entry.collection.ID); err != nil {
		return err
	}
	if r.entry.number != 0 {
		if r.live, err = newFinder(ctx, r.file, r.entry); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.live.close()) }()
	}
	r.removal.Rows = r.entry.rows
	err = r.all(ctx, records)
	return errors.Join(err, r.rollback(ctx))
}

func (r *remover) all(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for line, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.one(ctx, line)
		}
		if err != nil {
			return err
		}
	}
	return r.commit(ctx)
}

// one deletes the row of a record if it lives as it is.
func (r *remover) one(ctx context.Context, line memory.Record) error {
	if reason := r.in.parse(line); reason != "" || r.live == nil {
		return r.gone()
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	outcome, _, err := r.live.judge(ctx, &r.in)
	if err != nil {
		return fmt.Errorf("compare row %q: %w", r.in.vector.Key, err)
	}
	switch outcome {
	case store.Same:
		return r.delete(ctx, len(line))
	case store.Differs:
		r.removal.Kept++
		return r.report(store.Differs, "it was changed since, and stays")
	}
	return r.gone()
}

func (r *remover) gone() error {
	r.removal.Gone++
	return r.report(store.Removed, "it is not there any more")
}

func (r *remover) report(outcome store.Outcome, reason string) error {
	if r.opts.Report == nil {
		return nil
	}
	return r.opts.Report(store.Event{Outcome: outcome, ID: r.in.name(), Reason: reason})
}

// begin takes the write lock and asks for leave to delete from the collection
// that stands there now.
func (r *remover) begin(ctx context.Context) error {
	if r.open {
		return nil
	}
	if err := r.file.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	r.open = true
	now, err := r.file.find(ctx, r.name)
	if err != nil {
		return err
	}
	if now.number != r.entry.number {
		return fmt.Errorf("%w: it is another collection", store.ErrMoved)
	}
	return r.covers(now.collection.ID)
}

func (r *remover) delete(ctx context.Context, size int) error {
	_, err := r.file.conn.ExecContext(context.WithoutCancel(ctx), `DELETE FROM records WHERE number = ?`, r.live.number)
	if err != nil {
		return fmt.Errorf("delete row %q: %w", r.in.vector.Key, err)
	}
	r.deleted++
	r.rows, r.bytes = r.rows+1, r.bytes+size
	if r.rows >= batchRows || r.bytes >= batchBytes {
		return r.commit(ctx)
	}
	return nil
}

// commit ends the transaction, and only then counts its rows.
func (r *remover) commit(ctx context.Context) error {
	if !r.open {
		return nil
	}
	now, err := r.file.find(ctx, r.name)
	if err != nil {
		return err
	}
	if err := r.file.exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return err
	}
	r.open = false
	r.removal.Removed, r.removal.Rows = r.removal.Removed+r.deleted, now.rows
	r.deleted, r.rows, r.bytes = 0, 0, 0
	return nil
}

// rollback takes back a transaction that did not end.
func (r *remover) rollback(ctx context.Context) error {
	if !r.open {
		return nil
	}
	r.open = false
	return r.file.exec(context.WithoutCancel(ctx), "ROLLBACK")
}

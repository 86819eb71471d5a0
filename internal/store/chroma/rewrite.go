package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// rewriter makes the rows of a collection those of the records, in place. It is
// the ruler of what it reads.
type rewriter struct {
	*merger
	differ  int64  // rows of the last look
	example string // and what is wrong with the first
}

// run leaves the collection as it is until safety has been compared.
func (r *rewriter) run(ctx context.Context, found *collection, records, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	found, err := r.begin(ctx, found, safety)
	if err != nil {
		return store.Committed{}, err
	}
	if err := r.addMissing(ctx, records); err != nil {
		return store.Committed{}, err
	}
	if err := r.noneRefused(); err != nil {
		return store.Committed{}, err
	}
	if err := r.mend(ctx, records, live); err != nil {
		return store.Committed{}, err
	}
	if err := r.eraseOthers(ctx); err != nil {
		return store.Committed{}, err
	}
	if err := r.readBack(ctx, records); err != nil {
		return store.Committed{}, err
	}
	return r.end(ctx, found)
}

// begin lists the rows, wants them to be those of safety, and makes the
// collection when it is absent.
func (r *rewriter) begin(ctx context.Context, found *collection, safety iter.Seq2[memory.Record, error]) (*collection, error) {
	var err error
	if found != nil {
		if err = fits(found, r.spec); err == nil {
			r.result.Before, err = r.listLive(ctx)
		}
	}
	if err == nil && safety != nil {
		err = r.unmoved(ctx, safety)
	}
	if err != nil || found != nil {
		return found, err
	}
	if found, err = r.open(ctx, r.server.config.Collections[r.spec.Name]); err != nil {
		return nil, err
	}
	r.attach(found)
	if rows, err := r.listLive(ctx); err != nil || rows > 0 {
		return nil, or(err, fmt.Errorf("%w: somebody made it meanwhile, with %d rows", store.ErrMoved, rows))
	}
	return found, nil
}

// unmoved wants the live ids to be those of the safety copy.
func (r *rewriter) unmoved(ctx context.Context, safety iter.Seq2[memory.Record, error]) error {
	var scanner record.Scanner
	var key []byte
	var rows int
	for rec, err := range safety {
		if err != nil {
			r.callers = err
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		rows++
		if key, err = idOf(key[:0], rec, &scanner); err != nil {
			return fmt.Errorf("row %d of the safety copy: %w", rows, err)
		}
		i := r.set.find(key)
		switch {
		case i < 0:
			return fmt.Errorf("%w: row %q is gone", store.ErrMoved, key)
		case r.set.marks[i]&present != 0:
			return fmt.Errorf("row %d of the safety copy: row %q comes twice", rows, key)
		}
		r.set.marks[i] |= present
	}
	if rows != r.set.len() {
		return fmt.Errorf("%w: %d rows, of which it holds %d", store.ErrMoved, r.set.len(), rows)
	}
	return nil
}

// look compares the rows that bear a mark with their records, and marks those
// that differ, or that are not there.
func (r *rewriter) look(ctx context.Context, records iter.Seq2[memory.Record, error], of mark) error {
	r.differ, r.example = 0, ""
	for i, m := range r.set.marks {
		if m&of != 0 {
			m |= present
		} else {
			m &^= present
		}
		r.set.marks[i] = m &^ (differing | unreadable)
	}
	p := r.newProver()
	p.ruler = r
	return p.each(ctx, records, func(ctx context.Context, rec memory.Record) error {
		i, err := p.number(rec)
		if err != nil || r.set.marks[i]&present == 0 {
			return err
		}
		return p.ask(ctx, i, rec)
	})
}

// mend puts the records in the place of the rows that differ.
func (r *rewriter) mend(ctx context.Context, records iter.Seq2[memory.Record, error], of mark) error {
	if err := r.look(ctx, records, of); err != nil || r.differ == 0 {
		return err
	}
	return r.rewrite(ctx, records)
}

// readBack wants all rows to be what the records say. A row that is not is put
// in once more: a new row may come with arrays that a dropped one has left.
func (r *rewriter) readBack(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := r.mend(ctx, records, bundled); err != nil || r.differ == 0 {
		return err
	}
	if err := r.look(ctx, records, differing); err != nil || r.differ == 0 {
		return err
	}
	return fmt.Errorf("%d rows are not what was put in: %s", r.differ, r.example)
}

func (r *rewriter) judge(i uint32, v verdict) error {
	if v == same {
		return nil
	}
	return r.lacks(i, string(v))
}

func (r *rewriter) removed(i uint32) error { return r.lacks(i, "it is not there") }

func (r *rewriter) lacks(i uint32, reason string) error {
	if r.differ++; r.differ == 1 {
		r.example = fmt.Sprintf("row %q: %s", r.set.at(int(i)), reason)
	}
	r.set.marks[i] |= differing
	return nil
}

// eraseOthers deletes the rows that the records lack, of those that were listed
// at first.
func (r *rewriter) eraseOthers(ctx context.Context) error {
	doomed := r.newEraser()
	for i, m := range r.set.marks {
		if m&(live|bundled) != live {
			continue
		}
		doomed.add(r.set.at(i))
		if !doomed.full() {
			continue
		}
		if _, err := doomed.erase(ctx); err != nil {
			return err
		}
	}
	_, err := doomed.erase(ctx)
	return err
}

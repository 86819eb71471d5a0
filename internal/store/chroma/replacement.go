package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// rewrite puts the records of the rows that differ in their place, some at a time.
func (r *rewriter) rewrite(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	var scanner record.Scanner
	var key []byte
	b := &batch{}
	for rec, err := range records {
		if err != nil {
			r.callers = err
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if key, err = idOf(key[:0], rec, &scanner); err != nil {
			return err
		}
		i := r.set.find(key)
		if i < 0 || r.set.marks[i]&differing == 0 {
			continue
		}
		v, err := scanner.Vector(rec)
		if err != nil {
			return fmt.Errorf("row %q: %w", key, err)
		}
		if len(b.rows) >= r.batchRows() || b.size()+int64(len(rec)) > r.server.config.BatchBytes {
			if err := r.replace(ctx, b); err != nil {
				return err
			}
		}
		if err := b.add(uint32(i), rec, v, record.Digest{}, r.can.Base64); err != nil {
			return fmt.Errorf("row %q: %w", key, err)
		}
	}
	return r.replace(ctx, b)
}

// replace puts a batch in the place of its rows. It is added first, and changes
// nothing while the old rows are there: but the server looks at it, and refuses
// what it would refuse afterwards too.
func (r *rewriter) replace(ctx context.Context, b *batch) error {
	if len(b.rows) == 0 {
		return nil
	}
	if err := r.put(ctx, b); err != nil {
		return err
	}
	ids := b.columns[idColumn].text
	if err := r.client.erase(ctx, r.id, ids, r.server.config.WriteTimeout); err != nil {
		return err
	}
	if err := r.put(ctx, b); err != nil {
		return err
	}
	b.reset(r.server.config.BatchBytes)
	return nil
}

// put adds a batch, and wants all of it to be taken.
func (r *rewriter) put(ctx context.Context, b *batch) error {
	if err := r.send(ctx, b, 0, len(b.rows)); err != nil {
		return err
	}
	for n, reason := range b.reasons {
		if reason != "" {
			return fmt.Errorf("row %q cannot be put in: %s", r.set.at(int(b.rows[n])), reason)
		}
	}
	return nil
}

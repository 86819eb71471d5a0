package rows

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Foresee goes through Merge and sends nothing: rows that would be added are encoded,
// and judged by the Table as far as it judges them itself, and are taken to read back as
// they are; those that live are got and compared.
func Foresee(ctx context.Context, t Table, records iter.Seq2[memory.Record, error], opts store.MergeOptions, result *store.Result) error {
	r := newRun(unsent{t}, opts.Report)
	r.result = result
	if err := r.addMissing(ctx, records); err != nil {
		return err
	}
	r.result.After = r.result.Before + r.result.Added
	m := &merged{foreseen: true}
	m.prover = r.newProver(m)
	return m.compareAll(ctx, records, m.one)
}

// unsent is a Table to which nothing is sent. All ids are kept.
type unsent struct{ Table }

// Limits implements Table.
func (u unsent) Limits() Limits {
	l := u.Table.Limits()
	l.Unlisted = false
	return l
}

// NewBatch implements Table.
func (u unsent) NewBatch() Batch { return kept{u.Table.NewBatch()} }

// kept is a batch that stays where it is.
type kept struct{ Batch }

// Send implements Batch.
func (kept) Send(ctx context.Context, _, _ int) error { return ctx.Err() }

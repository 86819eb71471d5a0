package rows

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Filling is a collection that is made to hold the records, and what is known of
// its rows.
type Filling struct{ *run }

// Fill adds the records that the collection lacks. With whole, a record that can't
// be put in is a RefusedError.
func Fill(ctx context.Context, t Table, records iter.Seq2[memory.Record, error], whole bool) (*Filling, error) {
	f := &Filling{newRun(t, nil)}
	f.whole, f.result.Proof = whole, store.ProofFull
	return f, f.addMissing(ctx, records)
}

// Records is how many there were.
func (f *Filling) Records() int64 { return f.result.Records }

// Refused counts the records that could not be put in.
func (f *Filling) Refused() int64 { return f.ids.Count(0, refused, 0) }

// Unlisted lists the ids and counts the rows that were added and are not there.
func (f *Filling) Unlisted(ctx context.Context) (int64, error) {
	_, err := f.relist(ctx)
	return f.ids.Count(0, bundled, refused|present|live), err
}

// DeleteOthers deletes the rows that were there and that the records lack. The
// collection is the caller's own: nobody lives in it.
func (f *Filling) DeleteOthers(ctx context.Context) error {
	_, err := f.table.Delete(ctx, f.ids, f.ids.Numbers(live, bundled))
	return err
}

// Check reads all rows back and compares them, as the proof of a merge does, and
// wants no others to be there: ErrStaged. A row that reads back otherwise is deleted
// and added once more: a store may give rows what a dropped one has left behind.
func (f *Filling) Check(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for mended := false; ; mended = true {
		flaws, err := f.flaws(ctx, records)
		switch {
		case err != nil:
			return err
		case flaws.rows == 0:
			return f.checkAlone(ctx)
		case mended || flaws.rows != f.ids.Count(0, differing, 0):
			return fmt.Errorf("%w: %d rows differ, first row %q: %s", store.ErrStaged, flaws.rows, flaws.id, flaws.reason)
		}
		if _, err := f.table.Delete(ctx, f.ids, f.ids.Numbers(differing, 0)); err != nil {
			return err
		}
		again, err := Fill(ctx, f.table, records, f.whole)
		if err != nil {
			return err
		}
		f.run = again.run
	}
}

// flaws are rows that are not as they should be.
type flaws struct {
	rows       int64
	id, reason string // of the first
}

// flaws compares every row with its record.
func (f *Filling) flaws(ctx context.Context, records iter.Seq2[memory.Record, error]) (found flaws, err error) {
	f.report = func(e store.Event) error {
		if found.rows++; found.rows == 1 {
			found.id, found.reason = e.ID, e.Reason
		}
		return nil
	}
	f.ids.Clear(Answered | Unreadable | differing)
	*f.result = store.Result{Records: f.result.Records, Proof: store.ProofFull}
	err = f.prove(ctx, records)
	f.report = nil
	return found, err
}

// checkAlone wants no row to be there but those of the records.
func (f *Filling) checkAlone(ctx context.Context) error {
	rows := f.result.After
	if rows == f.result.Records {
		return nil
	}
	stray := ""
	_, err := f.table.List(ctx,
		func(int64, int64) { stray = "" },
		func(id []byte) error {
			if i := f.ids.Find(id); stray == "" && (i < 0 || f.ids.Marks[i]&bundled == 0) {
				stray = string(id)
			}
			return nil
		})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: it has %d rows, the records are %d; somebody added row %q",
		store.ErrStaged, rows, f.result.Records, stray)
}

package rows

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Remove deletes those of the records whose rows are still what they were. A record
// that can't be put in was never added, so its row stays. Rows are deleted after each
// page; what an agent writes into one between the two is lost with it, unless the
// Table locks it out. The records are read to their end first, unless the Table is
// lenient. Leave to delete is for the Table, and
// so is to count what is left.
func Remove(ctx context.Context, t Table, records iter.Seq2[memory.Record, error], report func(store.Event) error) (store.Removal, error) {
	r := &removal{}
	r.prover = newRun(t, report).newProver(r)
	r.used = r.delete
	_, err := r.listLive(ctx)
	if err == nil && !r.limits.Lenient {
		err = r.enroll(ctx, records)
	}
	if err == nil {
		err = r.compareAll(ctx, records, r.one)
	}
	return r.counts, err
}

// removal decides about the rows of a Remove.
type removal struct {
	*prover
	counts store.Removal
	doomed []uint32
}

func (r *removal) one(ctx context.Context, rec memory.Record) error {
	i, lives, err := r.find(rec)
	if err != nil || !lives {
		return err
	}
	if r.ids.Marks[i]&refused != 0 {
		return r.lacks(i, r.refusals[i].reason)
	}
	return r.ask(ctx, i, rec)
}

// find returns the number of a record's row, or tells that it is gone.
func (r *removal) find(rec memory.Record) (i uint32, lives bool, err error) {
	if !r.limits.Lenient {
		i, _, err = r.number(rec)
		if err == nil && r.ids.Marks[i]&live == 0 {
			return i, false, r.removed(i)
		}
		return i, err == nil, err
	}
	err = r.idOf(rec)
	r.rows = r.result.Records
	if err != nil {
		return 0, false, r.gone(digestOf(rec, &r.scanner))
	}
	n := r.ids.Find(r.key)
	if n < 0 {
		return 0, false, r.gone(string(r.key))
	}
	return uint32(n), true, r.mark(uint32(n), rec)
}

// judge dooms a row that is what it was.
func (r *removal) judge(i uint32, v Verdict) error {
	if !v.ok() {
		return r.lacks(i, v.Differs)
	}
	r.doomed = append(r.doomed, i)
	return nil
}

func (r *removal) delete(ctx context.Context) error {
	n, err := r.table.Delete(ctx, r.ids, r.doomed)
	r.counts.Removed += n
	r.doomed = r.doomed[:0]
	return err
}

func (r *removal) lacks(i uint32, reason string) error {
	r.counts.Kept++
	return r.tell(store.Event{Outcome: store.Differs, ID: r.name(i), Reason: reason})
}

func (r *removal) removed(i uint32) error { return r.gone(r.name(i)) }

func (r *removal) gone(id string) error {
	r.counts.Gone++
	return r.tell(store.Event{Outcome: store.Removed, ID: id})
}

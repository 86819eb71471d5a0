package rows

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// adder puts rows into a collection, some batches at once. It is driven by one
// goroutine.
type adder struct {
	*run
	filling *sending
	free    []*sending
	means   []store.Intended // of the batch that is about to be sent
	landed  chan *sending
	flying  int
	wait    sync.WaitGroup
	alone   bool // nothing is known to be in: the first batch fixes the dimension
}

// sending is a batch, and what became of its rows.
type sending struct {
	Batch
	rows    []uint32 // numbers of their ids in the set
	digests []record.Digest
	at      []int64  // numbers of the records
	taken   []bool   // acknowledged
	reasons []string // why a row was refused
	err     error
}

func (s *sending) reset() {
	s.Reset()
	s.rows, s.digests, s.at = s.rows[:0], s.digests[:0], s.at[:0]
	s.taken, s.reasons, s.err = s.taken[:0], s.reasons[:0], nil
}

// note notes a row that was appended.
func (s *sending) note(i uint32, at int64, digest record.Digest) {
	s.rows = append(s.rows, i)
	s.at = append(s.at, at)
	s.digests = append(s.digests, digest)
	s.taken = append(s.taken, false)
	s.reasons = append(s.reasons, "")
}

// full reports whether the record goes into another batch.
func (s *sending) full(rec memory.Record, limits Limits) bool {
	return len(s.rows) >= limits.BatchRows || s.Size()+int64(len(rec)) > limits.BatchBytes
}

// send puts the rows lo to hi in, in halves where some are refused.
func (s *sending) send(ctx context.Context, lo, hi int) error {
	err := s.Send(ctx, lo, hi)
	var no *RefusedError
	switch {
	case err == nil:
		for n := lo; n < hi; n++ {
			s.taken[n] = true
		}
		return nil
	case !errors.As(err, &no):
		return err
	case hi-lo == 1:
		s.reasons[lo] = no.Reason
		return nil
	}
	half := lo + (hi-lo)/2
	if err := s.send(ctx, lo, half); err != nil {
		return err
	}
	return s.send(ctx, half, hi)
}

// addMissing lists what lives and adds the records that the collection lacks.
func (r *run) addMissing(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if r.never == nil {
		var err error
		if r.result.Before, err = r.listLive(ctx); err != nil {
			return err
		}
	}
	return r.addTo(ctx, records)
}

// addTo adds the records that were not listed. When it can't go on it still waits
// for what is on its way, so that the result is true.
func (r *run) addTo(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	a := &adder{run: r, landed: make(chan *sending, r.limits.Sending+1), alone: r.result.Before == 0}
	for range r.limits.Sending + 1 {
		a.free = append(a.free, &sending{Batch: r.table.NewBatch()})
	}
	a.filling = a.take()
	err := a.each(ctx, records, func(rec memory.Record) error { return a.one(ctx, rec) })
	if err == nil {
		err = a.flush(ctx)
	}
	for a.flying > 0 {
		if landed := a.land(); err == nil {
			err = landed
		}
	}
	a.wait.Wait()
	return err
}

// one takes in a record: what lives is passed over, what can't be put in is
// refused, the rest goes into a batch.
func (a *adder) one(ctx context.Context, rec memory.Record) error {
	if a.never != nil && a.ids.Len() >= a.limits.BatchRows {
		if err := a.flush(ctx); err != nil {
			return err
		}
		a.forget()
	}
	if err := a.idOf(rec); err != nil {
		return a.malformed(rec, err)
	}
	if i := a.ids.Find(a.key); i >= 0 {
		_, err := a.once(uint32(i))
		return err
	}
	v := a.scanned
	if v == nil {
		var err error
		if v, err = a.scanner.Vector(rec); err != nil {
			return a.malformed(rec, err)
		}
	}
	i, _, err := a.ids.Add(v.Key)
	if err != nil {
		return err
	}
	a.ids.Marks[i] |= bundled
	if reason := a.table.Unfit(v.Dimension, a.fixed); reason != "" {
		return a.unfit(uint32(i), reason, rec)
	}
	return a.append(ctx, uint32(i), rec, v)
}

// unfit takes in a record that is known not to go in.
func (a *adder) unfit(i uint32, reason string, rec memory.Record) error {
	if err := a.refuse(i, reason); err != nil {
		return err
	}
	a.refusals[i] = refusal{reason, true}
	return a.reject(a.name(i), reason, rec)
}

// ignored takes in a record that the store took without a word, and has not: nothing
// says why, so that it is missing, not rejected.
func (a *adder) ignored(i uint32, reason string, rec memory.Record) error {
	if err := a.refuse(i, reason); err != nil {
		return err
	}
	a.refusals[i] = refusal{reason, true}
	a.result.Missing++
	if err := a.neverAgain(rec); err != nil {
		return err
	}
	return a.tell(store.Event{Outcome: store.Missing, ID: a.name(i), Reason: reason})
}

// append puts a record that the collection lacks into a batch.
func (a *adder) append(ctx context.Context, i uint32, rec memory.Record, v *record.Vector) error {
	var digest record.Digest
	if a.report != nil || a.intend != nil {
		var err error
		if digest, err = a.scanner.VectorDigest(rec, v); err != nil {
			return fmt.Errorf("record %d: %w", a.result.Records, err)
		}
	}
	if a.filling.full(rec, a.limits) {
		if err := a.flush(ctx); err != nil {
			return err
		}
	}
	added, err := a.filling.Append(rec, v)
	var no *RefusedError
	switch {
	case errors.Is(err, ErrIgnored):
		return a.ignored(i, err.Error(), rec)
	case errors.As(err, &no):
		return a.unfit(i, no.Reason, rec)
	case err != nil:
		return err
	case added:
		a.filling.note(i, a.result.Records, digest)
	default: // it came since the listing
		a.ids.Marks[i] |= live
	}
	return nil
}

// flush sends the batch that is being filled.
func (a *adder) flush(ctx context.Context) error {
	s := a.filling
	if s.Size() == 0 {
		return nil
	}
	if err := a.mean(s); err != nil {
		return err
	}
	a.filling = nil
	a.flying++
	a.wait.Go(func() {
		s.err = s.send(ctx, 0, len(s.rows))
		a.landed <- s
	})
	for a.alone || len(a.free) == 0 {
		a.alone = false
		if err := a.land(); err != nil {
			return err
		}
	}
	a.filling = a.take()
	return nil
}

// mean says which rows a batch is about to add. What is refused in it is sent again
// in halves, and is not said again.
func (a *adder) mean(s *sending) error {
	if a.intend == nil || len(s.rows) == 0 {
		return nil
	}
	a.means = a.means[:0]
	for n, i := range s.rows {
		a.means = append(a.means, store.Intended{ID: a.ids.At(int(i)), Digest: s.digests[n]})
	}
	if err := a.intend(a.means); err != nil {
		return caller{err}
	}
	return nil
}

func (a *adder) take() *sending {
	last := len(a.free) - 1
	s := a.free[last]
	a.free = a.free[:last]
	return s
}

// land waits for a batch and counts what became of its rows, then reports them.
func (a *adder) land() error {
	s := <-a.landed
	a.flying--
	err := s.err
	for n, i := range s.rows {
		switch {
		case s.taken[n]:
			a.result.Added++
			if a.never != nil {
				a.mine.Set(s.at[n])
			}
		case s.reasons[n] != "":
			if refused := a.refuse(i, s.reasons[n]); err == nil {
				err = refused
			}
		}
	}
	for n, i := range s.rows {
		if !s.taken[n] || a.report == nil || a.deaf {
			continue
		}
		if told := a.tell(store.Event{Outcome: store.Added, ID: a.name(i), Digest: s.digests[n]}); told != nil {
			err = told
		}
	}
	s.reset()
	a.free = append(a.free, s)
	return err
}

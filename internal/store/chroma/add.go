package chroma

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// sendersAtOnce is how many batches are on their way at once. More do not make a
// server faster: it is bound by its index.
const sendersAtOnce = 3

// The marks of a merge.
const (
	live    mark = 1 << (iota + 4) // in the collection before the merge
	bundled                        // in the records
	refused                        // not taken
	present                        // listed after the merge
)

// adder puts rows into a collection, some batches at once. It is driven by one
// goroutine.
type adder struct {
	*merger
	scanner record.Scanner
	key     []byte
	filling *batch
	free    []*batch
	landed  chan *batch
	flying  int
	wait    sync.WaitGroup
	alone   bool // nothing is known to be in: the first batch fixes the dimension
}

// addMissing adds the records that the collection lacks. When it can't go on it
// still waits for what is on its way, so that the result is true.
func (m *merger) addMissing(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	a := &adder{merger: m, landed: make(chan *batch, sendersAtOnce+1), alone: m.result.Before == 0}
	for range sendersAtOnce + 1 {
		a.free = append(a.free, &batch{})
	}
	for i := range m.set.marks {
		m.set.marks[i] |= live
	}
	a.filling = a.take()
	err := a.all(ctx, records)
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

func (a *adder) all(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err != nil {
			a.callers = err
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := a.one(ctx, rec); err != nil {
			return err
		}
	}
	return nil
}

// one takes in a record: what lives is passed over, what can't be put in is
// refused, the rest goes into a batch.
func (a *adder) one(ctx context.Context, rec memory.Record) error {
	a.result.Records++
	var err error
	if a.key, err = idOf(a.key[:0], rec, &a.scanner); err != nil {
		return fmt.Errorf("record %d: %w", a.result.Records, err)
	}
	i := a.set.find(a.key)
	if i < 0 {
		return a.missing(ctx, rec)
	}
	if a.set.marks[i]&bundled != 0 {
		return fmt.Errorf("record %d: row %q comes twice", a.result.Records, a.key)
	}
	a.set.marks[i] |= bundled
	return nil
}

// missing takes in a record that the collection lacks.
func (a *adder) missing(ctx context.Context, rec memory.Record) error {
	v, err := a.scanner.Vector(rec)
	if err != nil {
		return fmt.Errorf("record %d: %w", a.result.Records, err)
	}
	i, _, err := a.set.add(v.Key)
	if err != nil {
		return err
	}
	a.set.marks[i] |= bundled
	if reason := a.unfit(v.Dimension); reason != "" {
		return a.refuse(uint32(i), reason)
	}
	var digest record.Digest
	if a.opts.Report != nil {
		if digest, err = a.scanner.VectorDigest(rec, v); err != nil {
			return fmt.Errorf("record %d: %w", a.result.Records, err)
		}
	}
	if len(a.filling.rows) >= a.batchRows() || a.filling.size()+int64(len(rec)) > a.server.config.BatchBytes {
		if err := a.flush(ctx); err != nil {
			return err
		}
	}
	return a.filling.add(uint32(i), rec, v, digest, a.can.Base64)
}

// unfit says why a row whose vector has so many numbers can't be put in, if so.
func (m *merger) unfit(dimension int) string {
	switch {
	case dimension < 0:
		return "vector was not readable when it was backed up"
	case m.fixed > 0 && dimension != m.fixed:
		return fmt.Sprintf("vector has %d numbers, not %d", dimension, m.fixed)
	}
	return ""
}

func (m *merger) batchRows() int {
	rows := m.server.config.BatchRows
	if most := m.can.MaxBatchSize; most > 0 {
		rows = min(rows, most)
	}
	return rows
}

// refuse notes a row that will not go in. It is reported in the second pass,
// which has the record at hand. Where all rows or none go in it is an error.
func (m *merger) refuse(i uint32, reason string) error {
	m.set.marks[i] |= refused
	m.reasons[i] = reason
	if m.whole {
		return fmt.Errorf("row %q cannot be put in: %s", m.set.at(int(i)), reason)
	}
	return nil
}

// flush sends the batch that is being filled.
func (a *adder) flush(ctx context.Context) error {
	b := a.filling
	if len(b.rows) == 0 {
		return nil
	}
	a.filling = nil
	a.flying++
	a.wait.Go(func() {
		b.err = a.send(ctx, b, 0, len(b.rows))
		a.landed <- b
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

func (a *adder) take() *batch {
	last := len(a.free) - 1
	b := a.free[last]
	a.free = a.free[:last]
	return b
}

// land waits for a batch and counts what became of its rows, then reports them.
func (a *adder) land() error {
	b := <-a.landed
	a.flying--
	err := b.err
	for n, i := range b.rows {
		switch {
		case b.taken[n]:
			a.result.Added++
		case b.reasons[n] != "":
			if refused := a.refuse(i, b.reasons[n]); err == nil {
				err = refused
			}
		}
	}
	for n, i := range b.rows {
		if !b.taken[n] || a.opts.Report == nil || a.deaf {
			continue
		}
		e := store.Event{Outcome: store.Added, ID: string(a.set.at(int(i))), Digest: b.digests[n]}
		if told := a.tell(e); told != nil {
			err = told
		}
	}
	b.reset(a.server.config.BatchBytes)
	a.free = append(a.free, b)
	return err
}

// idOf appends the id of a record. Canonical records begin with it, so that one
// that lives already costs no scan.
func idOf(dst []byte, rec memory.Record, scanner *record.Scanner) ([]byte, error) {
	const head = `{"id":`
	if bytes.HasPrefix(rec, []byte(head+`"`)) {
		text := rec[len(head):]
		if end := 1 + bytes.IndexByte(text[1:], '"'); end > 1 && bytes.IndexByte(text[:end], '\\') < 0 {
			return append(dst, text[1:end]...), nil
		}
	}
	v, err := scanner.Vector(rec)
	if err != nil {
		return dst, err
	}
	return append(dst, v.Key...), nil
}

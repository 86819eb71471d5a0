package rows

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// The marks of a run, beside those of getting rows.
const (
	live    Mark = 1 << (iota + 4) // in the collection before the run
	bundled                        // in the records
	refused                        // not taken
	present                        // in the last listing
)

// run is what all calls know of a collection and of the records.
type run struct {
	table  Table
	limits Limits
	ids    *IDs
	report func(store.Event) error
	intend func([]store.Intended) error
	result *store.Result

	fixed int  // numbers of a vector, 0 when nothing has fixed it
	whole bool // a row that is refused ends it
	// never has the digests of the records that are not in, where the ids of the
	// first pass are not kept; nil elsewhere.
	never    *IDs
	mine     store.Bits // there, the numbers of the records that were added
	deaf     bool       // Report has failed
	refusals map[uint32]refusal
	scanner  record.Scanner
	scanned  *record.Vector // of the record whose id idOf took in, nil when it had no need to scan it
	key      []byte
}

// refusal is why a row was refused.
type refusal struct {
	reason string
	told   bool
}

func newRun(t Table, report func(store.Event) error) *run {
	limits := t.Limits()
	if limits.Lenient || limits.Unlisted { // a row may be on two pages
		limits.Sending, limits.Fetching = 0, 0
	}
	return &run{
		table: t, limits: limits, ids: NewIDs(0, 0), report: report, result: &store.Result{},
		fixed: limits.Dimension, refusals: map[uint32]refusal{},
	}
}

// each hands every record to one.
func (r *run) each(ctx context.Context, records iter.Seq2[memory.Record, error], one func(memory.Record) error) error {
	for rec, err := range records {
		if err != nil {
			return caller{err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := one(rec); err != nil {
			return err
		}
	}
	return nil
}

// listLive lists the ids that live in the collection.
func (r *run) listLive(ctx context.Context) (int64, error) {
	n, err := r.table.List(ctx,
		func(rows, size int64) { r.ids = NewIDs(rows, size) },
		func(id []byte) error { return r.ids.AddOnce(id) })
	for i := range r.ids.Marks {
		r.ids.Marks[i] |= live | present
	}
	return n, err
}

// relist lists the ids once more. Those that are not ours don't matter.
func (r *run) relist(ctx context.Context) (int64, error) {
	return r.table.List(ctx,
		func(int64, int64) { r.ids.Clear(present) },
		func(id []byte) error {
			if i := r.ids.Find(id); i >= 0 {
				r.ids.Marks[i] |= present
			}
			return nil
		})
}

// forget lets go of the ids where only some are kept.
func (r *run) forget() {
	if r.never != nil {
		r.ids.Truncate(0)
		clear(r.refusals)
	}
}

// tell reports an event.
func (r *run) tell(e store.Event) error {
	if r.report == nil || r.deaf {
		return nil
	}
	if err := r.report(e); err != nil {
		r.deaf = true
		return caller{err}
	}
	return nil
}

func (r *run) name(i uint32) string { return string(r.ids.At(int(i))) }

// reject counts and reports a record that will not go in.
func (r *run) reject(id, reason string, rec memory.Record) error {
	r.result.Rejected++
	if err := r.neverAgain(rec); err != nil {
		return err
	}
	return r.tell(store.Event{Outcome: store.Rejected, ID: id, Reason: reason, Record: rec})
}

// neverAgain keeps a record from the second pass, where the ids of the first are not
// kept.
func (r *run) neverAgain(rec memory.Record) error {
	if r.never == nil {
		return nil
	}
	digest := r.scanner.LineDigest(rec)
	_, _, err := r.never.Add(digest[:])
	return err
}

// malformed deals with a record that is no row, which has no id to show.
func (r *run) malformed(rec memory.Record, err error) error {
	if !r.limits.Lenient {
		return fmt.Errorf("record %d: %w", r.result.Records, err)
	}
	return r.reject(digestOf(rec, &r.scanner), err.Error(), rec)
}

// digestOf names a record that has no id.
func digestOf(rec memory.Record, scanner *record.Scanner) string {
	digest := scanner.LineDigest(rec)
	return hex.EncodeToString(digest[:])
}

// refuse notes a row that will not go in, to be told when its record is at hand
// again. Where all rows or none go in it is an error.
func (r *run) refuse(i uint32, reason string) error {
	r.ids.Marks[i] |= refused
	r.refusals[i] = refusal{reason: reason}
	if r.whole {
		return unfit(r.ids.At(int(i)), reason)
	}
	return nil
}

func unfit(id []byte, reason string) error {
	return &RefusedError{fmt.Sprintf("row %q cannot be put in: %s", id, reason)}
}

// idOf takes in the id of a record of the first pass, where one that is no row
// is found.
func (r *run) idOf(rec memory.Record) (err error) {
	r.result.Records++
	if r.limits.Lenient { // it is to be known now whether it is a row
		if r.scanned, err = r.scanner.Vector(rec); err == nil {
			r.key = append(r.key[:0], r.scanned.Key...)
		}
		return err
	}
	r.key, err = AppendID(r.key[:0], rec, &r.scanner)
	return err
}

// AppendID appends the id of a record. Canonical records begin with it, so that one
// that lives already costs no scan.
func AppendID(dst []byte, rec memory.Record, scanner *record.Scanner) ([]byte, error) {
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

// enroll takes the ids of the records into the set, beside those that live, and
// notes the records that can't be put in. It is the first of two passes: nothing
// may be added to the set while rows are got.
func (r *run) enroll(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	return r.each(ctx, records, func(rec memory.Record) error {
		if err := r.idOf(rec); err != nil {
			return r.malformed(rec, err)
		}
		i, _, err := r.ids.Add(r.key)
		if err == nil {
			err = r.mark(uint32(i), rec)
		}
		return err
	})
}

// once marks a row as one of the records; false when one of its id came before.
func (r *run) once(i uint32) (first bool, err error) {
	if r.ids.Marks[i]&bundled == 0 {
		r.ids.Marks[i] |= bundled
		return true, nil
	}
	if !r.limits.Lenient {
		err = fmt.Errorf("record %d: row %q comes twice", r.result.Records, r.key)
	}
	return false, err
}

// mark takes in a record whose row is not added now.
func (r *run) mark(i uint32, rec memory.Record) error {
	if first, err := r.once(i); !first {
		return err
	}
	numbers, err := dimension(rec, &r.scanner)
	if err != nil {
		return fmt.Errorf("record %d: %w", r.result.Records, err)
	}
	if reason := r.table.Unfit(numbers, r.fixed); reason != "" {
		return r.refuse(i, reason)
	}
	if r.fixed == 0 {
		r.fixed = numbers // the first row would fix it
	}
	return nil
}

// dimension returns how many numbers the embedding of a record has, -1 when it
// is null. A canonical record is not scanned for it.
func dimension(rec memory.Record, scanner *record.Scanner) (int, error) {
	embedding, _, ok := split(rec)
	if !ok {
		v, err := scanner.Vector(rec)
		if err != nil {
			return 0, err
		}
		return v.Dimension, nil
	}
	switch {
	case embedding[0] == 'n':
		return -1, nil
	case string(embedding) == "[]":
		return 0, nil
	}
	return bytes.Count(embedding, []byte(",")) + 1, nil
}

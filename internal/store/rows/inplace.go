package rows

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// Takes makes sure that the collection takes all of the records, and none comes
// twice. It returns how many they are, and writes nothing.
func Takes(ctx context.Context, t Table, records iter.Seq2[memory.Record, error]) (int64, error) {
	r := newRun(t, nil)
	if err := r.enroll(ctx, records); err != nil {
		return 0, err
	}
	return r.result.Records, r.noneRefused()
}

func (r *run) noneRefused() error {
	for i, marked := range r.ids.Marks {
		if marked&refused != 0 {
			return fmt.Errorf("row %q cannot be put in, nor %d others: %s",
				r.ids.At(i), len(r.refusals)-1, r.refusals[uint32(i)].reason)
		}
	}
	return nil
}

// InPlace makes the rows of a collection those of the records, one by one. It
// decides about what it reads.
type InPlace struct {
	*run
	differ  int64  // rows of the last look
	example string // and what is wrong with the first
}

// Begin lists the rows and wants them to be those of safety, by their ids: ErrMoved
// else. A nil safety compares nothing.
func Begin(ctx context.Context, t Table, safety iter.Seq2[memory.Record, error]) (*InPlace, error) {
	p := &InPlace{run: newRun(t, nil)}
	var err error
	if p.result.Before, err = p.listLive(ctx); err != nil || safety == nil {
		return p, err
	}
	return p, p.unmoved(ctx, safety)
}

// Before are the rows that were there at first.
func (p *InPlace) Before() int64 { return p.result.Before }

// Run adds the records that are missing, replaces the rows that differ, deletes those
// that the records lack, and reads all of it back. A row is deleted to be replaced
// once the store has looked at its replacement and would take it, some rows at a
// time, so that a crash costs no row that the records don't hold; the same again goes
// on from there, with a nil safety. Rows that came after the listing stay: late counts
// them, of all rows.
func (p *InPlace) Run(ctx context.Context, records iter.Seq2[memory.Record, error]) (rows, late int64, err error) {
	for _, step := range []func(context.Context, iter.Seq2[memory.Record, error]) error{
		p.add, p.mendLive, p.deleteOthers, p.readBack,
	} {
		if err := step(ctx, records); err != nil {
			return 0, 0, err
		}
	}
	rows, err = p.table.List(ctx, func(int64, int64) { late = 0 }, func(id []byte) error {
		if i := p.ids.Find(id); i < 0 || p.ids.Marks[i]&bundled == 0 {
			late++
		}
		return nil
	})
	return rows, late, err
}

// unmoved wants the live ids to be those of the safety copy.
func (p *InPlace) unmoved(ctx context.Context, safety iter.Seq2[memory.Record, error]) error {
	var rows int
	p.ids.Clear(present)
	err := p.each(ctx, safety, func(rec memory.Record) error {
		rows++
		var err error
		if p.key, err = AppendID(p.key[:0], rec, &p.scanner); err != nil {
			return fmt.Errorf("row %d of the safety copy: %w", rows, err)
		}
		i := p.ids.Find(p.key)
		switch {
		case i < 0:
			return fmt.Errorf("%w: row %q is gone", store.ErrMoved, p.key)
		case p.ids.Marks[i]&present != 0:
			return fmt.Errorf("row %d of the safety copy: row %q comes twice", rows, p.key)
		}
		p.ids.Marks[i] |= present
		return nil
	})
	if err == nil && rows != p.ids.Len() {
		err = fmt.Errorf("%w: %d rows, of which it holds %d", store.ErrMoved, p.ids.Len(), rows)
	}
	return err
}

// add adds the records that are missing to the rows that were listed.
func (p *InPlace) add(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := p.addTo(ctx, records); err != nil {
		return err
	}
	return p.noneRefused()
}

// look compares the rows that bear a mark with their records, and marks those
// that differ, or that are not there.
func (p *InPlace) look(ctx context.Context, records iter.Seq2[memory.Record, error], of Mark) error {
	p.differ, p.example = 0, ""
	for i, m := range p.ids.Marks {
		if m&of != 0 {
			m |= present
		} else {
			m &^= present
		}
		p.ids.Marks[i] = m &^ (differing | Unreadable)
	}
	v := p.newProver(p)
	return v.compareAll(ctx, records, func(ctx context.Context, rec memory.Record) error {
		i, _, err := v.number(rec)
		if err != nil || p.ids.Marks[i]&present == 0 {
			return err
		}
		return v.ask(ctx, i, rec)
	})
}

func (p *InPlace) mendLive(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	return p.mend(ctx, records, live)
}

// mend puts the records in the place of the rows that differ.
func (p *InPlace) mend(ctx context.Context, records iter.Seq2[memory.Record, error], of Mark) error {
	if err := p.look(ctx, records, of); err != nil || p.differ == 0 {
		return err
	}
	return p.replaceAll(ctx, records)
}

// readBack wants all rows to be what the records say. A row that is not is put
// in once more: a new row may come with arrays that a dropped one has left.
func (p *InPlace) readBack(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := p.mend(ctx, records, bundled); err != nil || p.differ == 0 {
		return err
	}
	if err := p.look(ctx, records, differing); err != nil || p.differ == 0 {
		return err
	}
	return fmt.Errorf("%d rows are not what was put in: %s", p.differ, p.example)
}

func (p *InPlace) judge(i uint32, v Verdict) error {
	if v.ok() {
		return nil
	}
	return p.lacks(i, v.Differs)
}

func (p *InPlace) removed(i uint32) error { return p.lacks(i, "it is not there") }

func (p *InPlace) lacks(i uint32, reason string) error {
	if p.differ++; p.differ == 1 {
		p.example = fmt.Sprintf("row %q: %s", p.ids.At(int(i)), reason)
	}
	p.ids.Marks[i] |= differing
	return nil
}

// deleteOthers deletes the rows that the records lack, of those that were listed
// at first.
func (p *InPlace) deleteOthers(ctx context.Context, _ iter.Seq2[memory.Record, error]) error {
	_, err := p.table.Delete(ctx, p.ids, p.ids.Numbers(live, bundled))
	return err
}

// replaceAll puts the records of the rows that differ in their place, some at a time.
func (p *InPlace) replaceAll(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	s := &sending{Batch: p.table.NewBatch()}
	err := p.each(ctx, records, func(rec memory.Record) error {
		var err error
		if p.key, err = AppendID(p.key[:0], rec, &p.scanner); err != nil {
			return err
		}
		i := p.ids.Find(p.key)
		if i < 0 || p.ids.Marks[i]&differing == 0 {
			return nil
		}
		if s.full(rec, p.limits) {
			if err := p.replace(ctx, s); err != nil {
				return err
			}
		}
		v, err := p.scanner.Vector(rec)
		if err == nil {
			_, err = s.Append(rec, v)
		}
		if err != nil {
			return fmt.Errorf("row %q: %w", p.key, err)
		}
		s.note(uint32(i), 0, record.Digest{})
		return nil
	})
	if err != nil {
		return err
	}
	return p.replace(ctx, s)
}

// replace puts a batch in the place of its rows. It is added first, and changes
// nothing while the old rows are there: but the store looks at it, and refuses
// what it would refuse afterwards too.
func (p *InPlace) replace(ctx context.Context, s *sending) error {
	if len(s.rows) == 0 {
		return nil
	}
	if err := p.put(ctx, s); err != nil {
		return err
	}
	if _, err := p.table.Delete(ctx, p.ids, s.rows); err != nil {
		return err
	}
	if err := p.put(ctx, s); err != nil {
		return err
	}
	s.reset()
	return nil
}

// put adds a batch, and wants all of it to be taken.
func (p *InPlace) put(ctx context.Context, s *sending) error {
	if err := s.send(ctx, 0, len(s.rows)); err != nil {
		return err
	}
	for n, reason := range s.reasons {
		if reason != "" {
			return unfit(p.ids.At(int(s.rows[n])), reason)
		}
	}
	return nil
}

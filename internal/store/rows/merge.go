package rows

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Merge adds the records that the collection lacks, then lists the ids and reads
// every row of the records back. result is true at any time; Created is left to the
// caller.
func Merge(ctx context.Context, t Table, records iter.Seq2[memory.Record, error], opts store.MergeOptions, result *store.Result) error {
	r := newRun(t, opts.Report)
	r.result, r.intend = result, opts.Intend
	if r.limits.Unlisted {
		r.never = NewIDs(0, 0)
	}
	if err := r.addMissing(ctx, records); err != nil {
		return err
	}
	r.forget()
	return r.prove(ctx, records)
}

// prove lists the ids, then reads the records again and, unless ids are proof
// enough, each of their rows.
func (r *run) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	m := &merged{}
	m.prover = r.newProver(m)
	if r.never == nil {
		var err error
		if r.result.After, err = r.relist(ctx); err != nil {
			return err
		}
	} else {
		m.used = func(ctx context.Context) error {
			err := m.judgeAbsent(ctx)
			m.forget()
			return err
		}
	}
	return m.compareAll(ctx, records, m.one)
}

// merged decides about the rows of a merge.
type merged struct {
	*prover

	foreseen bool // nothing was sent: what did not live would be in
}

// one takes in a record: what is known of it is told, the rest is asked for.
func (m *merged) one(ctx context.Context, rec memory.Record) error {
	if m.never != nil { // before it has a number, which may be let go of
		if err := m.room(ctx, rec); err != nil {
			return err
		}
	}
	i, ok, err := m.number(rec)
	if err != nil || !ok {
		return err
	}
	switch mark := m.ids.Marks[i]; {
	case mark&refused != 0:
		if no := m.refusals[i]; !no.told {
			return m.reject(m.name(i), no.reason, rec)
		}
		return nil
	case m.foreseen && mark&live == 0:
		m.result.Same++
		return nil
	case mark&present == 0 && mark&live != 0: // it was seen in
		return m.removed(i)
	case mark&present == 0:
		return m.lacks(i, "acknowledged, but not listed afterwards")
	case m.result.Proof == store.ProofIDs && m.never == nil:
		m.result.Same++
		return nil
	}
	return m.ask(ctx, i, rec)
}

// judge counts a row that came. What was added and reads back otherwise may have
// been changed since by its owner, but as a rule nobody can say so.
func (m *merged) judge(i uint32, v Verdict) error {
	switch {
	case v.ok() || m.result.Proof == store.ProofIDs:
		m.result.Same++
		return nil
	case v.Unreadable:
		return m.lacks(i, v.Differs)
	}
	m.ids.Marks[i] |= differing
	if m.ids.Marks[i]&live == 0 && !m.limits.Faithful {
		return m.lacks(i, "added, but it reads back otherwise: "+v.Differs)
	}
	m.unkept(i)
	m.result.Differs++
	return m.tell(store.Event{Outcome: store.Differs, ID: m.name(i), Reason: v.Differs})
}

func (m *merged) removed(i uint32) error {
	m.unkept(i)
	m.result.Removed++
	return m.tell(store.Event{Outcome: store.Removed, ID: m.name(i)})
}

func (m *merged) lacks(i uint32, reason string) error {
	m.unkept(i)
	m.result.Missing++
	return m.tell(store.Event{Outcome: store.Missing, ID: m.name(i), Reason: reason})
}

// unkept counts a row that was added and is not what it was then.
func (m *merged) unkept(i uint32) {
	if m.ids.Marks[i]&(live|refused) == 0 {
		m.result.Unkept++
	}
}

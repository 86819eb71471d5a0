package rows

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Compare says what a replace of the rows by the records would do, but for Bytes
// and Newest, and changes nothing. A row that can't be read has changed. It also
// returns the rows that were not got.
func Compare(ctx context.Context, t Table, records iter.Seq2[memory.Record, error], report func(store.Event) error) (store.Difference, Rest, error) {
	r := newRun(t, report)
	c := &comparison{}
	c.prover = r.newProver(c)
	err := c.run(ctx, records)
	c.difference.Rejected = r.result.Rejected
	return c.difference, Rest{r.ids, r.ids.Numbers(live, Answered|Unreadable)}, err
}

// Rest is live rows that a Compare had no reason to get.
type Rest struct {
	IDs  *IDs
	Rows []uint32
}

// named says that a record had the id; rows of a Compare bear no other such mark.
const named = differing

// comparison decides about the rows of a Compare.
type comparison struct {
	*prover
	difference store.Difference
}

func (c *comparison) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	var err error
	if c.difference.Live, err = c.listLive(ctx); err != nil {
		return err
	}
	if err := c.enroll(ctx, records); err != nil {
		return err
	}
	if err := c.compareAll(ctx, records, c.one); err != nil {
		return err
	}
	return c.lost()
}

// one takes in a record: its row is asked for, when it lives.
func (c *comparison) one(ctx context.Context, rec memory.Record) error {
	i, ok, err := c.number(rec)
	if err != nil || !ok {
		return err
	}
	m := c.ids.Marks[i]
	c.ids.Marks[i] |= named
	switch {
	case m&named != 0: // a lenient Table's record whose id came before
		return nil
	case m&refused != 0:
		return c.refused(i, rec)
	case m&live == 0:
		return c.misses(i)
	}
	return c.ask(ctx, i, rec)
}

// refused counts a record that can't be put in. The row of its id, if one lives,
// would not stay as it is.
func (c *comparison) refused(i uint32, rec memory.Record) error {
	if err := c.reject(c.name(i), c.refusals[i].reason, rec); err != nil || c.ids.Marks[i]&live == 0 {
		return err
	}
	return c.lacks(i, "the record cannot take its place")
}

// misses counts a record that is not there.
func (c *comparison) misses(i uint32) error {
	c.difference.New++
	return c.tell(store.Event{Outcome: store.Missing, ID: c.name(i)})
}

func (c *comparison) judge(i uint32, v Verdict) error {
	if !v.ok() {
		return c.lacks(i, v.Differs)
	}
	c.difference.Same++
	return nil
}

func (c *comparison) lacks(i uint32, reason string) error {
	c.difference.Changed++
	return c.tell(store.Event{Outcome: store.Differs, ID: c.name(i), Reason: reason})
}

// removed takes a row that went meanwhile for one that was never there.
func (c *comparison) removed(i uint32) error {
	c.difference.Live--
	return c.misses(i)
}

// lost counts the live rows that the records lack.
func (c *comparison) lost() error {
	for i, m := range c.ids.Marks {
		if m&(live|bundled) != live {
			continue
		}
		c.difference.Lost++
		if err := c.tell(store.Event{Outcome: store.Lost, ID: c.name(uint32(i))}); err != nil {
			return err
		}
	}
	return nil
}

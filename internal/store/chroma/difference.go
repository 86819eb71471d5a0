package chroma

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Compare says what a replace of the section by records would do. Rows are
// compared as the proof of a merge compares them; one whose vector can't be read
// has changed. Rows that the records lack are got without their vectors: Bytes
// takes those to be as long as others.
func (s *Server) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	defer s.client.close()
	var difference store.Difference
	m, found, err := s.openFor(ctx, spec, opts.Report)
	if err != nil {
		return difference, err
	}
	c := &comparer{prover: m.newProver(), difference: &difference, weight: &weight{}}
	c.ruler, c.prover.weight = c, c.weight
	if err := c.compareAll(ctx, found, records); err != nil {
		return difference, m.explain("compare", err, store.ErrUnreadable)
	}
	difference.Bytes, difference.Newest = c.weight.total(), c.weight.newest
	return difference, nil
}

// openFor looks the collection of a section up for more than adding to it; found
// is nil when it is absent.
func (s *Server) openFor(ctx context.Context, spec memory.SectionSpec, report func(store.Event) error) (*merger, *collection, error) {
	name, err := s.collectionOf(spec.Name)
	if err != nil {
		return nil, nil, err
	}
	can, err := s.reach(ctx)
	if err != nil {
		return nil, nil, err
	}
	m := &merger{server: s, spec: spec, opts: store.MergeOptions{Report: report}, result: &store.Result{}, can: can}
	found, err := s.client.find(ctx, name)
	if err != nil {
		return nil, nil, m.explain("look at", err, store.ErrUnreadable)
	}
	m.attach(or(found, &collection{}))
	m.set = newIDSet(0, 0)
	return m, found, nil
}

// explain says which section an error belongs to, unless it is the caller's own;
// kind is as of failed.
func (m *merger) explain(verb string, err, kind error) error {
	if m.theirs(err) {
		return err
	}
	return m.server.failed(verb, m.spec.Name, err, kind)
}

// comparer is one Compare.
type comparer struct {
	*prover
	difference *store.Difference
	weight     *weight
}

func (c *comparer) compareAll(ctx context.Context, found *collection, records iter.Seq2[memory.Record, error]) error {
	if found != nil {
		var err error
		if c.difference.Live, err = c.listLive(ctx); err != nil {
			return err
		}
	}
	if err := c.enroll(ctx, records); err != nil {
		return err
	}
	if err := c.each(ctx, records, c.one); err != nil {
		return err
	}
	if err := c.lost(); err != nil {
		return err
	}
	return c.weigh(ctx)
}

// one takes in a record: its row is asked for, when it lives.
func (c *comparer) one(ctx context.Context, rec memory.Record) error {
	i, err := c.number(rec)
	if err != nil {
		return err
	}
	switch m := c.set.marks[i]; {
	case m&refused != 0:
		return c.rejects(i, rec)
	case m&live == 0:
		return c.misses(i)
	}
	return c.ask(ctx, i, rec)
}

// rejects counts a record that can't be put in. The row of its id, if one lives,
// would not stay as it is.
func (c *comparer) rejects(i uint32, rec memory.Record) error {
	c.difference.Rejected++
	err := c.tell(store.Event{Outcome: store.Rejected, ID: c.name(i), Reason: c.reasons[i], Record: rec})
	if err != nil || c.set.marks[i]&live == 0 {
		return err
	}
	return c.lacks(i, "the record cannot take its place")
}

// misses counts a record that is not there.
func (c *comparer) misses(i uint32) error {
	c.difference.New++
	return c.tell(store.Event{Outcome: store.Missing, ID: c.name(i)})
}

func (c *comparer) judge(i uint32, v verdict) error {
	if v != same {
		return c.lacks(i, string(v))
	}
	c.difference.Same++
	return nil
}

func (c *comparer) lacks(i uint32, reason string) error {
	c.difference.Changed++
	return c.tell(store.Event{Outcome: store.Differs, ID: c.name(i), Reason: reason})
}

// removed takes a row that went meanwhile for one that was never there.
func (c *comparer) removed(i uint32) error {
	c.difference.Live--
	return c.misses(i)
}

// lost counts the live rows that the records lack.
func (c *comparer) lost() error {
	for i, m := range c.set.marks {
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

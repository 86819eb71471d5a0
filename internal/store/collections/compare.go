package collections

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

const (
	idsQuery = `SELECT number, id FROM records WHERE collection = ? ORDER BY number`
	// length reads no more than the head of a row.
	sizeQuery = `SELECT total(length(id) + ifnull(length(CAST(metadata AS BLOB)), 4) + ifnull(length(CAST(document AS BLOB)), 4))
FROM records WHERE collection = ?`
)

// Compare implements store.Replacer, in one read transaction. It remembers eight
// bytes for each live row that a record names. Newest is zero: rows have no time
// that this engine knows of.
func (s *Store) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (diff store.Difference, err error) {
	if err := checkSpec(spec); err != nil {
		return diff, fmt.Errorf("compare %s: %w", spec.Name, err)
	}
	look, err := s.open(ctx, []memory.Section{spec.Name})
	if err != nil {
		return diff, err
	}
	defer func() { err = errors.Join(err, look.Close()) }()
	if _, err := s.collectionOf(spec.Name); err != nil {
		return diff, err
	}
	e, exists := look.entries[spec.Name]
	spec = inherit(spec, e)
	if err := e.accepts(spec); err != nil {
		return diff, fmt.Errorf("compare %s: %w", spec.Name, err)
	}
	c := &comparison{opts: opts, dimension: spec.Dimension, taken: map[int64]struct{}{}}
	if exists {
		if c.live, err = newFinder(ctx, look.file, e); err != nil {
			return diff, fmt.Errorf("compare %s: %w", spec.Name, explain(err))
		}
		defer func() { err = errors.Join(err, c.live.close()) }()
	}
	if err := c.run(ctx, look.file, e, records); err != nil {
		return diff, fmt.Errorf("compare %s: %w", spec.Name, explain(err))
	}
	return c.diff, nil
}

// comparison is one run of Compare.
type comparison struct {
	opts      store.CompareOptions
	dimension int                // of the records; 0 until the first
	live      *finder            // nil when there is no collection
	taken     map[int64]struct{} // numbers of live rows that a record names
	in        incoming
	diff      store.Difference
}

func (c *comparison) run(ctx context.Context, f *file, e entry, records iter.Seq2[memory.Record, error]) error {
	for line, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.one(ctx, line)
		}
		if err != nil {
			return err
		}
	}
	if c.live == nil {
		return nil
	}
	return c.rest(ctx, f, e)
}

// one counts one record.
func (c *comparison) one(ctx context.Context, line memory.Record) error {
	reason := c.in.parse(line)
	if reason == "" {
		reason = c.in.fits(c.dimension)
	}
	if reason != "" {
		c.diff.Rejected++
		return c.report(store.Event{Outcome: store.Rejected, ID: c.in.name(), Reason: reason, Record: line})
	}
	c.dimension = c.in.vector.Dimension
	id := string(c.in.vector.Key)
	outcome, reason, err := c.judge(ctx)
	if err != nil {
		return fmt.Errorf("compare row %q: %w", id, err)
	}
	if outcome == store.Removed {
		c.diff.New++
		return c.report(store.Event{Outcome: store.Missing, ID: id, Reason: "the row is not in the collection"})
	}
	if _, twice := c.taken[c.live.number]; twice {
		return nil
	}
	c.taken[c.live.number] = struct{}{}
	if outcome == store.Same {
		c.diff.Same++
		return nil
	}
	c.diff.Changed++
	return c.report(store.Event{Outcome: outcome, ID: id, Reason: reason})
}

func (c *comparison) judge(ctx context.Context) (store.Outcome, string, error) {
	if c.live == nil {
		return store.Removed, "", nil
	}
	return c.live.judge(ctx, &c.in)
}

// rest counts the live rows, and those that no record names.
func (c *comparison) rest(ctx context.Context, f *file, e entry) (err error) {
	var texts float64
	if err := f.conn.QueryRowContext(ctx, sizeQuery, e.number).Scan(&texts); err != nil {
		return err
	}
	rows, err := f.conn.QueryContext(context.WithoutCancel(ctx), idsQuery, e.number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var number int64
	var id string
	for rows.Next() {
		if err := errors.Join(ctx.Err(), rows.Scan(&number, &id)); err != nil {
			return err
		}
		c.diff.Live++
		if _, found := c.taken[number]; found {
			continue
		}
		c.diff.Lost++
		if err := c.report(store.Event{Outcome: store.Lost, ID: id, Reason: "no record has its id"}); err != nil {
			return err
		}
	}
	c.diff.Bytes = int64(texts) + c.diff.Live*int64(rowBytes+numberBytes*e.dimension)
	return rows.Err()
}

// What a row takes as a record beside its texts: keys and punctuation, and a
// number of its embedding, which is most often written with 8 or 9 digits.
const (
	rowBytes    = len(`{"id":"","embedding":[],"metadata":,"document":""}`) + 1
	numberBytes = 12
)

func (c *comparison) report(event store.Event) error {
	if c.opts.Report == nil {
		return nil
	}
	return c.opts.Report(event)
}

// inherit fills in what spec doesn't say from the live collection, the zero entry
// when there is none.
func inherit(spec memory.SectionSpec, live entry) memory.SectionSpec {
	if spec.Collection == nil && live.number != 0 {
		spec.Collection = &live.collection
	}
	if spec.Distance == "" {
		spec.Distance = live.distance
	}
	if spec.Dimension == 0 {
		spec.Dimension = live.dimension
	}
	return spec
}

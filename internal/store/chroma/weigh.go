package chroma

import (
	"context"
	"errors"
)

// weigh gets the live rows that did not come yet, without their vectors.
func (c *comparer) weigh(ctx context.Context) error {
	if err := c.sample(ctx); err != nil {
		return err
	}
	c.what = withoutVectors
	s := sizer{rows: c.server.config.PageRows, bytes: c.limit}
	rescued := rescue{
		got: func(_ context.Context, pg *page) error {
			s.learn(len(pg.rows), int64(len(pg.body)))
			for n := range pg.rows {
				c.weight.add(pg, n)
			}
			return nil
		},
		lost: func(i uint32, _ error) error {
			c.set.marks[i] |= unreadable // it weighs nothing: nobody can read it
			return nil
		},
	}
	p, fetching := newPipe(ctx, func(ctx context.Context, pg *page) error {
		return c.get(ctx, pg, withoutVectors, c.limit)
	}, func(ctx context.Context, pg *page) error {
		if errors.Is(pg.err, errTooLarge) {
			s.tooMany(len(pg.ask))
		}
		return c.settle(ctx, pg, pg.err, rescued)
	})
	defer p.close()
	for next := 0; next < c.set.len(); {
		pg, err := p.page(fetching)
		if err != nil {
			return err
		}
		if next = c.unweighed(pg, next, s.next()); len(pg.ask) > 0 {
			p.send(fetching, pg)
		}
	}
	return p.drain(fetching)
}

// unweighed puts up to most rows that did not come yet onto a page, and returns
// where to go on.
func (c *comparer) unweighed(pg *page, from, most int) int {
	for ; from < c.set.len() && len(pg.ask) < most; from++ {
		if c.set.marks[from]&(live|answered|unreadable) == live {
			pg.ask = append(pg.ask, uint32(from))
		}
	}
	return from
}

// sample learns how long a vector is from a few rows, when none has come. Where
// none can be read, a backup would hold none either.
func (c *comparer) sample(ctx context.Context) error {
	pg := page{halved: true} // not worth waiting for
	c.unweighed(&pg, 0, firstRows)
	if c.weight.vectors > 0 || len(pg.ask) == 0 {
		return nil
	}
	err := c.get(ctx, &pg, everything, c.limit)
	if brokenRows(err) || errors.Is(err, errTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	var w weight
	for n, i := range pg.rows {
		w.add(&pg, n)
		c.set.marks[i] &^= answered // weighed with the others
	}
	c.weight.vectors, c.weight.text = w.vectors, w.text
	return nil
}

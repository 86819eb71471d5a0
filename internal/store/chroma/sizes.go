package chroma

import (
	"context"
	"errors"
	"time"

	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// sizes are how much rows take as records, and the time of the newest.
type sizes struct {
	bytes   int64
	vectors int64 // rows whose vector came,
	text    int64 // and the bytes of those vectors
	bare    int64 // rows that came without being asked for their vector
	newest  time.Time
}

// add adds row n of a page that was checked.
func (s *sizes) add(p *page, n int) {
	const shell = len(`{"id":,"embedding":,"metadata":,"document":}` + "\n")
	c := &p.columns
	s.bytes += int64(shell + c.IDs[n].End - c.IDs[n].Start)
	for _, column := range [][]record.Span{c.Embeddings, c.Metadatas, c.Documents} {
		if len(column) > 0 {
			s.bytes += int64(column[n].End - column[n].Start)
		}
	}
	switch {
	case len(c.Embeddings) == 0:
		s.bare++
	case !p.vectorless(n):
		s.vectors++
		s.text += int64(c.Embeddings[n].End - c.Embeddings[n].Start)
	}
	if len(c.Metadatas) > 0 {
		if at := written(c.Metadatas[n].Of(p.body)); at.After(s.newest) {
			s.newest = at
		}
	}
}

// join adds what another has weighed.
func (s *sizes) join(o *sizes) {
	s.bytes += o.bytes
	s.vectors += o.vectors
	s.text += o.text
	s.bare += o.bare
	if o.newest.After(s.newest) {
		s.newest = o.newest
	}
}

// total estimates the vectors that were not asked for by those that came.
func (s *sizes) total() int64 {
	if s.vectors == 0 {
		return s.bytes
	}
	return s.bytes + s.bare*s.text/s.vectors
}

// written returns the time in a row's metadata, zero when there is none.
func written(metadata []byte) time.Time {
	for _, key := range record.TimeKeys() {
		span, _ := record.Lookup(metadata, key)
		if at := record.Time(span.Of(metadata)); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// estimate gets the live rows that were not compared, without their vectors.
type estimate struct {
	*table
	ids   *rows.IDs
	sizes sizes
	sizer rows.Sizer
}

// measure says what the live rows take and how old they are: those that a Compare
// has got, and the others.
func (t *table) measure(ctx context.Context, rest rows.Rest, d *store.Difference) error {
	e := &estimate{table: t, ids: rest.IDs, sizer: rows.Sizer{First: firstRows, Rows: t.server.config.PageRows, Bytes: t.limit}}
	for _, part := range t.sizes {
		e.sizes.join(part)
	}
	if err := e.others(ctx, rest.Rows); err != nil {
		return err
	}
	d.Bytes, d.Newest = e.sizes.total(), e.sizes.newest
	return nil
}

func (e *estimate) others(ctx context.Context, left []uint32) error {
	if err := e.sample(ctx, left); err != nil {
		return err
	}
	p, fetching := rows.NewPipe(ctx, fetchesAtOnce, e.page, func(ctx context.Context, p *page) error {
		return p.Fetch(ctx, e.ids, p.ask)
	}, e.use)
	defer p.Close()
	for len(left) > 0 {
		pg, err := p.Page(fetching)
		if err != nil {
			return err
		}
		n := min(len(left), e.sizer.Next())
		pg.ask, left = rows.Ask{Rows: left[:n], Bare: true}, left[n:]
		if err := p.Send(fetching); err != nil {
			return err
		}
	}
	return p.Drain(fetching)
}

func (e *estimate) page() *page { return &page{fetcher: &e.fetcher} }

func (e *estimate) use(ctx context.Context, p *page, fetched error) error {
	ask := p.ask
	if errors.Is(fetched, rows.ErrTooLarge) {
		e.sizer.TooMany(len(ask.Rows))
	}
	return rows.Rescue{
		Get: func(ctx context.Context, ask rows.Ask) error { return p.Fetch(ctx, e.ids, ask) },
		Got: func(context.Context) error {
			e.sizer.Learn(len(p.rows), int64(len(p.body)))
			for n := range p.rows {
				e.sizes.add(p, n)
			}
			return nil
		},
		Lost: func(uint32, error) error { return nil }, // it takes nothing: nobody can read it
	}.Settle(ctx, ask, fetched)
}

// sample learns how long a vector is from a few rows, when none has come. Where
// none can be read, a backup would hold none either.
func (e *estimate) sample(ctx context.Context, left []uint32) error {
	if e.sizes.vectors > 0 || len(left) == 0 {
		return nil
	}
	p := e.page()
	ask := rows.Ask{Rows: left[:min(len(left), firstRows)], Waited: true} // not worth waiting for
	err := p.Fetch(ctx, e.ids, ask)
	if errors.Is(err, rows.ErrBroken) || errors.Is(err, rows.ErrTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	var some sizes
	for n := range p.rows {
		some.add(p, n)
	}
	e.sizes.vectors, e.sizes.text = some.vectors, some.text
	return nil
}

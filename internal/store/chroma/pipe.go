package chroma

import (
	"context"
	"errors"
	"slices"
	"sync"

	"keepsake/internal/record"
)

// fetchesAtOnce is how many pages are on their way at once. Two keep a server
// busy; one more page is being used meanwhile.
const fetchesAtOnce = 2

// pipe fetches pages at once and hands them to use in the order in which they
// were sent. It is driven by one goroutine, which also calls use: nothing is
// fetched that the caller has not made room for.
type pipe struct {
	fetch func(context.Context, *page) error // in a goroutine
	use   func(context.Context, *page) error // p.err is what fetch returned

	cancel context.CancelFunc
	wait   sync.WaitGroup
	turns  chan struct{}
	free   []*page
	flight []*page
}

// newPipe returns a pipe and the context that its pages are fetched in. Close it.
func newPipe(ctx context.Context, fetch, use func(context.Context, *page) error) (*pipe, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	p := &pipe{fetch: fetch, use: use, cancel: cancel, turns: make(chan struct{}, fetchesAtOnce)}
	for range fetchesAtOnce + 1 {
		p.free = append(p.free, &page{done: make(chan struct{}, 1)})
	}
	return p, ctx
}

// close ends what is on its way and waits for it.
func (p *pipe) close() {
	p.cancel()
	p.wait.Wait()
}

// page returns an empty page to fill and send; it uses the oldest first when all
// are on their way.
func (p *pipe) page(ctx context.Context) (*page, error) {
	if len(p.free) == 0 {
		if err := p.land(ctx); err != nil {
			return nil, err
		}
	}
	last := len(p.free) - 1
	pg := p.free[last]
	p.free = p.free[:last]
	pg.ask, pg.rows, pg.err = pg.ask[:0], pg.rows[:0], nil
	pg.proof.reset()
	return pg, nil
}

// send fetches a page that page returned.
func (p *pipe) send(ctx context.Context, pg *page) {
	p.flight = append(p.flight, pg)
	p.wait.Go(func() {
		defer func() { pg.done <- struct{}{} }()
		select {
		case p.turns <- struct{}{}:
			pg.err = p.fetch(ctx, pg)
			<-p.turns
		case <-ctx.Done():
			pg.err = context.Cause(ctx)
		}
	})
}

// land waits for the oldest page and uses it.
func (p *pipe) land(ctx context.Context) error {
	pg := p.flight[0]
	p.flight = slices.Delete(p.flight, 0, 1)
	<-pg.done
	err := p.use(ctx, pg)
	p.free = append(p.free, pg)
	return err
}

// drain uses all that is on its way.
func (p *pipe) drain(ctx context.Context) error {
	for len(p.flight) > 0 {
		if err := p.land(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rescue is what settle hands rows to.
type rescue struct {
	// got has rows that came after all, with vectors or (salvaged) without.
	got func(ctx context.Context, p *page) error
	// lost is a row that the server can't give at all, and why.
	lost func(i uint32, why error) error
}

// settle deals with a page that failed: what is too large, or what the server
// can't give, is asked for in halves, down to single rows. A single row may be
// as large as a row may be; one that the server can't give is asked for without
// its vector. All other errors stay.
func (f *fetcher) settle(ctx context.Context, p *page, err error, r rescue) error {
	if err == nil && len(p.ask) == 1 {
		f.futile.Store(0)
	}
	switch {
	case err == nil:
		return r.got(ctx, p)
	case !errors.Is(err, errTooLarge) && !brokenRows(err):
		return err
	case len(p.ask) == 1:
		return f.settleOne(ctx, p, err, r)
	}
	ask, halved := p.ask, p.halved
	defer func() { p.ask, p.halved = ask, halved }()
	p.halved = halved || brokenRows(err)
	half := len(ask) / 2
	for _, part := range [][]uint32{ask[:half], ask[half:]} {
		p.ask = part
		if err := f.settle(ctx, p, f.get(ctx, p, or(f.what, everything), f.limit), r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetcher) settleOne(ctx context.Context, p *page, err error, r rescue) error {
	defer p.trim(f.limit)
	// An answer spells a row with a little around it, and may escape more.
	const largest = 2 * record.MaxLine
	if errors.Is(err, errTooLarge) {
		err = f.get(ctx, p, or(f.what, everything), largest)
	}
	if brokenRows(err) {
		f.futile.Add(1)
		err = f.get(ctx, p, withoutVectors, largest)
	}
	switch {
	case err == nil:
		return r.got(ctx, p)
	case brokenRows(err) || errors.Is(err, errTooLarge):
		return r.lost(p.ask[0], err)
	}
	return err
}

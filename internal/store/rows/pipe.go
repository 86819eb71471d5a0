package rows

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Pipe gets pages at once and hands them to use in the order in which they were
// sent. It is driven by one goroutine, which also calls use: nothing is got that
// the caller has not made room for.
type Pipe[P any] struct {
	fetch func(context.Context, P) error // in a goroutine
	use   func(ctx context.Context, p P, fetched error) error

	atOnce int
	cancel context.CancelFunc
	wait   sync.WaitGroup
	turns  chan struct{}
	free   []*slot[P]
	taken  *slot[P]
	flight []*slot[P]
}

// slot is a page on its way.
type slot[P any] struct {
	page P
	err  error
	done chan struct{}
}

// NewPipe returns a pipe of pages that are got so many at once, and the context
// that they are got in; one more is being used meanwhile. With none at once, Send
// gets and uses its page itself. Close it.
func NewPipe[P any](ctx context.Context, atOnce int, page func() P,
	fetch func(context.Context, P) error, use func(context.Context, P, error) error,
) (*Pipe[P], context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Pipe[P]{fetch: fetch, use: use, cancel: cancel, atOnce: atOnce, turns: make(chan struct{}, atOnce)}
	for range atOnce + 1 {
		p.free = append(p.free, &slot[P]{page: page(), done: make(chan struct{}, 1)})
	}
	return p, ctx
}

// Close ends what is on its way and waits for it.
func (p *Pipe[P]) Close() {
	p.cancel()
	p.wait.Wait()
}

// Page returns a page to fill and send; it uses the oldest first when all are on
// their way.
func (p *Pipe[P]) Page(ctx context.Context) (P, error) {
	if p.taken != nil {
		return p.taken.page, nil // it was not sent
	}
	if len(p.free) == 0 {
		if err := p.land(ctx); err != nil {
			var none P
			return none, err
		}
	}
	last := len(p.free) - 1
	p.taken, p.free = p.free[last], p.free[:last]
	return p.taken.page, nil
}

// Send gets the page that Page returned.
func (p *Pipe[P]) Send(ctx context.Context) error {
	s := p.taken
	p.taken = nil
	p.flight = append(p.flight, s)
	if p.atOnce == 0 {
		s.err = p.fetch(ctx, s.page)
		s.done <- struct{}{}
		return p.land(ctx)
	}
	p.wait.Go(func() {
		defer func() { s.done <- struct{}{} }()
		select {
		case p.turns <- struct{}{}:
			s.err = p.fetch(ctx, s.page)
			<-p.turns
		case <-ctx.Done():
			s.err = context.Cause(ctx)
		}
	})
	return nil
}

// land waits for the oldest page and uses it.
func (p *Pipe[P]) land(ctx context.Context) error {
	s := p.flight[0]
	p.flight = slices.Delete(p.flight, 0, 1)
	<-s.done
	err := p.use(ctx, s.page, s.err)
	p.free = append(p.free, s)
	return err
}

// Drain uses all that is on its way.
func (p *Pipe[P]) Drain(ctx context.Context) error {
	for len(p.flight) > 0 {
		if err := p.land(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Rescue gets what it can of rows that could not be got at once.
type Rescue struct {
	// Get gets rows. ErrTooLarge and ErrBroken say that fewer may do.
	Get func(ctx context.Context, ask Ask) error
	// Got has what Get got last.
	Got func(ctx context.Context) error
	// Lost is a row that can't be had at all, and why.
	Lost func(i uint32, why error) error
}

// Settle deals with the answer to ask, and with its error: what is too large, or
// what the store can't give, is asked for in halves, down to single rows. A single
// row may be as large as a row may be; one that the store can't give is asked for
// without its vector. All other errors stay.
func (r Rescue) Settle(ctx context.Context, ask Ask, err error) error {
	switch {
	case err == nil:
		return r.Got(ctx)
	case !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrBroken):
		return err
	case len(ask.Rows) == 1:
		return r.settleOne(ctx, ask, err)
	}
	ask.Waited = ask.Waited || errors.Is(err, ErrBroken)
	half, rows := len(ask.Rows)/2, ask.Rows
	for _, part := range [][]uint32{rows[:half], rows[half:]} {
		ask.Rows = part
		if err := r.Settle(ctx, ask, r.Get(ctx, ask)); err != nil {
			return err
		}
	}
	return nil
}

func (r Rescue) settleOne(ctx context.Context, ask Ask, err error) error {
	ask.Alone = true
	if errors.Is(err, ErrTooLarge) {
		err = r.Get(ctx, ask)
	}
	if errors.Is(err, ErrBroken) {
		ask.Bare = true
		err = r.Get(ctx, ask)
	}
	switch {
	case err == nil:
		return r.Got(ctx)
	case errors.Is(err, ErrBroken) || errors.Is(err, ErrTooLarge):
		return r.Lost(ask.Rows[0], err)
	}
	return err
}

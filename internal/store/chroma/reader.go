package chroma

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// reader reads one section: all ids that were listed at first, then those that
// came meanwhile, and says what became of each.
type reader struct {
	fetcher
	ids     *rows.IDs
	server  *Server
	section memory.Section
	sizer   rows.Sizer
	yield   func(memory.Record, error) bool
	line    []byte

	round     int   // the pass that is under way, from 1
	unsettled int64 // rows that changed while they were read, each time

	before   int // ids of the first listing: the first of the set
	started  time.Time
	ended    time.Time
	salvaged int64
	rows     int64 // yielded
	lost     int   // unreadable
	lostWhy  error // why the last of them could not be got
}

func newReader(s *Server, section memory.Section, l *look) *reader {
	return &reader{
		fetcher: fetcher{client: s.client, id: l.found.ID, limit: s.config.PageBytes},
		ids:     l.ids,
		server:  s,
		section: section,
		sizer:   rows.Sizer{First: firstRows, Rows: s.config.PageRows, Bytes: s.config.PageBytes},
		before:  l.ids.Len(),
		started: l.at,
	}
}

// hopeless is how many rows may be unreadable before one could be read.
const hopeless = 100

// errStopped says that the consumer wants no more records.
var errStopped = errors.New("reading was stopped")

// records yields the section's records.
func (r *reader) records(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.yield = yield
		err := r.read(ctx)
		switch {
		case err == nil || errors.Is(err, errStopped):
		case ctx.Err() != nil:
			yield(nil, fmt.Errorf("read %s: %w", r.section, context.Cause(ctx)))
		default:
			yield(nil, r.server.failed("read", r.section, err, store.ErrUnreadable))
		}
	}
}

// read makes one pass over the first listing, and then, in rounds, over what a
// second listing shows to have been left out, or to have come or changed since. A
// row that does not come when it is asked for has been removed unless a further
// listing still has it; an agent that removes and adds it again and again may hide
// it from one round, and hardly from all.
func (r *reader) read(ctx context.Context) error {
	if err := r.pass(ctx, func(rows.Mark) bool { return true }); err != nil {
		return err
	}
	if err := r.relist(ctx, true); err != nil {
		return err
	}
	for r.left() > 0 && r.round < mostRounds {
		if err := r.pass(ctx, wanted); err != nil {
			return err
		}
		if r.left() == 0 {
			break
		}
		if err := r.relist(ctx, false); err != nil {
			return err
		}
	}
	r.ended = r.server.config.Now()
	if n := r.ids.Count(0, listed|rows.Unreadable, 0); n > 0 && n == r.ids.Count(0, listed, 0) {
		return fmt.Errorf("none of %d rows could be got: %w", n, r.lostWhy)
	}
	return nil
}

// wanted reports whether a row of the last listing has not been dealt with.
func wanted(m rows.Mark) bool { return m&listed != 0 && m&(rows.Answered|rows.Unreadable) == 0 }

// left counts the rows that are wanted.
func (r *reader) left() int64 { return r.ids.Count(0, listed, rows.Answered|rows.Unreadable) }

// pass gets all rows whose marks are as need wants them.
func (r *reader) pass(ctx context.Context, need func(rows.Mark) bool) error {
	r.round++
	p, fetching := rows.NewPipe(ctx, fetchesAtOnce, func() *page { return &page{fetcher: &r.fetcher} }, r.fetch, r.use)
	defer p.Close()
	for i := 0; i < r.ids.Len(); {
		pg, err := p.Page(fetching)
		if err != nil {
			return err
		}
		ask := pg.wanted[:0]
		for n := r.sizer.Next(); i < r.ids.Len() && len(ask) < n; i++ {
			if need(r.ids.Marks[i]) {
				ask = append(ask, uint32(i))
			}
		}
		if pg.wanted = ask; len(ask) == 0 {
			break // i is at the end
		}
		if err := p.Send(fetching); err != nil {
			return err
		}
	}
	return p.Drain(fetching)
}

// use yields a page that was fetched.
func (r *reader) use(ctx context.Context, pg *page, fetched error) error {
	if errors.Is(fetched, rows.ErrTooLarge) {
		r.sizer.TooMany(len(pg.wanted))
	}
	defer pg.Trim()
	return rows.Rescue{
		Get:  func(ctx context.Context, ask rows.Ask) error { return pg.Fetch(ctx, r.ids, ask) },
		Got:  func(ctx context.Context) error { return r.emit(ctx, pg) },
		Lost: r.lose,
	}.Settle(ctx, rows.Ask{Rows: pg.wanted}, fetched)
}

// emit yields the rows of an answer.
func (r *reader) emit(ctx context.Context, pg *page) error {
	r.sizer.Learn(len(pg.rows), int64(len(pg.body)))
	if !pg.confirmed.done { // a part of a page that failed
		if err := r.confirm(ctx, pg); err != nil {
			return err
		}
	}
	for i := range pg.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		settled, err := r.settled(pg, i)
		if err != nil {
			return err
		}
		if !settled && r.postpone(pg.rows[i]) {
			continue
		}
		r.line, err = pg.scanner.AppendLine(r.line[:0], pg.body, pg.columns.Row(i))
		if err != nil {
			return fmt.Errorf("row %q: %w", r.ids.At(int(pg.rows[i])), err)
		}
		if pg.vectorless(i) {
			r.salvaged++
		}
		r.rows++
		if !r.yield(r.line, nil) {
			return errStopped
		}
		if int64(cap(r.line)) > r.limit {
			r.line = nil // one huge row is no reason to keep so much
		}
	}
	return nil
}

// lose notes a row that can't be got.
func (r *reader) lose(i uint32, why error) error {
	r.ids.Marks[i] |= rows.Unreadable
	r.lostWhy = why
	if r.lost++; r.lost >= hopeless && r.rows == 0 {
		return fmt.Errorf("none of the first %d rows could be got: %w", r.lost, why)
	}
	return nil
}

// relist lists the ids again and marks them. With grow, those that are new join
// the set; else they are left alone.
func (r *reader) relist(ctx context.Context, grow bool) error {
	size := r.ids.Len()
	_, err := r.client.list(ctx, r.id,
		func(int64, int64) {
			r.ids.Truncate(size)
			r.ids.Clear(listed)
		},
		func(id []byte) error {
			i := r.ids.Find(id)
			if i < 0 && grow {
				var err error
				if i, _, err = r.ids.Add(id); err != nil {
					return err
				}
			}
			if i < 0 {
				return nil
			}
			if r.ids.Marks[i]&listed != 0 {
				return fmt.Errorf("list ids: the server lists row %q twice", id)
			}
			r.ids.Marks[i] |= listed
			return nil
		})
	return err
}

// capture says what was seen.
func (r *reader) capture() memory.Capture {
	old := r.before
	held := r.ids.Count(0, listed, 0) - r.ids.Count(old, listed, 0)
	return memory.Capture{
		StartedAt:  r.started,
		EndedAt:    r.ended,
		Before:     int64(old),
		After:      r.ids.Count(0, listed, 0),
		Held:       held,
		Added:      r.ids.Count(old, rows.Answered, 0),
		Removed:    int64(old) - held,
		Missing:    r.left() - r.ids.Count(old, listed, rows.Answered|rows.Unreadable),
		Salvaged:   r.salvaged,
		Unsettled:  r.unsettled,
		Unreadable: r.unreadable(),
		Method:     "http",
	}
}

// unreadable lists the ids of rows that are there and could not be got.
func (r *reader) unreadable() []string {
	ids := []string{}
	for i, m := range r.ids.Marks {
		if m&rows.Unreadable != 0 && m&listed != 0 {
			ids = append(ids, string(r.ids.At(i)))
		}
	}
	return ids
}

var _ store.Store = (*Server)(nil)

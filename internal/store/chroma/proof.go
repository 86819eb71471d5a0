package chroma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// proofPage is what a page needs besides to be compared: the records that are
// asked for, in the order of ask.
type proofPage struct {
	ask      []uint32 // all of the page, which settle asks for in parts
	lines    []byte
	ends     []int
	order    []uint32 // places in ask, by the number of their id
	row      []byte   // a row that came, as a line
	verdicts []verdict
	weight   weight // of the rows that came
	other    record.Scanner
}

func (p *proofPage) reset() {
	p.lines, p.ends = p.lines[:0], p.ends[:0]
	p.order, p.verdicts = p.order[:0], p.verdicts[:0]
}

// line returns the record at a place in ask.
func (p *proofPage) line(place int) []byte {
	start := 0
	if place > 0 {
		start = p.ends[place-1]
	}
	return p.lines[start:p.ends[place]]
}

// ruler decides about the rows that a prover asked for.
type ruler interface {
	// judge decides about a row that came.
	judge(i uint32, v verdict) error
	// lacks decides about a row that is there and can't be had.
	lacks(i uint32, reason string) error
	// removed decides about a row that is not there any more.
	removed(i uint32) error
}

// prover compares the records with what the collection gives back. It is the
// ruler of a merge.
type prover struct {
	*merger
	ruler   ruler
	weight  *weight // of the rows that came, nil when nobody asks
	sizer   sizer
	pipe    *pipe
	page    *page
	scanner record.Scanner
	key     []byte
	rows    int64
}

// prove lists the ids, then reads the records again and, unless ids are proof
// enough, each of their rows.
func (m *merger) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	var err error
	if m.result.After, err = m.relist(ctx); err != nil {
		return err
	}
	p := m.newProver()
	p.ruler = p
	return p.each(ctx, records, p.one)
}

func (m *merger) newProver() *prover {
	return &prover{merger: m, sizer: sizer{rows: m.server.config.PageRows, bytes: m.limit}}
}

// each hands every record to one, which may ask for its row, and has the ruler
// decide about the rows that were asked for.
func (p *prover) each(ctx context.Context, records iter.Seq2[memory.Record, error], one func(context.Context, memory.Record) error) error {
	var fetching context.Context
	p.pipe, fetching = newPipe(ctx, p.fetch, p.use)
	defer p.pipe.close()
	if err := p.all(ctx, records, func(rec memory.Record) error { return one(fetching, rec) }); err != nil {
		return err
	}
	if p.page != nil {
		p.pipe.send(fetching, p.page)
	}
	if err := p.pipe.drain(fetching); err != nil {
		return err
	}
	return p.judgeAbsent(ctx)
}

// relist lists the ids that the collection has after the merge. Those that are
// not ours don't matter.
func (m *merger) relist(ctx context.Context) (int64, error) {
	return m.server.client.list(ctx, m.id,
		func(int64, int64) { m.set.clear(present) },
		func(id []byte) error {
			if i := m.set.find(id); i >= 0 {
				m.set.marks[i] |= present
			}
			return nil
		})
}

func (p *prover) all(ctx context.Context, records iter.Seq2[memory.Record, error], one func(memory.Record) error) error {
	for rec, err := range records {
		if err != nil {
			p.callers = err
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := one(rec); err != nil {
			return err
		}
	}
	if p.rows != p.result.Records {
		return fmt.Errorf("the records were %d at first and %d the second time", p.result.Records, p.rows)
	}
	return nil
}

// number returns the number of a record's id in the set, where the first pass
// over the records has put it.
func (p *prover) number(rec memory.Record) (uint32, error) {
	p.rows++
	var err error
	if p.key, err = idOf(p.key[:0], rec, &p.scanner); err != nil {
		return 0, fmt.Errorf("record %d: %w", p.rows, err)
	}
	i := p.set.find(p.key)
	if i < 0 || p.set.marks[i]&bundled == 0 {
		return 0, fmt.Errorf("record %d: row %q was not among the records at first", p.rows, p.key)
	}
	return uint32(i), nil
}

// one takes in a record: what is known of it is told, the rest is asked for.
func (p *prover) one(ctx context.Context, rec memory.Record) error {
	i, err := p.number(rec)
	if err != nil {
		return err
	}
	switch m := p.set.marks[i]; {
	case m&refused != 0:
		p.result.Rejected++
		return p.tell(store.Event{Outcome: store.Rejected, ID: string(p.key), Reason: p.reasons[i], Record: rec})
	case m&present == 0 && m&live != 0:
		return p.removed(i)
	case m&present == 0:
		return p.lacks(i, "acknowledged, but not listed afterwards")
	case p.result.Proof == store.ProofIDs:
		p.result.Same++
		return nil
	}
	return p.ask(ctx, i, rec)
}

// ask puts a record onto a page, and sends the page when it is full.
func (p *prover) ask(ctx context.Context, i uint32, rec memory.Record) error {
	if pg := p.page; pg != nil && (len(pg.ask) >= p.sizer.next() ||
		int64(len(pg.proof.lines)+len(rec)) > p.limit/2) {
		p.pipe.send(ctx, pg)
		p.page = nil
	}
	if p.page == nil {
		var err error
		if p.page, err = p.pipe.page(ctx); err != nil {
			return err
		}
	}
	pg := p.page
	pg.ask = append(pg.ask, i)
	pg.proof.lines = append(pg.proof.lines, rec...)
	pg.proof.ends = append(pg.proof.ends, len(pg.proof.lines))
	return nil
}

// fetch gets a page and compares it; this happens beside the other page.
func (p *prover) fetch(ctx context.Context, pg *page) error {
	pg.proof.index(pg.ask)
	if err := p.get(ctx, pg, everything, p.limit); err != nil {
		return err
	}
	return p.compare(pg)
}

// index sorts the places of ask by the number of their id, to find them by it.
func (p *proofPage) index(ask []uint32) {
	p.ask = append(p.ask[:0], ask...)
	for place := range ask {
		p.order = append(p.order, uint32(place))
	}
	slices.SortFunc(p.order, func(a, b uint32) int { return cmp.Compare(ask[a], ask[b]) })
}

// place finds a row in ask.
func (p *proofPage) place(i uint32) int {
	n, _ := slices.BinarySearchFunc(p.order, i, func(place, i uint32) int { return cmp.Compare(p.ask[place], i) })
	return int(p.order[n])
}

// use tells what became of a page, and asks once more for rows that did not
// come.
func (p *prover) use(ctx context.Context, pg *page) error {
	if errors.Is(pg.err, errTooLarge) {
		p.sizer.tooMany(len(pg.ask))
	}
	again := rescue{lost: p.unread, got: func(_ context.Context, pg *page) error {
		if err := p.compare(pg); err != nil {
			return err
		}
		return p.told(pg)
	}}
	err := pg.err
	if err == nil {
		p.sizer.learn(len(pg.rows), int64(len(pg.body)))
		err = p.told(pg)
	} else {
		err = p.settle(ctx, pg, err, again)
	}
	if err != nil {
		return err
	}
	if pg.ask = pg.unanswered(p.set); len(pg.ask) == 0 {
		return nil
	}
	return p.settle(ctx, pg, p.get(ctx, pg, everything, p.limit), again)
}

package rows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// load is a page with the records that it is compared with.
type load struct {
	Page
	ask      []uint32 // numbers of the ids that are asked for, each once
	asked    []uint32 // of the records, in their order
	lines    []byte   // the records
	ends     []int
	order    []uint32 // of the records, by the number of their id
	verdicts []Verdict
}

func (l *load) reset() {
	l.ask, l.asked = l.ask[:0], l.asked[:0]
	l.lines, l.ends, l.order = l.lines[:0], l.ends[:0], l.order[:0]
}

func (l *load) add(i uint32, rec memory.Record) {
	l.asked = append(l.asked, i)
	l.lines = append(l.lines, rec...)
	l.ends = append(l.ends, len(l.lines))
}

// line returns record n.
func (l *load) line(n uint32) []byte {
	start := 0
	if n > 0 {
		start = l.ends[n-1]
	}
	return l.lines[start:l.ends[n]]
}

// index sorts the records by the number of their id, to find them by it.
func (l *load) index() {
	for n := range l.asked {
		l.order = append(l.order, uint32(n))
	}
	slices.SortStableFunc(l.order, func(a, b uint32) int { return cmp.Compare(l.asked[a], l.asked[b]) })
	l.ask = append(l.ask[:0], l.asked...)
	for n := 1; n < len(l.order); n++ {
		if l.asked[l.order[n]] == l.asked[l.order[n-1]] { // a lenient Table's
			slices.Sort(l.ask)
			l.ask = slices.Compact(l.ask)
			return
		}
	}
}

// of finds the records of an id; there are several only where the Table is lenient.
func (l *load) of(i uint32) []uint32 {
	first, _ := slices.BinarySearchFunc(l.order, i, func(n, i uint32) int { return cmp.Compare(l.asked[n], i) })
	end := first + 1
	for end < len(l.order) && l.asked[l.order[end]] == i {
		end++
	}
	return l.order[first:end]
}

// fetch gets rows.
func (l *load) fetch(ctx context.Context, ids *IDs, ask Ask) error {
	if err := l.Fetch(ctx, ids, ask); err != nil {
		return err
	}
	for _, i := range ask.Rows {
		ids.Marks[i] &^= Answered
	}
	for _, i := range l.Rows() {
		ids.Marks[i] |= Answered
	}
	return nil
}

// compare compares the rows that came with their records.
func (l *load) compare(ids *IDs) error {
	l.verdicts = l.verdicts[:0]
	for n, i := range l.Rows() {
		for _, at := range l.of(i) {
			v, err := l.Same(n, l.line(at))
			if err != nil {
				return fmt.Errorf("row %q: %w", ids.At(int(i)), err)
			}
			l.verdicts = append(l.verdicts, v)
		}
	}
	return nil
}

// ruler decides about the rows that a prover asked for.
type ruler interface {
	// judge decides about a row that came.
	judge(i uint32, v Verdict) error
	// lacks decides about a row that is there and can't be had.
	lacks(i uint32, reason string) error
	// removed decides about a row that is not there any more.
	removed(i uint32) error
}

// prover compares the records with what the collection gives back.
type prover struct {
	*run
	ruler ruler
	sizer Sizer
	pipe  *Pipe[*load]
	page  *load
	rows  int64 // records of this pass
	used  func(context.Context) error
}

func (r *run) newProver(ruler ruler) *prover {
	l := r.limits
	return &prover{run: r, ruler: ruler, sizer: Sizer{First: l.FirstRows, Rows: l.PageRows, Bytes: l.PageBytes}}
}

// compareAll hands every record to one, which may ask for its row, and has the
// ruler decide about the rows that were asked for.
func (p *prover) compareAll(ctx context.Context, records iter.Seq2[memory.Record, error], one func(context.Context, memory.Record) error) error {
	var fetching context.Context
	p.pipe, fetching = NewPipe(ctx, p.limits.Fetching, func() *load { return &load{Page: p.table.NewPage()} }, p.fetch, p.use)
	defer p.pipe.Close()
	if err := p.each(ctx, records, func(rec memory.Record) error { return one(fetching, rec) }); err != nil {
		return err
	}
	if p.rows != p.result.Records {
		return fmt.Errorf("the records were %d at first and %d the second time", p.result.Records, p.rows)
	}
	if err := p.send(fetching); err != nil {
		return err
	}
	if err := p.pipe.Drain(fetching); err != nil {
		return err
	}
	return p.judgeAbsent(ctx)
}

// number returns the number of a record's id in the set, where the first pass
// over the records has put it; false for one that is no row and was rejected.
func (p *prover) number(rec memory.Record) (i uint32, ok bool, err error) {
	p.rows++
	if p.never != nil {
		return p.numberAnew(rec)
	}
	if p.key, err = AppendID(p.key[:0], rec, &p.scanner); err == nil {
		if i := p.ids.Find(p.key); i >= 0 && p.ids.Marks[i]&bundled != 0 {
			return uint32(i), true, nil
		}
		err = fmt.Errorf("row %q was not among the records at first", p.key)
	}
	if p.limits.Lenient {
		if _, malformed := p.scanner.Vector(rec); malformed != nil {
			return 0, false, nil
		}
	}
	return 0, false, fmt.Errorf("record %d: %w", p.rows, err)
}

// numberAnew is number where the ids of the first pass were not kept.
func (p *prover) numberAnew(rec memory.Record) (i uint32, ok bool, err error) {
	if p.never.Len() > 0 {
		if digest := p.scanner.LineDigest(rec); p.never.Find(digest[:]) >= 0 {
			return 0, false, nil
		}
	}
	if p.key, err = AppendID(p.key[:0], rec, &p.scanner); err != nil {
		return 0, false, fmt.Errorf("record %d: %w", p.rows, err)
	}
	n, _, err := p.ids.Add(p.key)
	if err == nil {
		p.ids.Marks[n] |= bundled | present
		if !p.mine.Has(p.rows) {
			p.ids.Marks[n] |= live
		}
	}
	return uint32(n), err == nil, err
}

// room sends the page when the record has no room on it.
func (p *prover) room(ctx context.Context, rec memory.Record) error {
	l := p.page
	if l == nil || len(l.asked) < p.sizer.Next() && int64(len(l.lines)+len(rec)) <= p.limits.PageBytes/2 {
		return nil
	}
	return p.send(ctx)
}

// ask puts a record onto a page, and sends the page when it is full.
func (p *prover) ask(ctx context.Context, i uint32, rec memory.Record) error {
	if err := p.room(ctx, rec); err != nil {
		return err
	}
	if p.page == nil {
		var err error
		if p.page, err = p.pipe.Page(ctx); err != nil {
			return err
		}
		p.page.reset()
	}
	p.page.add(i, rec)
	return nil
}

// send sends the page that is being filled.
func (p *prover) send(ctx context.Context) error {
	if p.page == nil {
		return nil
	}
	p.page = nil
	return p.pipe.Send(ctx)
}

// fetch gets a page and compares it; this happens beside the other page.
func (p *prover) fetch(ctx context.Context, l *load) error {
	l.index()
	if err := l.fetch(ctx, p.ids, Ask{Rows: l.ask}); err != nil {
		return err
	}
	return l.compare(p.ids)
}

// use tells what became of a page, and asks once more for rows that did not
// come.
func (p *prover) use(ctx context.Context, l *load, fetched error) error {
	if errors.Is(fetched, ErrTooLarge) {
		p.sizer.TooMany(len(l.ask))
	}
	again := Rescue{
		Get: func(ctx context.Context, ask Ask) error { return l.fetch(ctx, p.ids, ask) },
		Got: func(context.Context) error {
			if err := l.compare(p.ids); err != nil {
				return err
			}
			return p.told(l)
		},
		Lost: p.unread,
	}
	err := fetched
	if err == nil {
		p.sizer.Learn(len(l.Rows()), l.Bytes())
		err = p.told(l)
	} else {
		err = again.Settle(ctx, Ask{Rows: l.ask}, err)
	}
	if err != nil {
		return err
	}
	if ask := (Ask{Rows: p.unanswered(l)}); len(ask.Rows) > 0 {
		if err := again.Settle(ctx, ask, again.Get(ctx, ask)); err != nil {
			return err
		}
	}
	l.Trim()
	if p.used == nil {
		return nil
	}
	return p.used(ctx)
}

// unanswered returns the rows that were asked for and did not come.
func (p *prover) unanswered(l *load) []uint32 {
	var rows []uint32
	for _, i := range l.ask {
		if p.ids.Marks[i]&(Answered|Unreadable) == 0 {
			rows = append(rows, i)
		}
	}
	return rows
}

// told counts and reports what the comparison of a page said.
func (p *prover) told(l *load) error {
	next := 0
	for _, i := range l.Rows() {
		for range l.of(i) {
			if err := p.ruler.judge(i, l.verdicts[next]); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}

// unread is told of a row that the store can't give.
func (p *prover) unread(i uint32, why error) error {
	p.ids.Marks[i] |= Unreadable
	return p.ruler.lacks(i, "cannot be read back: "+why.Error())
}

// judgeAbsent decides about rows that were listed and did not come: they have
// been removed, unless they are still listed.
func (p *prover) judgeAbsent(ctx context.Context) error {
	rows := p.ids.Numbers(bundled|present, Answered|Unreadable|refused)
	switch {
	case len(rows) == 0:
		return nil
	case p.never != nil: // they were all looked at in one moment
		p.ids.Clear(present)
	case p.result.Proof == store.ProofIDs:
		return nil
	default:
		if _, err := p.relist(ctx); err != nil {
			return err
		}
	}
	for _, i := range rows {
		tell := p.ruler.removed
		if p.ids.Marks[i]&present != 0 {
			tell = func(i uint32) error { return p.ruler.lacks(i, "listed, but the server does not give it") }
		}
		if err := tell(i); err != nil {
			return err
		}
	}
	return nil
}

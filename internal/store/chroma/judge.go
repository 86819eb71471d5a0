package chroma

import (
	"context"
	"fmt"

	"keepsake/internal/store"
)

// compare compares the rows that came with their records.
func (p *prover) compare(pg *page) error {
	tolerance := 0.0
	if p.cosine {
		tolerance = cosineTolerance
	}
	proof := &pg.proof
	proof.verdicts, proof.weight = proof.verdicts[:0], weight{}
	for n, i := range pg.rows {
		var err error
		proof.row, err = pg.scanner.AppendLine(proof.row[:0], pg.body, &pg.columns, n)
		if err != nil {
			return fmt.Errorf("row %q: %w", p.set.at(int(i)), err)
		}
		if p.weight != nil {
			proof.weight.add(pg, n)
		}
		c := comparison{&pg.scanner, &proof.other, tolerance}
		proof.verdicts = append(proof.verdicts, c.of(proof.row, proof.line(proof.place(i))))
	}
	return nil
}

// told counts and reports what the comparison of a page said.
func (p *prover) told(pg *page) error {
	if p.weight != nil {
		p.weight.join(pg.proof.weight)
	}
	for n, i := range pg.rows {
		if err := p.ruler.judge(i, pg.proof.verdicts[n]); err != nil {
			return err
		}
	}
	return nil
}

func (p *prover) judge(i uint32, v verdict) error {
	switch v {
	case same:
		p.result.Same++
		return nil
	case noVector:
		return p.lacks(i, string(v))
	}
	p.set.marks[i] |= differing
	if p.set.marks[i]&live == 0 {
		return p.lacks(i, "added, but it reads back otherwise: "+string(v))
	}
	p.result.Differs++
	return p.tell(store.Event{Outcome: store.Differs, ID: p.name(i), Reason: string(v)})
}

// judgeAbsent decides about rows that were listed and did not come: they have
// been removed, unless they are still listed.
func (p *prover) judgeAbsent(ctx context.Context) error {
	const absent = bundled | present
	if p.result.Proof == store.ProofIDs || p.set.count(0, absent, answered|unreadable|refused) == 0 {
		return nil
	}
	var rows []uint32
	for i, m := range p.set.marks {
		if m&absent == absent && m&(answered|unreadable|refused) == 0 {
			rows = append(rows, uint32(i))
		}
	}
	if _, err := p.relist(ctx); err != nil {
		return err
	}
	for _, i := range rows {
		tell := p.ruler.removed
		if p.set.marks[i]&present != 0 {
			tell = func(i uint32) error { return p.ruler.lacks(i, "listed, but the server does not give it") }
		}
		if err := tell(i); err != nil {
			return err
		}
	}
	return nil
}

// unread is told of a row that the server can't give.
func (p *prover) unread(i uint32, why error) error {
	p.set.marks[i] |= unreadable
	return p.ruler.lacks(i, "cannot be read back: "+why.Error())
}

func (p *prover) removed(i uint32) error {
	p.result.Removed++
	return p.tell(store.Event{Outcome: store.Removed, ID: p.name(i)})
}

func (p *prover) lacks(i uint32, reason string) error {
	p.result.Missing++
	return p.tell(store.Event{Outcome: store.Missing, ID: p.name(i), Reason: reason})
}

func (p *prover) name(i uint32) string { return string(p.set.at(int(i))) }

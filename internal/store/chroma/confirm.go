package chroma

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"keepsake/internal/record"
	"keepsake/internal/store/rows"
)

// A server looks rows up in its tables first, and then their vectors in its index.
// An update between the two pairs the old metadata with the new vector; a row that
// is deleted there fails the whole answer. docs/chroma.md says how often that was
// seen. So rows are asked for a second time, without vectors: a row whose metadata
// and document are still the same was not updated while its vector was looked up.
// One that is another one by then is read again, later.

// mostRounds is how often a row is read that changes, or is gone, whenever it is
// read. The last round takes what comes as it is.
const mostRounds = 6

// confirmation is the second answer of a page.
type confirmation struct {
	page  *page
	done  bool // for the rows that the page holds now
	lines [2][]byte
}

// fetch gets a page, and confirms it.
func (r *reader) fetch(ctx context.Context, p *page) error {
	if err := p.Fetch(ctx, r.ids, rows.Ask{Rows: p.wanted}); err != nil {
		return err
	}
	return r.confirm(ctx, p)
}

// confirm asks for the rows of a page once more. Rows that are gone by then are no
// more marked as answered. Rows without vectors have nothing to be confirmed.
func (r *reader) confirm(ctx context.Context, p *page) error {
	c := &p.confirmed
	c.done = true
	if len(p.rows) == 0 || len(p.columns.Embeddings) == 0 {
		return nil
	}
	if c.page == nil {
		c.page = &page{fetcher: &r.fetcher}
	}
	return c.page.Fetch(ctx, r.ids, rows.Ask{Rows: p.rows, Bare: true, Alone: true, Waited: p.ask.Waited})
}

// settled reports whether row i of a page is of one moment.
func (r *reader) settled(p *page, i int) (bool, error) {
	c := &p.confirmed
	if len(p.columns.Embeddings) == 0 {
		return true, nil
	}
	at := i
	if at >= len(c.page.rows) || c.page.rows[at] != p.rows[i] { // rows before it are gone
		if at = slices.Index(c.page.rows, p.rows[i]); at < 0 {
			return false, nil
		}
	}
	bare := p.columns.Row(i)
	bare.Embedding = record.Span{}
	var err error
	if c.lines[0], err = p.scanner.AppendLine(c.lines[0][:0], p.body, bare); err == nil {
		c.lines[1], err = c.page.scanner.AppendLine(c.lines[1][:0], c.page.body, c.page.columns.Row(at))
	}
	if err != nil {
		return false, fmt.Errorf("row %q: %w", r.ids.At(int(p.rows[i])), err)
	}
	return bytes.Equal(c.lines[0], c.lines[1]), nil
}

// postpone leaves a row that is not of one moment to the next round. In the last
// one it is taken all the same, and counted.
func (r *reader) postpone(i uint32) bool {
	if r.round < mostRounds {
		r.ids.Marks[i] &^= rows.Answered
		return true
	}
	r.ids.Marks[i] |= rows.Answered // also when it is gone again by now
	r.unsettled++
	return false
}

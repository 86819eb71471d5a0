package chroma

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"keepsake/internal/record"
	"keepsake/internal/store/chroma/answer"
	"keepsake/internal/store/rows"
)

// page is one get: what is asked for, and the answer. Its buffers are used again.
type page struct {
	fetcher *fetcher
	wanted  []uint32 // what a reading asks for
	ask     rows.Ask
	rows    []uint32 // numbers of the ids that came, as they came
	lines   rows.Lines
	sizes   *sizes // of the rows that were compared, nil when nobody asks

	request []byte
	body    []byte
	columns answer.Page
	scanner record.Scanner
	key     []byte
	row     []byte // a row that came, as a line
	// confirmed is what a reading asked for once more.
	confirmed confirmation
}

// fetcher gets rows of one collection by their ids.
type fetcher struct {
	client *client
	id     string // of the collection
	limit  int64  // of an answer's bytes
	// futile counts the rows that could not be given since the last single one
	// that could.
	futile atomic.Int32
}

// patience is how often a page is asked for that the server answers with 500,
// 0 for as often as any. A whole page is worth waiting for; its parts have been
// waited for already; and where row after row fails, waiting is no use.
func (f *fetcher) patience(ask rows.Ask) int {
	const enough = 10
	switch {
	case f.futile.Load() >= enough || ask.Waited && len(ask.Rows) > 1:
		return 1
	case ask.Waited:
		return 2
	}
	return 0
}

// tally notes what became of a single row.
func (f *fetcher) tally(ask rows.Ask, err error) {
	switch {
	case len(ask.Rows) > 1 || ask.Bare:
	case err == nil:
		f.futile.Store(0)
	case brokenRows(err):
		f.futile.Add(1)
	}
}

// include says what of the rows is wanted.
type include string

const (
	everything     include = `"embeddings","documents","metadatas","uris"`
	withoutVectors include = `"documents","metadatas","uris"`
)

// Fetch implements rows.Page.
func (p *page) Fetch(ctx context.Context, ids *rows.IDs, ask rows.Ask) error {
	p.ask = ask
	p.rows, p.confirmed.done = p.rows[:0], false
	err := p.get(ctx, ids)
	p.fetcher.tally(ask, err)
	if err != nil {
		return err
	}
	return p.check(ids)
}

// get asks for the rows and finds the columns of the answer.
func (p *page) get(ctx context.Context, ids *rows.IDs) error {
	p.question(ids)
	f, limit := p.fetcher, p.fetcher.limit
	if p.ask.Alone {
		limit = 2 * record.MaxLine // an answer spells a row with a little around it, and may escape more
	}
	r := request{
		what: "get rows", method: http.MethodPost, path: f.client.rows(f.id, "get"), tries500: f.patience(p.ask),
		body: func() (io.Reader, int64) { return bytes.NewReader(p.request), int64(len(p.request)) },
	}
	return f.client.do(ctx, r, func(body io.Reader, size int64) error {
		var err error
		if p.body, err = readAll(p.body, body, size, limit); err != nil {
			return err
		}
		if err := p.columns.Scan(p.body); err != nil {
			return &malformedError{err}
		}
		return p.hasColumns()
	})
}

// hasColumns makes sure that documents and metadata came, which are always asked
// for: rows without them would be taken for whole.
func (p *page) hasColumns() error {
	c := &p.columns
	if len(c.IDs) > 0 && (len(c.Documents) == 0 || len(c.Metadatas) == 0) {
		return &malformedError{errors.New("rows without documents or metadata")}
	}
	return nil
}

// question writes the request. IDs are printed as JSON again.
func (p *page) question(ids *rows.IDs) {
	what := everything
	if p.ask.Bare {
		what = withoutVectors
	}
	b := append(appendIDs(p.request[:0], ids, p.ask.Rows), `,"include":[`...)
	p.request = append(append(b, what...), "]}"...)
}

// appendIDs begins a request about rows with their ids.
func appendIDs(b []byte, ids *rows.IDs, about []uint32) []byte {
	b = append(b, `{"ids":[`...)
	for n, i := range about {
		if n > 0 {
			b = append(b, ',')
		}
		b = record.AppendString(b, ids.At(int(i)))
	}
	return append(b, ']')
}

// check marks the rows that came and makes sure that they are those asked for.
func (p *page) check(ids *rows.IDs) error {
	for _, i := range p.ask.Rows {
		ids.Marks[i] = ids.Marks[i]&^rows.Answered | rows.Asked
	}
	err := p.checkRows(ids)
	for _, i := range p.ask.Rows {
		ids.Marks[i] &^= rows.Asked
	}
	return err
}

func (p *page) checkRows(ids *rows.IDs) error {
	for _, span := range p.columns.IDs {
		var err error
		if p.key, err = record.AppendUnquoted(p.key[:0], span.Of(p.body)); err != nil {
			return &malformedError{err}
		}
		i := ids.Find(p.key)
		switch {
		case i < 0 || ids.Marks[i]&rows.Asked == 0:
			return fmt.Errorf("get rows: the server gave row %q, which was not asked for", p.key)
		case ids.Marks[i]&rows.Answered != 0:
			return fmt.Errorf("get rows: the server gave row %q twice", p.key)
		}
		ids.Marks[i] |= rows.Answered
		p.rows = append(p.rows, uint32(i))
	}
	p.voidVectors()
	return nil
}

// voidVectors finds vectors with a null among their numbers, which is how the
// server prints what overflowed, and makes a null of the whole: it can't be read.
func (p *page) voidVectors() {
	for i, span := range p.columns.Embeddings {
		vector := span.Of(p.body)
		if len(vector) == 0 || vector[0] != '[' {
			continue
		}
		if at := bytes.Index(vector, []byte("null")); at >= 0 {
			start := span.Start + at
			p.columns.Embeddings[i] = record.Span{Start: start, End: start + len("null")}
		}
	}
}

// vectorless reports whether row i of the answer has no vector.
func (p *page) vectorless(i int) bool {
	return len(p.columns.Embeddings) == 0 || p.columns.Embeddings[i].Of(p.body)[0] != '['
}

// Rows implements rows.Page.
func (p *page) Rows() []uint32 { return p.rows }

// Bytes implements rows.Page.
func (p *page) Bytes() int64 { return int64(len(p.body)) }

// Same implements rows.Page.
func (p *page) Same(n int, rec []byte) (rows.Verdict, error) {
	var err error
	if p.row, err = p.scanner.AppendLine(p.row[:0], p.body, p.columns.Row(n)); err != nil {
		return rows.Verdict{}, err
	}
	if p.sizes != nil {
		p.sizes.add(p, n)
	}
	return p.lines.Same(p.row, rec), nil
}

// Trim implements rows.Page.
func (p *page) Trim() {
	if limit := p.fetcher.limit; int64(cap(p.body)) > limit+limit/4 {
		p.body = nil
	}
	if again := p.confirmed.page; again != nil {
		again.Trim()
	}
}

// readAll reads an answer of that size, or of unknown size (-1), into b.
func readAll(b []byte, body io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return b, rows.ErrTooLarge
	}
	if size >= 0 {
		b = slices.Grow(b[:0], int(size))[:size]
		_, err := io.ReadFull(body, b)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return b, err
	}
	b = b[:0]
	for {
		b = slices.Grow(b, 1<<20)
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return b, rows.ErrTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

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
)

// The marks that fetching puts on the ids of a set.
const (
	asked      mark = 1 << iota // a page that is being fetched asks for it
	answered                    // it came
	unreadable                  // the server can't give it
	differing                   // it came, and was another
)

// page is one get: the numbers of the ids that are asked for, and the answer.
// Its buffers are used again.
type page struct {
	ask  []uint32
	rows []uint32 // numbers of the ids that came, as they came
	err  error

	halved  bool // part of a page that the server could not give
	request []byte
	body    []byte
	columns record.Page
	scanner record.Scanner
	key     []byte
	done    chan struct{}
	proof   proofPage
	// confirmed is what a reading asked for once more.
	confirmed confirmation
}

// unanswered returns the rows that were asked for and did not come.
func (p *page) unanswered(set *idSet) []uint32 {
	var rows []uint32
	for _, i := range p.ask {
		if set.marks[i]&(answered|unreadable) == 0 {
			rows = append(rows, i)
		}
	}
	return rows
}

// fetcher gets rows of one collection by their ids.
type fetcher struct {
	client *client
	id     string // of the collection
	set    *idSet
	limit  int64   // of an answer's bytes
	what   include // what settle asks for, "" for everything
	// futile counts the rows that could not be given since the last single one
	// that could.
	futile atomic.Int32
}

// patience is how often a page is asked for that the server answers with 500,
// 0 for as often as any. A whole page is worth waiting for; its parts have been
// waited for already; and where row after row fails, waiting is no use.
func (f *fetcher) patience(p *page) int {
	const enough = 10
	switch {
	case f.futile.Load() >= enough || p.halved && len(p.ask) > 1:
		return 1
	case p.halved:
		return 2
	}
	return 0
}

// include says what of the rows is wanted.
type include string

const (
	everything     include = `"embeddings","documents","metadatas","uris"`
	withoutVectors include = `"documents","metadatas","uris"`
)

// get fetches what p asks for. An answer larger than limit is errTooLarge. Rows
// that are gone don't come; a row that was not asked for, or comes twice, is an
// error.
func (f *fetcher) get(ctx context.Context, p *page, what include, limit int64) error {
	p.rows, p.confirmed.done = p.rows[:0], false
	f.question(p, what)
	r := request{
		what: "get rows", method: http.MethodPost, path: f.client.rows(f.id, "get"), tries500: f.patience(p),
		body: func() (io.Reader, int64) { return bytes.NewReader(p.request), int64(len(p.request)) },
	}
	err := f.client.do(ctx, r, func(body io.Reader, size int64) error {
		var err error
		if p.body, err = readAll(p.body, body, size, limit); err != nil {
			return err
		}
		if err := p.scanner.Page(p.body, &p.columns); err != nil {
			return &malformedError{err}
		}
		return p.hasColumns()
	})
	if err != nil {
		return err
	}
	return f.check(p)
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
func (f *fetcher) question(p *page, what include) {
	b := p.request[:0]
	b = append(b, `{"ids":[`...)
	for n, i := range p.ask {
		if n > 0 {
			b = append(b, ',')
		}
		b = record.AppendString(b, f.set.at(int(i)))
	}
	b = append(b, `],"include":[`...)
	b = append(b, what...)
	b = append(b, "]}"...)
	p.request = b
}

// check marks the rows that came and makes sure that they are those asked for.
func (f *fetcher) check(p *page) error {
	marks := f.set.marks
	for _, i := range p.ask {
		marks[i] = marks[i]&^answered | asked
	}
	err := f.checkRows(p)
	for _, i := range p.ask {
		marks[i] &^= asked
	}
	return err
}

func (f *fetcher) checkRows(p *page) error {
	for _, span := range p.columns.IDs {
		var err error
		if p.key, err = record.AppendUnquoted(p.key[:0], span.Of(p.body)); err != nil {
			return &malformedError{err}
		}
		i := f.set.find(p.key)
		switch {
		case i < 0 || f.set.marks[i]&asked == 0:
			return fmt.Errorf("get rows: the server gave row %q, which was not asked for", p.key)
		case f.set.marks[i]&answered != 0:
			return fmt.Errorf("get rows: the server gave row %q twice", p.key)
		}
		f.set.marks[i] |= answered
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

// trim lets go of a body that one huge row has made large.
func (p *page) trim(limit int64) {
	if int64(cap(p.body)) > limit+limit/4 {
		p.body = nil
	}
	if again := p.confirmed.page; again != nil {
		again.trim(limit)
	}
}

// readAll reads an answer of that size, or of unknown size (-1), into b.
func readAll(b []byte, body io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return b, errTooLarge
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
			return b, errTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

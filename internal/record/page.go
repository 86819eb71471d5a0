package record

import (
	"bytes"
	"fmt"
)

// Page is one answer of Chroma's get:
//
//	{"ids":[…],"embeddings":[[…],…],"documents":[…],"metadatas":[…],"uris":[…],…}
//
// Its columns are parallel: spans of the values in the body, null ones too. A
// column that is null or absent in the answer is empty.
type Page struct {
	IDs, Embeddings, Metadatas, Documents, URIs []Span
}

// The columns of a page.
const (
	idsColumn = iota
	embeddingsColumn
	metadatasColumn
	documentsColumn
	urisColumn
	pageColumns
)

// pageColumn returns the column of that name, -1 when there is none.
func pageColumn(name []byte) int {
	switch string(name) {
	case "ids":
		return idsColumn
	case "embeddings":
		return embeddingsColumn
	case "metadatas":
		return metadatasColumn
	case "documents":
		return documentsColumn
	case "uris":
		return urisColumn
	}
	return -1
}

func (p *Page) column(column int) *[]Span {
	return [pageColumns]*[]Span{&p.IDs, &p.Embeddings, &p.Metadatas, &p.Documents, &p.URIs}[column]
}

// Page finds the rows of a page. It reuses the slices of p. Of an embedding only
// the end is found here; its numbers are checked when Vector scans the row.
// Columns of different lengths are an error, and so is a page without ids; keys
// that it doesn't know are skipped.
func (s *Scanner) Page(body []byte, p *Page) error {
	for column := range pageColumns {
		spans := p.column(column)
		*spans = (*spans)[:0]
	}
	r := reader{b: body}
	var seen, filled [pageColumns]bool
	i, err := r.members(r.space(0), 1, func(key token, at int) (int, error) {
		var scratch [32]byte
		column := pageColumn(key.name(body, scratch[:0]))
		if column < 0 {
			return r.value(at, 1)
		}
		if seen[column] {
			return at, fail(key.Start, "duplicate key "+string(key.Of(body)))
		}
		seen[column] = true
		if column != idsColumn && r.null(at) {
			return at + len("null"), nil
		}
		filled[column] = true
		return r.pageColumn(column, at, p.column(column))
	})
	if err == nil {
		err = r.end(i)
	}
	if err == nil {
		err = p.check(filled)
	}
	return err
}

// check makes sure that the columns are parallel.
func (p *Page) check(filled [pageColumns]bool) error {
	if !filled[idsColumn] {
		return fail(0, `missing key "ids"`)
	}
	for column, there := range filled {
		if n := len(*p.column(column)); there && n != len(p.IDs) {
			return fail(0, fmt.Sprintf("%d ids, but a column of %d", len(p.IDs), n))
		}
	}
	return nil
}

// pageColumn scans the array at i into spans.
func (r *reader) pageColumn(column, i int, spans *[]Span) (int, error) {
	return r.items(i, 2, func(at int) (int, error) {
		end, err := r.pageItem(column, at)
		*spans = append(*spans, Span{at, end})
		return end, err
	})
}

// pageItem skips one item of a column.
func (r *reader) pageItem(column, at int) (int, error) {
	if column == idsColumn {
		t, err := r.str(at)
		return t.End, err
	}
	if r.null(at) {
		return at + len("null"), nil
	}
	switch column {
	case embeddingsColumn:
		return r.embeddingEnd(at)
	case metadatasColumn:
		if r.at(at) != '{' {
			return at, r.unexpected(at, "an object or null")
		}
		return r.value(at, 2)
	}
	return r.stringOrNull(at)
}

// embeddingEnd finds the end of an array of numbers by its bracket alone.
func (r *reader) embeddingEnd(at int) (int, error) {
	if r.at(at) != '[' {
		return at, r.unexpected(at, "an array of numbers or null")
	}
	n := bytes.IndexByte(r.b[at:], ']')
	if n < 0 {
		return at, fail(len(r.b), "unexpected end in an embedding")
	}
	return at + n + 1, nil
}

// Package answer finds the rows in an answer of Chroma's, without decoding them.
package answer

import (
	"bytes"
	"fmt"

	"keepsake/internal/record"
)

// Page is one answer of Chroma's get:
//
//	{"ids":[…],"embeddings":[[…],…],"documents":[…],"metadatas":[…],"uris":[…],…}
//
// Its columns are parallel: spans of the values in the body, null ones too. A
// column that is null or absent in the answer is empty.
type Page struct {
	IDs, Embeddings, Metadatas, Documents, URIs []record.Span
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

// pageColumn returns the column of that key, -1 when there is none.
func pageColumn(key []byte) int {
	var scratch [32]byte
	name, err := record.AppendUnquoted(scratch[:0], key)
	if err != nil {
		return -1
	}
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

func (p *Page) column(column int) *[]record.Span {
	return [pageColumns]*[]record.Span{&p.IDs, &p.Embeddings, &p.Metadatas, &p.Documents, &p.URIs}[column]
}

// Row returns where the parts of row i stand.
func (p *Page) Row(i int) record.Row {
	return record.Row{
		ID: p.IDs[i], Embedding: item(p.Embeddings, i), Metadata: item(p.Metadatas, i),
		Document: item(p.Documents, i), URI: item(p.URIs, i),
	}
}

// item is nothing where the column is empty.
func item(column []record.Span, i int) record.Span {
	if len(column) == 0 {
		return record.Span{}
	}
	return column[i]
}

// Scan finds the rows of a page in body. It reuses the slices of p. Of an embedding
// only the end is found here; its numbers are checked when record's Vector scans the
// row. Columns of different lengths are an error, and so is a page without ids; keys
// that it doesn't know are skipped.
func (p *Page) Scan(body []byte) error {
	for column := range pageColumns {
		spans := p.column(column)
		*spans = (*spans)[:0]
	}
	r := reader{record.NewWalk(body), body}
	var seen, filled [pageColumns]bool
	i, err := r.Object(r.Start(), 1, func(key record.Span, at int) (int, error) {
		column := pageColumn(key.Of(body))
		if column < 0 {
			return r.Value(at, 1)
		}
		if seen[column] {
			return at, fail(key.Start, "duplicate key "+string(key.Of(body)))
		}
		seen[column] = true
		if column != idsColumn && r.Null(at) {
			return at + len("null"), nil
		}
		filled[column] = true
		return r.pageColumn(column, at, p.column(column))
	})
	if err == nil {
		err = r.End(i)
	}
	if err == nil {
		err = p.check(filled)
	}
	return err
}

// reader is a walk through the body of a page.
type reader struct {
	record.Walk
	body []byte
}

func fail(offset int, msg string) error { return &record.SyntaxError{Offset: offset, Msg: msg} }

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
func (r *reader) pageColumn(column, i int, spans *[]record.Span) (int, error) {
	return r.Array(i, 2, func(at int) (int, error) {
		end, err := r.pageItem(column, at)
		*spans = append(*spans, record.Span{Start: at, End: end})
		return end, err
	})
}

// pageItem skips one item of a column.
func (r *reader) pageItem(column, at int) (int, error) {
	if column == idsColumn {
		return r.String(at)
	}
	if r.Null(at) {
		return at + len("null"), nil
	}
	switch column {
	case embeddingsColumn:
		return r.embeddingEnd(at)
	case metadatasColumn:
		if r.at(at) != '{' {
			return at, r.Unexpected(at, "an object or null")
		}
		return r.Value(at, 2)
	}
	return r.StringOrNull(at)
}

// at returns the byte at i, and 0 past the end.
func (r *reader) at(i int) byte {
	if i < len(r.body) {
		return r.body[i]
	}
	return 0
}

// embeddingEnd finds the end of an array of numbers by its bracket alone.
func (r *reader) embeddingEnd(at int) (int, error) {
	if r.at(at) != '[' {
		return at, r.Unexpected(at, "an array of numbers or null")
	}
	n := bytes.IndexByte(r.body[at:], ']')
	if n < 0 {
		return at, fail(len(r.body), "unexpected end in an embedding")
	}
	return at + n + 1, nil
}

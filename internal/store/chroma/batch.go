package chroma

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"keepsake/internal/record"
	"keepsake/internal/store/rows"
)

// The columns of an add.
const (
	idColumn = iota
	embeddingColumn
	documentColumn
	metadataColumn
	uriColumn
	batchColumns
)

// columnHeads begin the columns in the body of an add; each ends with "]".
var columnHeads = [batchColumns]string{
	`{"ids":[`, `],"embeddings":[`, `],"documents":[`, `],"metadatas":[`, `],"uris":[`,
}

// batch is rows on their way into a collection, column by column, so that any
// run of them is the body of an add without being copied. Its buffers are used
// again.
type batch struct {
	table   *table
	columns [batchColumns]column
}

// column is values as JSON, with commas between, and where each ends.
type column struct {
	text []byte
	ends []int
}

// of returns the values lo to hi.
func (c *column) of(lo, hi int) []byte {
	start := 0
	if lo > 0 {
		start = c.ends[lo-1] + 1 // after the comma
	}
	return c.text[start:c.ends[hi-1]]
}

// begin makes room for one more value.
func (c *column) begin() {
	if len(c.ends) > 0 {
		c.text = append(c.text, ',')
	}
}

func (c *column) end() { c.ends = append(c.ends, len(c.text)) }

func (c *column) add(value []byte) {
	c.begin()
	if len(value) == 0 {
		value = []byte("null")
	}
	c.text = append(c.text, value...)
	c.end()
}

// Reset empties the batch. What one huge row has made large is let go of.
func (b *batch) Reset() {
	limit := b.table.server.config.BatchBytes
	for i := range b.columns {
		c := &b.columns[i]
		c.text, c.ends = c.text[:0], c.ends[:0]
		if int64(cap(c.text)) > limit+limit/2 {
			c.text = nil
		}
	}
}

// Size is the length of the body in bytes, nearly.
func (b *batch) Size() int64 {
	var n int64
	for i := range b.columns {
		n += int64(len(b.columns[i].text))
	}
	return n
}

// Append implements rows.Batch. A server does not say whether a row lives.
func (b *batch) Append(line []byte, v *record.Vector) (added bool, err error) {
	metadata, err := keepable(v.Metadata.Of(line))
	if err != nil {
		return false, err
	}
	b.columns[idColumn].add(v.ID.Of(line))
	if b.table.can.Base64 {
		b.columns[embeddingColumn].addBase64(v.Bits)
	} else {
		b.columns[embeddingColumn].add(v.Embedding.Of(line))
	}
	b.columns[documentColumn].add(v.Document.Of(line))
	b.columns[metadataColumn].add(metadata)
	b.columns[uriColumn].add(uri(metadata))
	return true, nil
}

// Send implements rows.Batch. A server leaves rows that are there alone; of a batch
// that is too large, or that holds rows that it refuses, it takes nothing.
func (b *batch) Send(ctx context.Context, lo, hi int) error {
	t := b.table
	err := t.client.do(ctx, request{
		what: "add rows", method: http.MethodPost, path: t.client.rows(t.id, "add"),
		body:    func() (io.Reader, int64) { return b.body(lo, hi) },
		silence: t.server.config.WriteTimeout,
	}, discard)
	if refusesRows(err) {
		return &rows.RefusedError{Reason: reason(err)}
	}
	return err
}

func discard(body io.Reader, _ int64) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// reason is what the server said about a row.
func reason(err error) string {
	var answer *StatusError
	if errors.As(err, &answer) {
		return "the server refused it: " + answer.Error()
	}
	return err.Error()
}

// addBase64 adds an embedding as the little-endian float32 that it is.
func (c *column) addBase64(bits []byte) {
	c.begin()
	c.text = append(c.text, '"')
	c.text = base64.StdEncoding.AppendEncode(c.text, bits)
	c.text = append(c.text, '"')
	c.end()
}

// uri returns the uri among the metadata, nil if there is none. It may stay
// there too: that is where the server keeps it.
func uri(metadata []byte) []byte {
	if !bytes.Contains(metadata, []byte(`"chroma:uri"`)) {
		return nil
	}
	span, ok := record.Lookup(metadata, "chroma:uri")
	if value := span.Of(metadata); ok && value[0] == '"' {
		return value
	}
	return nil
}

// body returns the body of an add of the rows lo to hi.
func (b *batch) body(lo, hi int) (io.Reader, int64) {
	parts := make([]io.Reader, 0, 2*batchColumns+1)
	var size int64
	for i := range b.columns {
		text := b.columns[i].of(lo, hi)
		parts = append(parts, strings.NewReader(columnHeads[i]), bytes.NewReader(text))
		size += int64(len(columnHeads[i]) + len(text))
	}
	const tail = "]}"
	parts = append(parts, strings.NewReader(tail))
	return io.MultiReader(parts...), size + int64(len(tail))
}

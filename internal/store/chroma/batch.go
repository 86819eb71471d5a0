package chroma

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"keepsake/internal/record"
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
	columns [batchColumns]column
	rows    []uint32 // numbers of their ids in the set
	digests []record.Digest
	taken   []bool   // acknowledged
	reasons []string // why a row was refused
	err     error
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

// reset empties the batch. What one huge row has made large is let go of.
func (b *batch) reset(limit int64) {
	for i := range b.columns {
		c := &b.columns[i]
		c.text, c.ends = c.text[:0], c.ends[:0]
		if int64(cap(c.text)) > limit+limit/2 {
			c.text = nil
		}
	}
	b.rows, b.digests = b.rows[:0], b.digests[:0]
	b.taken, b.reasons, b.err = b.taken[:0], b.reasons[:0], nil
}

// size is the length of the body in bytes, nearly.
func (b *batch) size() int64 {
	var n int64
	for i := range b.columns {
		n += int64(len(b.columns[i].text))
	}
	return n
}

// add appends a row that was scanned from line.
func (b *batch) add(i uint32, line []byte, v *record.Vector, digest record.Digest, inBase64 bool) error {
	metadata, err := keepable(v.Metadata.Of(line))
	if err != nil {
		return err
	}
	b.columns[idColumn].add(v.ID.Of(line))
	if inBase64 {
		b.columns[embeddingColumn].addBase64(v.Bits)
	} else {
		b.columns[embeddingColumn].add(v.Embedding.Of(line))
	}
	b.columns[documentColumn].add(v.Document.Of(line))
	b.columns[metadataColumn].add(metadata)
	b.columns[uriColumn].add(uri(metadata))
	b.rows = append(b.rows, i)
	b.digests = append(b.digests, digest)
	b.taken = append(b.taken, false)
	b.reasons = append(b.reasons, "")
	return nil
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

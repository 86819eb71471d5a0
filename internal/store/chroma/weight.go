package chroma

import (
	"time"

	"keepsake/internal/record"
)

// weight is how much rows take as records, and the time of the newest.
type weight struct {
	bytes   int64
	vectors int64 // rows whose vector came,
	text    int64 // and the bytes of those vectors
	bare    int64 // rows that came without being asked for their vector
	newest  time.Time
}

// add adds row n of a page that was checked.
func (w *weight) add(p *page, n int) {
	const shell = len(`{"id":,"embedding":,"metadata":,"document":}` + "\n")
	c := &p.columns
	w.bytes += int64(shell + c.IDs[n].End - c.IDs[n].Start)
	for _, column := range [][]record.Span{c.Embeddings, c.Metadatas, c.Documents} {
		if len(column) > 0 {
			w.bytes += int64(column[n].End - column[n].Start)
		}
	}
	switch {
	case len(c.Embeddings) == 0:
		w.bare++
	case !p.vectorless(n):
		w.vectors++
		w.text += int64(c.Embeddings[n].End - c.Embeddings[n].Start)
	}
	if len(c.Metadatas) > 0 {
		if at := written(c.Metadatas[n].Of(p.body)); at.After(w.newest) {
			w.newest = at
		}
	}
}

// join adds what another has weighed.
func (w *weight) join(o weight) {
	w.bytes += o.bytes
	w.vectors += o.vectors
	w.text += o.text
	w.bare += o.bare
	if o.newest.After(w.newest) {
		w.newest = o.newest
	}
}

// total estimates the vectors that were not asked for by those that came.
func (w *weight) total() int64 {
	if w.vectors == 0 {
		return w.bytes
	}
	return w.bytes + w.bare*w.text/w.vectors
}

// written returns the time in a row's metadata, zero when there is none.
func written(metadata []byte) time.Time {
	for _, key := range record.TimeKeys() {
		span, _ := record.Lookup(metadata, key)
		if at := record.Time(span.Of(metadata)); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

package chroma

import (
	"bytes"
	"strconv"
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

// timeKeys are where rows keep their time, the best first: Neo.mjs writes
// "timestamp" into memories and summaries, in Unix milliseconds.
var timeKeys = [...]string{"timestamp", "updatedAt", "createdAt"}

// written returns the time in a row's metadata, zero when there is none: ISO
// 8601 text, or Unix milliseconds.
func written(metadata []byte) time.Time {
	for _, key := range timeKeys {
		span, ok := record.Lookup(metadata, key)
		if !ok {
			continue
		}
		if at := timeOf(span.Of(metadata)); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

func timeOf(value []byte) time.Time {
	if text, ok := bytes.CutPrefix(value, []byte(`"`)); ok {
		return isoTime(bytes.TrimSuffix(text, []byte(`"`)))
	}
	const lastYear = 253402300800000 // 9999 ends
	ms, err := strconv.ParseFloat(string(value), 64)
	if err != nil || ms <= 0 || ms >= lastYear {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// isoTime takes a time without a zone for one in UTC.
func isoTime(text []byte) time.Time {
	var at time.Time
	if at.UnmarshalText(text) == nil { // RFC 3339
		return at.UTC()
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			return at
		}
	}
	return time.Time{}
}

package chromadir

import (
	"bytes"
	"context"
)

// The readers of files are shown to the tests because a fuzzer can't make whole
// directories.
var (
	ReadPickle  = readPickle
	CheckQueued = checkQueued
	// PrintIndexes is what a look compares.
	PrintIndexes = printIndexes
)

// Pickled is what ReadPickle returns besides ids.
type Pickled = pickled

// Added, Complete and MaxSeq are parts of it.
func (p Pickled) Added() int64   { return p.added }
func (p Pickled) Complete() bool { return p.complete }
func (p Pickled) MaxSeq() int64  { return p.maxSeq }

// Header is a header.bin that was read.
type Header = header

// ParseHeader reads a header.bin.
func ParseHeader(b []byte) (Header, error) { return parseHeader(b) }

// Count, Size and Dimension are parts of it.
func (h Header) Count() int64   { return h.count }
func (h Header) Size() int64    { return h.elementSize }
func (h Header) Dimension() int { return h.dimension() }

// Labels reads the labels of the elements in b, and a vector of each.
func Labels(h Header, b []byte) (labels []uint32, vectors [][]byte, whole int64, err error) {
	l := level0{bytes.NewReader(b), h}
	whole, err = l.each(context.Background(), func(e element) error {
		vector := make([]byte, 4*h.dimension())
		labels, vectors = append(labels, e.label), append(vectors, vector)
		return l.vector(vector, e.position)
	})
	return labels, vectors, whole, err
}

// KeptBytes is how large a row may be without being the only one on its way.
const KeptBytes = keptBytes

// Lines sends rows through a pipeline, each in a batch of its own: next returns an id
// and a vector, and false after the last. It yields their lines.
func Lines(next func() (id, bits []byte, more bool), yield func(line []byte) bool) error {
	p := newPipeline(func(b *batch) bool {
		id, bits, more := next()
		b.add(id, bits, &fields{})
		return more
	})
	defer p.stop()
	for b := range p.spelled {
		for line := range b.each {
			if !yield(line) {
				return nil
			}
		}
		if b.err != nil {
			return b.err
		}
		p.free <- b
	}
	return nil
}

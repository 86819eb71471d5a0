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

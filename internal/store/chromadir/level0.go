package chromadir

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// level0 is data_level0.bin: an array of elements, each of its links, its vector
// as little-endian float32, and its label.
type level0 struct {
	file io.ReaderAt
	header
}

// element is where a label is in level0.
type element struct {
	label    uint32
	position uint32
	deleted  bool
}

// deletedMark is a bit of the third byte of an element.
const deletedMark = 1

// each calls use with every element that the file holds whole, in order. Labels
// begin at 1: an element without one was made room for and never written.
// It returns how many of the elements that the header counts are in the file.
func (l *level0) each(ctx context.Context, use func(element) error) (whole int64, err error) {
	perChunk := max(1, (1<<20)/l.elementSize)
	chunk := make([]byte, perChunk*l.elementSize)
	for whole < l.count {
		if err := ctx.Err(); err != nil {
			return whole, err
		}
		want := min(perChunk, l.count-whole) * l.elementSize
		n, err := l.file.ReadAt(chunk[:want], whole*l.elementSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return whole, err
		}
		elements := chunk[:int64(n)/l.elementSize*l.elementSize]
		for ; len(elements) > 0; elements = elements[l.elementSize:] {
			if err := l.one(elements, whole, use); err != nil {
				return whole, err
			}
			whole++
		}
		if int64(n) < want {
			break
		}
	}
	return whole, nil
}

// one takes the element at the start of b apart.
func (l *level0) one(b []byte, position int64, use func(element) error) error {
	label := binary.LittleEndian.Uint64(b[l.labelOffset:])
	switch {
	case label == 0:
		return nil
	case label > maxElements:
		return fmt.Errorf("element %d has label %d", position, label)
	}
	return use(element{uint32(label), uint32(position), b[2]&deletedMark != 0})
}

// vector reads the vector of an element into dst, which has room for it.
func (l *level0) vector(dst []byte, position uint32) error {
	_, err := l.file.ReadAt(dst[:l.labelOffset-l.dataOffset], int64(position)*l.elementSize+l.dataOffset)
	return err
}

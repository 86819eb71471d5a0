package chromadir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// headerSize is the length of header.bin, as hnswlib's persistHeader writes it
// (github.com/chroma-core/hnswlib, hnswalg.h).
const headerSize = 100

// Bounds of what a header may say, so that nothing wrong costs memory.
const (
	maxElementSize = 16 << 20 // 4 million dimensions
	maxElements    = math.MaxInt32
)

// header is the part of header.bin that leads to the vectors: offsets within one
// element of data_level0.bin, in bytes.
type header struct {
	capacity    int64 // elements there is room for
	count       int64 // elements that were written, deleted ones too
	elementSize int64
	dataOffset  int64 // of the vector
	labelOffset int64 // of the label, which ends the element
}

// parseHeader reads header.bin. It refuses what hnswlib would not have written.
func parseHeader(b []byte) (header, error) {
	if len(b) != headerSize {
		return header{}, fmt.Errorf("it has %d bytes, not %d", len(b), headerSize)
	}
	if version := binary.LittleEndian.Uint32(b); version != 1 {
		return header{}, fmt.Errorf("its version is %d, not 1", version)
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[i:])) }
	h := header{capacity: at(12), count: at(20), elementSize: at(28), labelOffset: at(36), dataOffset: at(44)}
	links := at(68) // of an element on level 0, at most
	switch {
	case at(4) != 0:
		return header{}, errors.New("level 0 does not begin at 0")
	case h.elementSize <= 0 || h.elementSize > maxElementSize:
		return header{}, fmt.Errorf("an element has %d bytes", h.elementSize)
	case h.count < 0 || h.count > h.capacity || h.capacity > maxElements:
		return header{}, fmt.Errorf("it counts %d elements of %d", h.count, h.capacity)
	case links <= 0 || links > maxElementSize || h.dataOffset != 4+4*links:
		return header{}, fmt.Errorf("%d links do not end at byte %d", links, h.dataOffset)
	case h.labelOffset <= h.dataOffset || (h.labelOffset-h.dataOffset)%4 != 0 || h.labelOffset+8 != h.elementSize:
		return header{}, fmt.Errorf("a vector from %d to %d does not fit an element of %d bytes", h.dataOffset, h.labelOffset, h.elementSize)
	}
	return h, nil
}

// dimension is how many numbers a vector has.
func (h header) dimension() int { return int(h.labelOffset-h.dataOffset) / 4 }

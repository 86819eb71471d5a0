package bundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"keepsake/internal/index"
	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// Tolerance is how far the numbers of a vector may be off that went through a server,
// relative to the largest of them: where vectors are compared by their angle, it keeps
// the unit vector and the length apart, and a few last bits change on the way.
const Tolerance = 5e-7

// keysAtOnce is how many rows are looked for in one pass: their keys take 24 MiB.
const keysAtOnce = 2 << 20

// Moved counts, among the rows of keys, those whose vector differs from the one in an
// earlier bundle by more than Tolerance. keys are in order, and both have them. It
// reads both payloads, and puts what it compares into a file meanwhile: memory does
// not grow with the vectors. ErrNoIndex in a bundle that is only tried: nothing was
// written that could be read.
func (s *Section) Moved(ctx context.Context, before *Bundle, keys []index.Key) (moved int64, err error) {
	if s.writer.opts.Discard {
		return 0, ErrNoIndex
	}
	for batch := range slices.Chunk(keys, keysAtOnce) {
		n, err := s.moved(ctx, before, batch)
		if err != nil {
			return 0, fmt.Errorf("compare the vectors of %s with %s: %w", s.Spec.Name, before.Name(), err)
		}
		moved += n
	}
	return moved, nil
}

func (s *Section) moved(ctx context.Context, before *Bundle, keys []index.Key) (moved int64, err error) {
	file, err := os.CreateTemp(s.writer.scratch(), ".keepsake-vectors-*.tmp")
	if err != nil {
		return 0, err
	}
	_ = os.Remove(file.Name()) // where an open file can lose its name it does
	defer func() {
		closed := file.Close()
		if gone := os.Remove(file.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			closed = errors.Join(closed, gone)
		}
		err = errors.Join(err, closed)
	}()
	v := &vectors{file: file, keys: keys, size: 4 * s.Dimension, there: make([]uint64, len(keys)/64+1)}
	for row, err := range before.Records(ctx, s.Spec.Name) {
		if err == nil {
			err = v.row(row, v.keep)
		}
		if err != nil {
			return 0, err
		}
	}
	err = s.writer.eachLine(ctx, s, func(_ int64, row []byte) error { return v.row(row, v.compare) })
	return v.moved, err
}

// vectors are the embeddings of rows, in a file, by the place of their key.
type vectors struct {
	file    *os.File
	keys    []index.Key
	size    int      // bytes of an embedding
	there   []uint64 // a bit for each key: its embedding is in the file
	scanner record.Scanner
	buf     []byte
	moved   int64
}

// row does something with the embedding of a row when its key is among the keys.
func (v *vectors) row(row memory.Record, do func(at int, bits []byte) error) error {
	id, ok := v.scanner.LeadingID(row)
	if !ok {
		return errors.New("a row is not in canonical form")
	}
	at, found := slices.BinarySearchFunc(v.keys, index.VectorKey(id), func(a, b index.Key) int { return bytes.Compare(a[:], b[:]) })
	if !found {
		return nil
	}
	vector, err := v.scanner.Vector(row)
	if err != nil {
		return err
	}
	return do(at, vector.Bits)
}

func (v *vectors) keep(at int, bits []byte) error {
	if len(bits) != v.size { // of another model, or lost: it is another one
		return nil
	}
	v.there[at/64] |= 1 << (at % 64)
	_, err := v.file.WriteAt(bits, int64(at)*int64(v.size))
	return err
}

func (v *vectors) compare(at int, bits []byte) error {
	if len(bits) != v.size || v.there[at/64]&(1<<(at%64)) == 0 {
		v.moved++
		return nil
	}
	v.buf = slices.Grow(v.buf[:0], v.size)[:v.size]
	if _, err := v.file.ReadAt(v.buf, int64(at)*int64(v.size)); err != nil {
		return err
	}
	if !near(v.buf, bits) {
		v.moved++
	}
	return nil
}

// near reports whether two embeddings are the same but for what a server rounds.
func near(a, b []byte) bool {
	var largest, apart float64
	for i := 0; i+4 <= len(a); i += 4 {
		x, y := float(a[i:]), float(b[i:])
		largest = max(largest, math.Abs(x), math.Abs(y))
		apart = max(apart, math.Abs(x-y))
	}
	return apart <= Tolerance*largest
}

func float(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }

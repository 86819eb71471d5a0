package sample

import (
	"encoding/binary"
	"math"

	"keepsake/internal/record"
)

// The numbers of an embedding are taken from a table that was printed once:
// printing float32 anew for each would be most of the work.
const (
	levels = 8192
	// step spreads the table over ±0.2 and has no short binary form, so that the
	// numbers are as long as a model's.
	step = 1 / 20011.0
	// spread and noise are how far, in levels, the middles of two topics and two
	// rows of one topic lie apart.
	spread = 4096
	noise  = 4096
)

// number is one printed number and the comma after it.
type number struct {
	text [16]byte
	size uint8
}

// embedder prints vectors that lie in a cloud for each topic, so that rows of
// one topic are neighbours.
type embedder struct {
	dim     int
	table   []number
	middles []uint16 // one vector of levels for each topic
}

func newEmbedder(dim int, seed uint64) embedder {
	e := embedder{dim: dim, table: make([]number, levels), middles: make([]uint16, len(concepts)*max(dim, 0))}
	var buffer []byte
	for i := range e.table {
		buffer = printed(buffer[:0], float32(float64(i-levels/2)*step))
		e.table[i].size = uint8(copy(e.table[i].text[:], buffer))
	}
	d := newDice(seed, math.MaxUint64)
	for i := range e.middles {
		e.middles[i] = uint16(d.below(spread))
	}
	return e
}

// printed appends f as record prints it, and a comma.
func printed(dst []byte, f float32) []byte {
	var bits [4]byte
	binary.LittleEndian.PutUint32(bits[:], math.Float32bits(f))
	array, err := record.AppendFloat32s(nil, bits[:])
	if err != nil {
		panic(err) // the table holds no number that isn't finite
	}
	return append(append(dst, array[1:len(array)-1]...), ',')
}

// append prints a vector of the topic.
func (e *embedder) append(dst []byte, topic int, d *dice) []byte {
	dst = append(dst, '[')
	middle := e.middles[topic*e.dim:][:e.dim]
	var random uint64
	for i, level := range middle {
		if i%4 == 0 {
			random = d.next()
		}
		n := &e.table[int(level)+int(random%noise)]
		random >>= 16
		// All sixteen bytes are copied, which is one move, and some taken back.
		dst = append(dst, n.text[:]...)[:len(dst)+int(n.size)]
	}
	dst[len(dst)-1] = ']'
	return dst
}

package chromadir

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math"
	"math/bits"
)

// labels is the map from ids to the labels of an index. It keeps the ids in one
// blob: a UUID costs 36 bytes, and 8 for its end and label, and 6 for finding it.
type labels struct {
	blob []byte
	rows []labelled
	// table holds numbers of rows plus one, where the hash of the id says, or after.
	table []uint32
	seed  maphash.Seed
}

type labelled struct {
	end   uint32 // of the id in the blob
	label uint32
}

var (
	errTooManyIDs = errors.New("its ids are more than 4 GiB")
	errTwice      = errors.New("an id is in it twice")
)

func newLabels() *labels {
	return &labels{seed: maphash.MakeSeed(), table: make([]uint32, 16)}
}

func (l *labels) len() int { return len(l.rows) }

// id returns the id of row i. It stays valid until ids are added.
func (l *labels) id(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = l.rows[i-1].end
	}
	return l.blob[start:l.rows[i].end]
}

// find returns the number of the row of an id, -1 when it is not in the map.
func (l *labels) find(id []byte) int {
	return int(l.table[l.slot(id)]) - 1
}

// label returns the label of row i.
func (l *labels) label(i int) uint32 { return l.rows[i].label }

// slot returns where an id is in the table, or would be.
func (l *labels) slot(id []byte) int {
	high, _ := bits.Mul64(maphash.Bytes(l.seed, id), uint64(len(l.table)))
	for slot := int(high); ; slot++ {
		if slot == len(l.table) {
			slot = 0
		}
		if n := l.table[slot]; n == 0 || bytes.Equal(l.id(int(n-1)), id) {
			return slot
		}
	}
}

// add puts an id into the map, which must not be there yet.
func (l *labels) add(id []byte, label uint32) error {
	slot := l.slot(id)
	if l.table[slot] != 0 {
		return errTwice
	}
	if uint64(len(l.blob))+uint64(len(id)) > math.MaxUint32 {
		return errTooManyIDs
	}
	l.blob = append(l.blob, id...)
	l.rows = append(l.rows, labelled{uint32(len(l.blob)), label})
	l.table[slot] = uint32(l.len())
	if 3*l.len() > 2*len(l.table) {
		l.grow()
	}
	return nil
}

// grow makes the table anew, twice as large.
func (l *labels) grow() {
	l.table = make([]uint32, 2*len(l.table))
	for i := range l.len() {
		l.table[l.slot(l.id(i))] = uint32(i + 1)
	}
}

package chroma

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math"
	"math/bits"
)

// idSet is a set of ids, numbered in the order in which they came, with a byte
// of marks each. It keeps them in one blob: a UUID costs 36 bytes, and 4 for its
// end, 1 for its marks and 6 for finding it.
type idSet struct {
	blob  []byte
	ends  []uint32
	marks []mark
	// table holds numbers plus one, where the hash of their id says, or after.
	table []uint32
	seed  maphash.Seed
}

// mark says what is known of an id.
type mark uint8

var errTooManyIDs = errors.New("the ids of the collection are more than 4 GiB")

// newIDSet returns a set with room for that many ids of that many bytes in all:
// what a server announces, so it is not believed without bounds.
func newIDSet(ids, size int64) *idSet {
	const most, each = 1 << 30, len(`"x",`)
	size = min(max(size, 0), most)
	ids = min(max(ids, 0), size/int64(each)+1)
	s := &idSet{seed: maphash.MakeSeed()}
	s.blob = make([]byte, 0, size)
	s.ends = make([]uint32, 0, ids)
	s.marks = make([]mark, 0, ids)
	s.table = make([]uint32, tableSize(int(ids)))
	return s
}

// tableSize keeps a table of n ids two thirds full, or emptier.
func tableSize(n int) int { return n + n/2 + 16 }

func (s *idSet) len() int { return len(s.ends) }

// at returns id i. It stays valid until ids are added.
func (s *idSet) at(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.blob[start:s.ends[i]]
}

// find returns the number of an id, -1 when it is not in the set.
func (s *idSet) find(id []byte) int {
	i := s.table[s.slot(id)]
	return int(i) - 1
}

// slot returns where an id is in the table, or would be.
func (s *idSet) slot(id []byte) int {
	hash := maphash.Bytes(s.seed, id)
	high, _ := bits.Mul64(hash, uint64(len(s.table)))
	for slot := int(high); ; slot++ {
		if slot == len(s.table) {
			slot = 0
		}
		if n := s.table[slot]; n == 0 || bytes.Equal(s.at(int(n-1)), id) {
			return slot
		}
	}
}

// add puts an id into the set and returns its number; added is false when it was
// there.
func (s *idSet) add(id []byte) (i int, added bool, err error) {
	slot := s.slot(id)
	if n := s.table[slot]; n != 0 {
		return int(n - 1), false, nil
	}
	if uint64(len(s.blob))+uint64(len(id)) > math.MaxUint32 {
		return 0, false, errTooManyIDs
	}
	s.blob = append(s.blob, id...)
	s.ends = append(s.ends, uint32(len(s.blob)))
	s.marks = append(s.marks, 0)
	s.table[slot] = uint32(s.len())
	if 3*s.len() > 2*len(s.table) {
		s.index(2 * s.len())
	}
	return s.len() - 1, true, nil
}

// truncate takes out all ids from number n on.
func (s *idSet) truncate(n int) {
	if n == s.len() {
		return
	}
	end := uint32(0)
	if n > 0 {
		end = s.ends[n-1]
	}
	s.blob, s.ends, s.marks = s.blob[:end], s.ends[:n], s.marks[:n]
	s.index(n)
}

// index makes the table anew, with room for n ids.
func (s *idSet) index(n int) {
	s.table = make([]uint32, tableSize(n))
	for i := range s.len() {
		s.table[s.slot(s.at(i))] = uint32(i + 1)
	}
}

// count counts the ids from number first on that bear all of want and none of
// not.
func (s *idSet) count(first int, want, not mark) int64 {
	var n int64
	for _, m := range s.marks[first:] {
		if m&want == want && m&not == 0 {
			n++
		}
	}
	return n
}

// clear takes marks off all ids.
func (s *idSet) clear(m mark) {
	for i := range s.marks {
		s.marks[i] &^= m
	}
}

package rows

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
)

// IDs is a set of ids, numbered in the order in which they came, with a byte
// of marks each. It keeps them in one blob: a UUID costs 36 bytes, and 4 for its
// end, 1 for its marks and 6 for finding it.
type IDs struct {
	// Marks are those of each id.
	Marks []Mark

	blob []byte
	ends []uint32
	// table holds numbers plus one, where the hash of their id says, or after.
	table []uint32
	seed  maphash.Seed
}

// Mark says what is known of an id.
type Mark uint8

// The marks that getting rows puts on their ids; Free is the first of those that
// it leaves to whoever gets them.
const (
	Asked      Mark = 1 << iota // a page that is being got asks for it
	Answered                    // it came
	Unreadable                  // the store can't give it
	differing                   // it came, and was another
	Free
)

var errTooManyIDs = errors.New("the ids of the collection are more than 4 GiB")

// NewIDs returns a set with room for that many ids of that many bytes in all:
// what a server announces, so it is not believed without bounds.
func NewIDs(ids, size int64) *IDs {
	const most, each = 1 << 30, len(`"x",`)
	size = min(max(size, 0), most)
	ids = min(max(ids, 0), size/int64(each)+1)
	s := &IDs{seed: maphash.MakeSeed()}
	s.blob = make([]byte, 0, size)
	s.ends = make([]uint32, 0, ids)
	s.Marks = make([]Mark, 0, ids)
	s.table = make([]uint32, tableSize(int(ids)))
	return s
}

// tableSize keeps a table of n ids two thirds full, or emptier.
func tableSize(n int) int { return n + n/2 + 16 }

// Len counts the ids.
func (s *IDs) Len() int { return len(s.ends) }

// At returns id i. It stays valid until ids are added.
func (s *IDs) At(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.blob[start:s.ends[i]]
}

// Find returns the number of an id, -1 when it is not in the set.
func (s *IDs) Find(id []byte) int {
	i := s.table[s.slot(id)]
	return int(i) - 1
}

// slot returns where an id is in the table, or would be.
func (s *IDs) slot(id []byte) int {
	hash := maphash.Bytes(s.seed, id)
	high, _ := bits.Mul64(hash, uint64(len(s.table)))
	for slot := int(high); ; slot++ {
		if slot == len(s.table) {
			slot = 0
		}
		if n := s.table[slot]; n == 0 || bytes.Equal(s.At(int(n-1)), id) {
			return slot
		}
	}
}

// Add puts an id into the set and returns its number; added is false when it was
// there.
func (s *IDs) Add(id []byte) (i int, added bool, err error) {
	slot := s.slot(id)
	if n := s.table[slot]; n != 0 {
		return int(n - 1), false, nil
	}
	if uint64(len(s.blob))+uint64(len(id)) > math.MaxUint32 {
		return 0, false, errTooManyIDs
	}
	s.blob = append(s.blob, id...)
	s.ends = append(s.ends, uint32(len(s.blob)))
	s.Marks = append(s.Marks, 0)
	s.table[slot] = uint32(s.Len())
	if 3*s.Len() > 2*len(s.table) {
		s.index(2 * s.Len())
	}
	return s.Len() - 1, true, nil
}

// Truncate takes out all ids from number n on.
func (s *IDs) Truncate(n int) {
	if n == s.Len() {
		return
	}
	end := uint32(0)
	if n > 0 {
		end = s.ends[n-1]
	}
	s.blob, s.ends, s.Marks = s.blob[:end], s.ends[:n], s.Marks[:n]
	s.index(n)
}

// index makes the table anew, with room for n ids.
func (s *IDs) index(n int) {
	s.table = make([]uint32, tableSize(n))
	for i := range s.Len() {
		s.table[s.slot(s.At(i))] = uint32(i + 1)
	}
}

// Count counts the ids from number first on that bear all of want and none of
// not.
func (s *IDs) Count(first int, want, not Mark) int64 {
	var n int64
	for _, m := range s.Marks[first:] {
		if m&want == want && m&not == 0 {
			n++
		}
	}
	return n
}

// Clear takes marks off all ids.
func (s *IDs) Clear(m Mark) {
	for i := range s.Marks {
		s.Marks[i] &^= m
	}
}

// AddOnce adds an id of a listing, which may not be there yet.
func (s *IDs) AddOnce(id []byte) error {
	_, added, err := s.Add(id)
	if err == nil && !added {
		err = fmt.Errorf("list ids: the server lists row %q twice", id)
	}
	return err
}

// Numbers returns the numbers of the ids that bear all of want and none of not.
func (s *IDs) Numbers(want, not Mark) []uint32 {
	var all []uint32
	for i, m := range s.Marks {
		if m&want == want && m&not == 0 {
			all = append(all, uint32(i))
		}
	}
	return all
}

package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"sort"

	"keepsake/internal/record"
)

// chunked is a list that grows without copying: a slice doubled by append would
// for a moment take three times the memory that its rows need.
type chunked[T any] struct {
	chunks [][]T
	n      int
	less   func(a, b *T) bool
}

const chunkLen = 1 << 12

func (c *chunked[T]) add(v T) {
	last := len(c.chunks) - 1
	if c.n%chunkLen == 0 {
		c.chunks = append(c.chunks, nil)
		last++
		if last > 0 {
			c.chunks[last] = make([]T, 0, chunkLen)
		}
	}
	c.chunks[last] = append(c.chunks[last], v) // the first chunk starts small: most files are
	c.n++
}

func (c *chunked[T]) at(i int) *T { return &c.chunks[i/chunkLen][i%chunkLen] }

// Len, Less and Swap implement sort.Interface.
func (c *chunked[T]) Len() int           { return c.n }
func (c *chunked[T]) Less(i, j int) bool { return c.less(c.at(i), c.at(j)) }
func (c *chunked[T]) Swap(i, j int) {
	a, b := c.at(i), c.at(j)
	*a, *b = *b, *a
}

// digests collects record digests: 32 bytes a row.
type digests struct{ list chunked[record.Digest] }

func (d *digests) add(digest record.Digest) { d.list.add(digest) }

// sum returns the SHA-256 over the sorted digests, in hex: equal for equal
// records, whatever their order.
func (d *digests) sum() string {
	d.list.less = func(a, b *record.Digest) bool { return bytes.Compare(a[:], b[:]) < 0 }
	sort.Sort(&d.list)
	h := sha256.New()
	for _, chunk := range d.list.chunks {
		for i := range chunk {
			h.Write(chunk[i][:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// idSet finds ids that come twice, in 8 bytes a row: it keeps a keyed hash of
// each. Equal ids have equal hashes, so none is missed; unequal ids that share
// one are told apart when the file is read once more, which happens only if
// there is something to report. The key is drawn at random, so nobody can make
// ids that collide.
type idSet struct {
	seed maphash.Seed
	list chunked[uint64]
}

// hash returns the hash of an id in a name space: nodes and edges have one each.
func (s *idSet) hash(space byte, id []byte) uint64 {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(s.seed, id) + uint64(space)
}

func (s *idSet) add(space byte, id []byte) { s.list.add(s.hash(space, id)) }

func (s *idSet) sort() {
	s.list.less = func(a, b *uint64) bool { return *a < *b }
	if !sort.IsSorted(&s.list) {
		sort.Sort(&s.list)
	}
}

// suspects returns the hashes that came more than once; nil when all ids differ.
func (s *idSet) suspects() map[uint64]bool {
	s.sort()
	var found map[uint64]bool
	for i := 1; i < s.list.n; i++ {
		if v := *s.list.at(i); v == *s.list.at(i - 1) {
			if found == nil {
				found = make(map[uint64]bool)
			}
			found[v] = true
		}
	}
	return found
}

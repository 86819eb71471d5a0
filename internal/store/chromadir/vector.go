package chromadir

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The reasons why a vector is not in an index.
var (
	errNoID      = errors.New("the index does not know its id")
	errNoElement = errors.New("the index has no element of its label")
	errDeleted   = errors.New("the index has it deleted")
	errNoLength  = errors.New("the length of its vector is lost")
	errShared    = errors.New("the index gives its label to another id too")
	errNoName    = errors.New("the index has lost the id of its label")
)

func (x *index) search(label uint32) (n int, ok bool) {
	return slices.BinarySearchFunc(x.elements, label, func(e element, label uint32) int { return cmp.Compare(e.label, label) })
}

// at returns the element of a label.
func (x *index) at(label uint32) (element, error) {
	n, ok := x.search(label)
	switch {
	case !ok:
		return element{}, errNoElement
	case x.elements[n].deleted:
		return element{}, errDeleted
	case x.cosine && !x.hasLength(x.elements[n]):
		return element{}, errNoLength
	}
	return x.elements[n], nil
}

// hasLength reports whether the length of an element is known.
func (x *index) hasLength(e element) bool { return 4*(int64(e.position)+1) <= int64(len(x.lengths)) }

// find returns the element of an id.
func (x *index) find(id []byte) (element, error) {
	n := x.ids.find(id)
	if n < 0 {
		return element{}, errNoID
	}
	label := x.ids.label(n)
	if x.shared[label] {
		return element{}, errShared
	}
	return x.at(label)
}

// nameless returns the elements whose id is lost. A label that was given after
// the pickle was saved is of a save that a crash ended: its row is in the queue.
func (x *index) nameless() []element {
	named := newNumbers(len(x.elements))
	for i := range x.ids.len() {
		n, ok := x.search(x.ids.label(i))
		if ok && !x.shared[x.ids.label(i)] {
			named.add(n)
		}
	}
	var lost []element
	for n, e := range x.elements {
		if !e.deleted && !named.has(n) && (!x.complete || int64(e.label) <= x.added) {
			lost = append(lost, e)
		}
	}
	return lost
}

// vector reads the vector of an element into dst as a server gives it: for
// cosine the unit vector times its length, in float32.
func (x *index) vector(dst []byte, e element) error {
	if err := x.level0.vector(dst, e.position); err != nil {
		return fmt.Errorf("%s: read element %d: %w", level0File, e.position, err)
	}
	if !x.cosine {
		return nil
	}
	length := float32At(x.lengths, int(e.position))
	for i := 0; i < len(dst); i += 4 {
		unit := math.Float32frombits(binary.LittleEndian.Uint32(dst[i:]))
		binary.LittleEndian.PutUint32(dst[i:], math.Float32bits(unit*length))
	}
	return nil
}

func float32At(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

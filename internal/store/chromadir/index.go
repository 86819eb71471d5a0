package chromadir

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// The files of a vector segment that hold what is not to be had elsewhere. The
// links between elements, link_lists.bin, can be made anew.
const (
	headerFile = "header.bin"
	level0File = "data_level0.bin"
	lengthFile = "length.bin"
	pickleFile = "index_metadata.pickle"
)

// index is a vector segment as it was last saved. Parts that could not be read
// are left out and named in problems; the zero index holds nothing.
type index struct {
	pickled
	ids      *labels
	level0   level0
	elements []element // by label
	lengths  []byte    // float32 by position; nil unless the space is cosine
	cosine   bool
	file     io.Closer
	problems []error
}

// loadIndex reads what is in folder. A folder in which nothing was ever saved is
// an empty index, and no problem.
func loadIndex(ctx context.Context, folder string, cosine bool) (*index, error) {
	x := &index{ids: newLabels(), cosine: cosine}
	saved := x.loadPickle(folder)
	if err := x.loadElements(ctx, folder); err != nil {
		return nil, errors.Join(err, x.close())
	}
	if !saved && !x.live() {
		x.problems = nil
	}
	return x, nil
}

// loadPickle reports whether there is a pickle.
func (x *index) loadPickle(folder string) bool {
	f, err := os.Open(filepath.Join(folder, pickleFile))
	if err != nil {
		x.problem(pickleFile, err)
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	if x.pickled, err = readPickle(f, x.ids.add); err != nil {
		x.problem(pickleFile, err)
	} else if x.pickled.ids != x.pickled.labels {
		x.problem(pickleFile, fmt.Errorf("it has %d ids and %d labels", x.pickled.ids, x.pickled.labels))
	}
	return true
}

// loadElements finds the elements. Its error is only that the context ended.
func (x *index) loadElements(ctx context.Context, folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, headerFile))
	if err == nil {
		x.level0.header, err = parseHeader(text)
	}
	if err != nil {
		x.problem(headerFile, err)
		return nil
	}
	f, err := os.Open(filepath.Join(folder, level0File))
	if err != nil {
		x.problem(level0File, err)
		return nil
	}
	x.file, x.level0.file = f, f
	whole, err := x.level0.each(ctx, func(e element) error {
		x.elements = append(x.elements, e)
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && whole < x.level0.count {
		err = fmt.Errorf("it holds %d of %d elements", whole, x.level0.count)
	}
	if err != nil {
		x.problem(level0File, err)
	}
	x.sort()
	return x.loadLengths(folder)
}

// sort puts the elements in the order of their labels. Of two with one label the
// later counts, as it does for hnswlib.
func (x *index) sort() {
	slices.SortFunc(x.elements, func(a, b element) int {
		return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(b.position, a.position))
	})
	before := len(x.elements)
	x.elements = slices.CompactFunc(x.elements, func(a, b element) bool { return a.label == b.label })
	if twice := before - len(x.elements); twice > 0 {
		x.problem(level0File, fmt.Errorf("%d labels are in it more than once", twice))
	}
}

func (x *index) loadLengths(folder string) error {
	if !x.cosine {
		return nil
	}
	var err error
	if x.lengths, err = os.ReadFile(filepath.Join(folder, lengthFile)); err != nil {
		x.problem(lengthFile, err)
	} else if n := int64(len(x.lengths)) / 4; n < x.level0.count {
		x.problem(lengthFile, fmt.Errorf("it holds %d of %d lengths", n, x.level0.count))
	}
	return nil
}

func (x *index) problem(file string, err error) {
	x.problems = append(x.problems, fmt.Errorf("%s: %w", file, err))
}

// live reports whether an element is in it.
func (x *index) live() bool {
	return slices.ContainsFunc(x.elements, func(e element) bool { return !e.deleted })
}

// at returns the element of a label. Deleted ones, and those whose length is
// lost, are not found.
func (x *index) at(label uint32) (element, bool) {
	n, ok := slices.BinarySearchFunc(x.elements, label, func(e element, label uint32) int { return cmp.Compare(e.label, label) })
	if !ok || x.elements[n].deleted || x.cosine && int64(len(x.lengths)) < 4*(int64(x.elements[n].position)+1) {
		return element{}, false
	}
	return x.elements[n], true
}

// find returns the element of an id.
func (x *index) find(id []byte) (element, bool) {
	label, ok := x.ids.find(id)
	if !ok {
		return element{}, false
	}
	return x.at(label)
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

func (x *index) close() error {
	if x == nil || x.file == nil {
		return nil
	}
	f := x.file
	x.file = nil
	return f.Close()
}

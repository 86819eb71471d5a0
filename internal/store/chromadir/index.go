package chromadir

import (
	"cmp"
	"context"
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
	lengths  []byte    // float32 by position, when the space is cosine
	cosine   bool
	guessed  bool // the space was not known
	// shared are the labels that are said to be of more than one id.
	shared   map[uint32]bool
	file     io.Closer
	problems []error
}

// loadIndex reads what is in folder, of an index of that space; where it is not
// known, the vectors tell. A folder in which nothing was ever saved is an empty
// index, and no problem.
func loadIndex(ctx context.Context, folder, space string) (*index, error) {
	x := &index{ids: newLabels(), cosine: space == "cosine", guessed: space == ""}
	saved := x.loadPickle(folder)
	if err := x.loadElements(ctx, folder); err != nil {
		return nil, errors.Join(err, x.close())
	}
	x.findShared()
	if !saved && !slices.ContainsFunc(x.elements, func(e element) bool { return !e.deleted }) {
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
	if x.cosine || x.guessed {
		x.loadLengths(folder)
	}
	if x.guessed {
		x.cosine = x.looksCosine()
	}
	return nil
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

// findShared finds the elements that the pickle gives more than one id: nobody can
// say which of them is right.
func (x *index) findShared() {
	seen := newNumbers(len(x.elements))
	for i := range x.ids.len() {
		n, ok := x.search(x.ids.label(i))
		if !ok {
			continue
		}
		if seen.has(n) {
			if x.shared == nil {
				x.shared = map[uint32]bool{}
			}
			x.shared[x.ids.label(i)] = true
		}
		seen.add(n)
	}
	if len(x.shared) > 0 {
		x.problem(pickleFile, fmt.Errorf("%d labels have more than one id", len(x.shared)))
	}
}

func (x *index) loadLengths(folder string) {
	var err error
	if x.lengths, err = os.ReadFile(filepath.Join(folder, lengthFile)); err != nil {
		x.problem(lengthFile, err)
	} else if n := int64(len(x.lengths)) / 4; n < x.level0.count {
		x.problem(lengthFile, fmt.Errorf("it holds %d of %d lengths", n, x.level0.count))
	}
}

// looksCosine reports whether the elements are unit vectors and have lengths: in
// other spaces the file of lengths holds what was in memory by chance.
func (x *index) looksCosine() bool {
	const enough = 200
	vector := make([]byte, 4*x.level0.dimension())
	for _, e := range x.elements[:min(enough, len(x.elements))] {
		if !x.hasLength(e) || x.level0.vector(vector, e.position) != nil {
			return false
		}
		var norm float64
		for k := range x.level0.dimension() {
			norm += float64(float32At(vector, k)) * float64(float32At(vector, k))
		}
		length := float64(float32At(x.lengths, int(e.position)))
		if math.Abs(norm-1) > 1e-4 || !(1e-15 < length && length < 1e15) {
			return false
		}
	}
	return len(x.elements) > 0
}

func (x *index) problem(file string, err error) {
	if failure := (*fs.PathError)(nil); errors.As(err, &failure) { // its path is that of our copy
		err = failure.Err
	}
	x.problems = append(x.problems, fmt.Errorf("%s: %w", file, err))
}

func (x *index) close() error {
	if x == nil || x.file == nil {
		return nil
	}
	f := x.file
	x.file = nil
	return f.Close()
}

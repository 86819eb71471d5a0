package chromadir_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/store/chromadir"
)

// source gives rows of the sizes, in bytes of their vectors.
type source struct {
	sizes []int
	given atomic.Int64
}

func (s *source) next() (id, bits []byte, more bool) {
	n := s.given.Load()
	bits = make([]byte, s.sizes[n])
	more = int(n)+1 < len(s.sizes)
	s.given.Add(1)
	return fmt.Appendf(nil, "row-%d", n), bits, more
}

// TestPipelineLarge: a large row is the only one that is held while it is on its way,
// and the rows come in their order.
func TestPipelineLarge(t *testing.T) {
	t.Parallel()
	s := &source{sizes: []int{4, 8, chromadir.KeptBytes + 4, 4, chromadir.KeptBytes + 8, chromadir.KeptBytes + 4, 8, 4, 4, 4, 4, 4}}
	n := 0
	err := chromadir.Lines(s.next, func(line []byte) bool {
		if want := fmt.Sprintf(`{"id":"row-%d",`, n); !strings.HasPrefix(string(line), want) {
			t.Fatalf("line %d: got %.40s, want %s", n, line, want)
		}
		if got := bytes.Count(line, []byte{'0'}); got < s.sizes[n]/4 {
			t.Errorf("line %d: got %d numbers, want %d", n, got, s.sizes[n]/4)
		}
		n++
		if s.sizes[n-1] > chromadir.KeptBytes && s.given.Load() != int64(n) {
			t.Errorf("%d rows were read while row %d was on its way", s.given.Load()-int64(n), n-1)
		}
		return true
	})
	if err != nil || n != len(s.sizes) {
		t.Errorf("got %d lines, %v, want %d", n, err, len(s.sizes))
	}
}

// TestPipelineStops: who has enough gets no more, and nothing goes on behind it; a row
// that can't be a line ends it after those before.
func TestPipelineStops(t *testing.T) {
	t.Parallel()
	for _, stop := range []int{1, 3} {
		s, n := &source{sizes: make([]int, 1000)}, 0
		if err := chromadir.Lines(s.next, func([]byte) bool { n++; return n < stop }); err != nil || n != stop {
			t.Errorf("got %d lines, %v, want %d", n, err, stop)
		}
		given := s.given.Load()
		if given > int64(stop)+10 {
			t.Errorf("%d rows were read for %d", given, stop)
		}
	}
	s, n := &source{sizes: []int{4, 4, 3, 4}}, 0
	err := chromadir.Lines(s.next, func([]byte) bool { n++; return true })
	if err == nil || !strings.Contains(err.Error(), `row "row-2": `) || n != 2 {
		t.Errorf("got %d lines, %v", n, err)
	}
}

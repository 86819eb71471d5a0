package index

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// spill is a file of sorted runs.
type spill struct {
	dir  string
	file *os.File // nil before the first run
	ends []int64  // of the runs, in bytes
}

// add appends a run.
func (s *spill) add(run []Entry) error {
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, ".keepsake-index-*.tmp")
		if err != nil {
			return fmt.Errorf("sort index: %w", err)
		}
		s.file = file
		// Where an open file can lose its name it does, so that no crash leaves it.
		_ = os.Remove(file.Name())
	}
	out := bufio.NewWriterSize(s.file, 256<<10)
	for i := range run {
		if _, err := out.Write(run[i][:]); err != nil {
			return fmt.Errorf("sort index: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("sort index: %w", err)
	}
	s.ends = append(s.ends, s.last()+int64(len(run))*EntrySize)
	return nil
}

func (s *spill) last() int64 {
	if len(s.ends) == 0 {
		return 0
	}
	return s.ends[len(s.ends)-1]
}

// runs returns the runs from their beginning. Together they hold 16 MiB of buffers at
// the most, unless there are more than 4,096.
func (s *spill) runs() (all []source) {
	const most, least, together = 256 << 10, 4 << 10, 16 << 20
	size := min(most, max(least, together/max(1, len(s.ends))))
	from := int64(0)
	for _, end := range s.ends {
		all = append(all, &stored{in: bufio.NewReaderSize(io.NewSectionReader(s.file, from, end-from), size)})
		from = end
	}
	return all
}

func (s *spill) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	s.file = nil
	return err
}

// stored is a run on disk.
type stored struct {
	in   *bufio.Reader
	next Entry // here, so that none is allocated
}

// Next implements source.
func (s *stored) Next() (Entry, error) {
	_, err := io.ReadFull(s.in, s.next[:])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("sort index: a file of entries ends early")
	}
	return s.next, err
}

// merging is a heap of sources, by the entry that each stands at.
type merging []*cursor

// merge returns the entries of all sources in order.
func merge(sources []source) (source, error) {
	if len(sources) == 1 {
		return sources[0], nil
	}
	var m merging
	for _, in := range sources {
		c := &cursor{in: in}
		if err := c.step(); err != nil {
			return nil, err
		}
		if !c.end {
			m = append(m, c)
		}
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return &m, nil
}

// Next implements source.
func (m *merging) Next() (e Entry, err error) {
	heap := *m
	if len(heap) == 0 {
		return e, io.EOF
	}
	e = heap[0].at
	if err := heap[0].step(); err != nil {
		return e, err
	}
	if heap[0].end {
		heap[0] = heap[len(heap)-1]
		heap = heap[:len(heap)-1]
		*m = heap
	}
	heap.sink(0)
	return e, nil
}

// sink moves the i-th source down to its place.
func (m merging) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m); child++ {
			if compareEntries(&m[child].at, &m[least].at) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

func compareEntries(a, b *Entry) int { return bytes.Compare(a[:], b[:]) }

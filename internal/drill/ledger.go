package drill

import (
	"bytes"
	"slices"
	"strings"

	"keepsake/internal/record"
)

// short is half a digest: among 2^40 rows no two different ones share it by chance.
type short [16]byte

// ledger takes down which records there are, and strikes off those that come
// again: 20 bytes a row, whatever the order.
type ledger struct {
	keys  []short
	times []int32 // of each key; nil until it is sealed
	used  bool
}

func newLedger(used bool, rows int64) *ledger {
	l := &ledger{used: used}
	if used {
		l.keys = make([]short, 0, rows)
	}
	return l
}

func (l *ledger) add(d record.Digest) {
	if l.used {
		l.keys = append(l.keys, short(d[:16]))
	}
}

func compareShort(a, b short) int { return bytes.Compare(a[:], b[:]) }

// seal ends the adding: equal records become one key, counted.
func (l *ledger) seal() {
	slices.SortFunc(l.keys, compareShort)
	l.times = make([]int32, 0, len(l.keys))
	kept := 0
	for i, k := range l.keys {
		if i > 0 && k == l.keys[kept-1] {
			l.times[kept-1]++
			continue
		}
		l.keys[kept] = k
		l.times = append(l.times, 1)
		kept++
	}
	l.keys = l.keys[:kept]
}

// take strikes a record off; false when it isn't there, or not so often.
func (l *ledger) take(d record.Digest) bool {
	i, ok := slices.BinarySearchFunc(l.keys, short(d[:16]), compareShort)
	if !ok || l.times[i] == 0 {
		return false
	}
	l.times[i]--
	return true
}

// left counts the records that nobody took.
func (l *ledger) left() (n int64) {
	for _, times := range l.times {
		n += int64(times)
	}
	return n
}

// sample names the first of many.
type sample struct {
	n     int64
	names []string
}

func (s *sample) add(name string) {
	if s.n++; len(s.names) < named {
		s.names = append(s.names, name)
	}
}

// String lists the names.
func (s *sample) String() string {
	text := strings.Join(s.names, ", ")
	if s.n > int64(len(s.names)) {
		text += ", …"
	}
	return text
}

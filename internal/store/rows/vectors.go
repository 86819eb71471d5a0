package rows

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"keepsake/internal/record"
)

// sameVector compares two embeddings, as JSON. Without a tolerance they must be
// the same float32 bit for bit. With one, each number may differ by the
// tolerance times the largest magnitude in either vector.
func sameVector(a, b []byte, tolerance float64) bool {
	if bytes.Equal(a, b) {
		return true
	}
	scale := -1.0
	for w := (walker{a: a, b: b}); ; {
		x, y, more, ok := w.next()
		switch {
		case !ok:
			return false
		case !more:
			return true
		case math.Float32bits(x) == math.Float32bits(y):
			continue
		case tolerance == 0:
			return false
		}
		off := math.Abs(float64(x) - float64(y))
		if off <= tolerance*math.Abs(float64(x)) {
			continue
		}
		if scale < 0 {
			scale = max(largest(a), largest(b))
		}
		if off > tolerance*scale {
			return false
		}
	}
}

// walker goes through two arrays of numbers side by side.
type walker struct{ a, b []byte }

// next returns the next pair of numbers that are spelled differently; more is
// false at the end. ok is false when one array is shorter, or holds no number.
func (w *walker) next() (x, y float32, more, ok bool) {
	n := common(w.a, w.b)
	for n > 0 && !between(w.a[n-1]) {
		n-- // back to where the number begins
	}
	w.a, w.b = w.a[n:], w.b[n:]
	s, t := number(&w.a), number(&w.b)
	if len(s) == 0 || len(t) == 0 {
		return 0, 0, false, len(s) == len(t)
	}
	x, okX := record.ParseFloat32(s)
	y, okY := record.ParseFloat32(t)
	return x, y, true, okX && okY
}

// common returns how many bytes a and b begin with alike.
func common(a, b []byte) int {
	n := 0
	for n+8 <= min(len(a), len(b)) {
		if off := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); off != 0 {
			return n + bits.TrailingZeros64(off)/8
		}
		n += 8
	}
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// number cuts the first number, and what stands before it, off an array.
func number(array *[]byte) []byte {
	b := *array
	start := 0
	for start < len(b) && between(b[start]) {
		start++
	}
	end := start
	for end < len(b) && !between(b[end]) {
		end++
	}
	*array = b[end:]
	return b[start:end]
}

// between reports whether a byte stands between numbers.
func between(c byte) bool {
	switch c {
	case ',', '[', ']', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}

// largest returns the largest magnitude in an array of numbers.
func largest(array []byte) float64 {
	var most float64
	for {
		text := number(&array)
		if len(text) == 0 {
			return most
		}
		if x, ok := record.ParseFloat32(text); ok {
			most = max(most, math.Abs(float64(x)))
		}
	}
}

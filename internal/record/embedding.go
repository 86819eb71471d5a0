package record

import (
	"encoding/binary"
	"math"
	"strconv"
)

// embedding scans the array of numbers at i into s.bits, as little-endian
// float32, and returns how many there are.
func (s *Scanner) embedding(r *reader, i int) (end, dimension int, err error) {
	s.bits = s.bits[:0]
	if i = r.space(i + 1); r.at(i) == ']' {
		return i + 1, 0, nil
	}
	for {
		i, dimension = s.fastNumbers(r.b, i, dimension)
		if i, err = s.slowNumber(r, i); err != nil {
			return i, 0, err
		}
		dimension++
		i = r.space(i)
		switch r.at(i) {
		case ',':
			i = r.space(i + 1)
		case ']':
			return i + 1, dimension, nil
		default:
			return i, 0, r.unexpected(i, "a comma or a closing bracket")
		}
	}
}

// fastNumbers reads numbers of the usual form, a digit, a point, up to sixteen
// digits and a comma, for as long as they are; it returns the offset of the
// first number that it leaves to slowNumber.
func (s *Scanner) fastNumbers(b []byte, i, dimension int) (int, int) {
	return i, dimension
}

// slowNumber reads any number.
func (s *Scanner) slowNumber(r *reader, i int) (int, error) {
	d, ok := scanDecimal(r.b, i)
	if !ok {
		return i, r.unexpected(i, "a number")
	}
	f, ok := d.float32(r.b[i:d.end])
	if !ok {
		return i, fail(i, "number is no finite float32")
	}
	s.bits = binary.LittleEndian.AppendUint32(s.bits, math.Float32bits(f))
	return d.end, nil
}

// AppendFloat32s appends an array of the shortest decimals that give the
// float32 of bits back. bits are little-endian; NaN and infinities are errors.
func AppendFloat32s(dst []byte, bits []byte) ([]byte, error) {
	if len(bits)%4 != 0 {
		return dst, fail(len(bits), "float32 cut short")
	}
	dst = append(dst, '[')
	for i := 0; i < len(bits); i += 4 {
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(bits[i:])))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, fail(i, "number is no finite float32")
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat32(dst, f)
	}
	return append(dst, ']'), nil
}

// appendFloat32 prints as JavaScript does: plain digits between 1e-6 and 1e21.
func appendFloat32(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 32)
}

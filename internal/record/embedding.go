package record

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// embedding scans the array of numbers at i into s.bits, as little-endian
// float32.
func (s *Scanner) embedding(r *reader, i int) (end int, err error) {
	if s.bits = s.bits[:0]; s.bits == nil {
		s.bits = []byte{} // nil would mean null
	}
	if i = r.space(i + 1); r.at(i) == ']' {
		return i + 1, nil
	}
	for {
		if i, err = s.slowNumber(r, s.fastNumbers(r.b, i)); err != nil {
			return i, err
		}
		i = r.space(i)
		switch r.at(i) {
		case ',':
			i++
		case ']':
			return i + 1, nil
		default:
			return i, r.unexpected(i, "a comma or a closing bracket")
		}
	}
}

// widest is how many bytes fastNumbers looks at: a sign, a digit, a point,
// sixteen digits and what ends them.
const widest = 1 + 1 + 1 + 16 + 1

// fastNumbers reads numbers of the usual form, a digit, a point, up to sixteen
// digits and a comma, for as long as they are; it returns the offset of the
// first number that it leaves to slowNumber. It has no branch that depends on
// the sign or on how many digits there are: those can't be predicted.
func (s *Scanner) fastNumbers(b []byte, i int) int {
	out := s.bits
	for len(b)-i >= widest {
		sign := (uint32(b[i]^'-') - 1) >> 31 // 1 for a minus
		at := i + int(sign)
		text := b[at : at+widest-1 : at+widest-1]
		lead := uint64(text[0]) - '0'
		if lead > 9 || text[1] != '.' {
			break
		}
		high := binary.LittleEndian.Uint64(text[2:])
		low := binary.LittleEndian.Uint64(text[10:])
		n := digitRun(high)
		m := digitRun(low) & -(n >> 3) // none, unless high is all digits
		if n == 0 || text[2+n+m] != ',' {
			break
		}
		mant := (lead*intPow10[n]+digits8(high<<(64-8*n)))*intPow10[m] + digits8(low<<(64-8*m))
		// Not the exact quotient, which takes longer: three roundings, so at
		// most 4 ulp off, and no float32 below 1e-16 but 0 has subnormals near.
		v := float64(int64(mant)) * pow10th[n+m]
		if besideHalf(v) {
			break
		}
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v))|sign<<31)
		i = at + 2 + n + m + 1
	}
	s.bits = out
	return i
}

// slowNumber reads any number, with whitespace before it.
func (s *Scanner) slowNumber(r *reader, i int) (int, error) {
	i = r.space(i)
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
	dst = slices.Grow(dst, len(bits)/4*widestFraction+2)
	dst = append(dst, '[')
	for i := 0; i < len(bits); i += 4 {
		f := binary.LittleEndian.Uint32(bits[i:])
		if !finite(f) {
			return dst, fail(i, "number is no finite float32")
		}
		var ok bool
		if dst, ok = appendFraction(dst, f); !ok {
			dst = append(appendFloat32(dst, float64(math.Float32frombits(f))), ',')
		}
	}
	return closeWith(dst, ']'), nil
}

// finite reports whether f, the bits of a float32, are a number.
func finite(f uint32) bool {
	const exponent = 0xff << 23
	return f&exponent != exponent
}

// appendFloat32 prints as JavaScript does: plain digits between 1e-6 and 1e21.
func appendFloat32(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 32)
}

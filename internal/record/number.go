package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// pow10 holds the powers of ten; they are exact up to the 22nd, and rounded to
// the nearest float64 beyond.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30,
	1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45,
	1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60,
}

const exactPowers = 22

// pow10th holds the negative powers of ten, rounded to the nearest float64.
var pow10th = [...]float64{
	1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16,
}

var intPow10 = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// decimal is a JSON number taken apart: mant × 10^exp, and its sign. mant holds
// the first nineteen digits; what others add is left out.
type decimal struct {
	mant    uint64
	exp     int
	end     int // offset behind the number
	neg     bool
	integer bool // no point and no exponent
}

// digitRun returns how many digits w, eight bytes of text, starts with.
func digitRun(w uint64) int {
	t := w ^ '0'*ones
	return bits.TrailingZeros64((t|(t+(0x80-10)*ones))&highs) >> 3
}

// digits8 returns the number that eight digits of text spell. Zero bytes count
// as leading zeros.
func digits8(w uint64) uint64 {
	w &= 0x0f * ones
	w = w * (1 + 10<<8) >> 8
	w = w & 0x00ff00ff00ff00ff * (1 + 100<<16) >> 16
	return w & 0x0000ffff0000ffff * (1 + 10000<<32) >> 32
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// scanDecimal takes apart the number at b[i:]. It is false when there is none.
func scanDecimal(b []byte, i int) (d decimal, ok bool) {
	if i < len(b) && b[i] == '-' {
		d.neg = true
		i++
	}
	whole := i
	if i = d.digits(b, i); i == whole || b[whole] == '0' && i > whole+1 {
		return d, false
	}
	d.integer = true
	if i < len(b) && b[i] == '.' {
		point := i + 1
		if i = d.digits(b, point); i == point {
			return d, false
		}
		d.integer, d.exp = false, d.exp-(i-point)
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		exp, end, ok := scanExponent(b, i+1)
		if !ok {
			return d, false
		}
		i, d.integer, d.exp = end, false, d.exp+exp
	}
	d.end = i
	return d, true
}

// digits adds the digits at b[i:] to the mantissa, in steps of eight while they
// surely fit. Those beyond the nineteenth only count in the exponent.
func (d *decimal) digits(b []byte, i int) (end int) {
	for d.mant < 1e11 && len(b)-i >= 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if digitRun(w) < 8 {
			break
		}
		d.mant = d.mant*1e8 + digits8(w)
		i += 8
	}
	for ; i < len(b) && isDigit(b[i]); i++ {
		if d.mant < 1e18 {
			d.mant = d.mant*10 + uint64(b[i]-'0')
			continue
		}
		d.exp++
	}
	return i
}

// scanExponent reads what follows an e. It stops counting where no mantissa of
// a row could make up for it.
func scanExponent(b []byte, i int) (exp, end int, ok bool) {
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	start := i
	for ; i < len(b) && isDigit(b[i]); i++ {
		if exp < 1<<40 {
			exp = exp*10 + int(b[i]-'0')
		}
	}
	if neg {
		exp = -exp
	}
	return exp, i, i > start
}

// besideHalf reports whether a midpoint of two normal float32 lies within 4 ulp
// of v, so that a v which is at most that far off may round to either.
func besideHalf(v float64) bool {
	const half = 1 << 28 // the midpoint, in the 29 bits that a float32 lacks
	return math.Float64bits(v)&(half<<1-1)-(half-4) <= 8
}

// narrow rounds v, which is at most 4 ulp off, to the nearest float32. It is
// false when it can't tell: beside a midpoint, below the normal float32, where
// they lie further apart, and at the upper end. v is not negative.
func narrow(v float64) (f float32, ok bool) {
	if besideHalf(v) || v < 0x1p-126 || v >= math.MaxFloat32 {
		return 0, false
	}
	return float32(v), true
}

// float32 returns the float32 nearest to d, which text spells; false when that
// is an infinity.
func (d *decimal) float32(text []byte) (f float32, ok bool) {
	if d.mant == 0 {
		return float32(math.Copysign(0, d.sign())), true
	}
	if -len(pow10) < d.exp && d.exp < len(pow10) {
		// Mantissa, power and quotient are each at most half an ulp off, what
		// was cut is less than a hundredth: narrow's 4 hold.
		v := float64(d.mant)
		if d.exp < 0 {
			v /= pow10[-d.exp]
		} else {
			v *= pow10[d.exp]
		}
		if f, ok = narrow(v); ok {
			return float32(math.Copysign(float64(f), d.sign())), true
		}
	}
	v, err := strconv.ParseFloat(string(text), 32)
	return float32(v), err == nil
}

func (d *decimal) sign() float64 {
	if d.neg {
		return -1
	}
	return 1
}

// float64 returns the float64 nearest to d, which text spells; false when that
// is an infinity.
func (d *decimal) float64(text []byte) (v float64, ok bool) {
	if d.mant < 1<<53 && -exactPowers <= d.exp && d.exp <= exactPowers {
		v = math.Copysign(float64(d.mant), d.sign()) // exact and all digits, so one rounding below
		if d.exp < 0 {
			return v / pow10[-d.exp], true
		}
		return v * pow10[d.exp], true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}

// ParseFloat32 returns the float32 nearest to a JSON number, ties to even, as
// strconv.ParseFloat does. It is false when number is none, or is past the
// largest float32.
func ParseFloat32(number []byte) (float32, bool) {
	d, ok := scanDecimal(number, 0)
	if !ok || d.end != len(number) {
		return 0, false
	}
	return d.float32(number)
}

package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

const (
	// fractionDigits is how many digits follow the point at most.
	fractionDigits = 16
	// shortFraction is how many do of most numbers that are no less than 1e-4.
	shortFraction = 12
	// widestFraction is how many bytes appendFraction writes to at most: a sign,
	// the digits of 2^23, a point, those behind it, and a comma.
	widestFraction = 1 + 7 + 1 + fractionDigits + 1
)

// appendFraction appends a float32, given as its bits, in plain digits and a comma, if
// it is of the usual kind: no less than 1e-6, no integer, no power of two. It is false
// for others. dst has room for widestFraction bytes more. For numbers below 1 it has
// no branch that depends on their digits, but for how small they are: those can't be
// predicted.
func appendFraction(dst []byte, f uint32) ([]byte, bool) {
	const sign, least, one, most = 1 << 31, 0x358637be, 0x3f800000, 0x4b000000
	abs := f &^ sign
	if abs < least || abs >= most || abs&(hidden-1) == 0 {
		return dst, false
	}
	short, exp := shortest(abs)
	digits := uint64(short)
	i, whole := len(dst), uint64(0)
	if abs >= one {
		if exp >= 0 {
			return dst, false
		}
		whole = digits / longPow10[-exp]
		if digits -= whole * longPow10[-exp]; digits == 0 {
			return dst, false
		}
	}
	out := dst[:i+widestFraction]
	out[i] = '-'
	i += int(f >> 31)
	out[i] = '0'
	if i++; whole > 0 {
		i = len(strconv.AppendUint(out[:i-1], whole, 10))
	}
	out[i] = '.'
	i = putFraction(out, i+1, digits, exp)
	out[i] = ','
	return out[:i+1], true
}

// putFraction puts what follows the point, digits × 10^exp, at out[i:], without
// zeros at its end. It returns where it ends.
func putFraction(out []byte, i int, digits uint64, exp int) (end int) {
	var zeros int
	if exp >= -shortFraction {
		digits *= longPow10[shortFraction+exp]
		high, low := spell8(digits/1e4), spell4(uint32(digits%1e4))
		binary.LittleEndian.PutUint64(out[i:], high|'0'*ones)
		binary.LittleEndian.PutUint32(out[i+8:], low|'0'*(ones&math.MaxUint32))
		if zeros = bits.LeadingZeros32(low) >> 3; low == 0 {
			zeros += bits.LeadingZeros64(high) >> 3
		}
		return i + shortFraction - zeros
	}
	digits *= longPow10[fractionDigits+exp]
	high, low := spell8(digits/1e8), spell8(digits%1e8)
	binary.LittleEndian.PutUint64(out[i:], high|'0'*ones)
	binary.LittleEndian.PutUint64(out[i+8:], low|'0'*ones)
	if zeros = bits.LeadingZeros64(low) >> 3; low == 0 {
		zeros += bits.LeadingZeros64(high) >> 3
	}
	return i + fractionDigits - zeros
}

// longPow10 holds the powers of ten that a fraction is counted in.
var longPow10 = [fractionDigits + 1]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
}

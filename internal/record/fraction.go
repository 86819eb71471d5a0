package record

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

const (
	// fractionDigits is how many digits follow the point at most.
	fractionDigits = 16
	// widestFraction is how many bytes appendFraction writes to at most: a sign,
	// the digits of 2^23, a point, and those behind it.
	widestFraction = 1 + 7 + 1 + fractionDigits
)

// appendFraction appends a float32, given as its bits, in plain digits, if it is of
// the usual kind: no less than 1e-6, no integer, no power of two. It is false for
// others. dst has room for widestFraction bytes more. For numbers below 1 it has no
// branch that depends on their digits: those can't be predicted.
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
	digits *= longPow10[fractionDigits+exp]
	high, low := spell8(digits/1e8), spell8(digits%1e8)
	binary.LittleEndian.PutUint64(out[i+1:], high|'0'*ones)
	binary.LittleEndian.PutUint64(out[i+9:], low|'0'*ones)
	zeros := bits.LeadingZeros64(low) >> 3
	if low == 0 {
		zeros += bits.LeadingZeros64(high) >> 3
	}
	return out[:i+1+fractionDigits-zeros], true
}

// longPow10 holds the powers of ten that a fraction is counted in.
var longPow10 = [fractionDigits + 1]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
}

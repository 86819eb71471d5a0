package record

import "math/bits"

const (
	// hidden is the bit of a float32's mantissa that is not written down.
	hidden = 1 << 23
	// exponentBias is what its exponent is more, the mantissa taken as an integer.
	exponentBias = 127 + 23
)

// shortest returns the shortest decimal that reads back as a float32, and of those
// the nearest: digits × 10^exp, with zeros at their end perhaps. f are the bits of
// it: a positive one, normal, and no power of two. This is Schubfach (Raffaello
// Giulietti, "The Schubfach way to render doubles", 2021), with sums in the place
// of branches: which of its ends a number takes can't be predicted.
func shortest(f uint32) (digits uint32, exp int) {
	c, q := hidden|f&(hidden-1), int(f>>23)-exponentBias // f = c × 2^q
	k := q * 1262611 >> 22                               // 10^k is at most 2^q
	// Four times the ends of what rounds to f, and f itself, in units of 10^k. All
	// are below 2^30.
	g, h := tens[-k-lowestTen], q+(-k*1741647)>>19+1
	odd := c & 1 // then the ends round to others
	lower := roundToOdd(g, (4*c-2)<<h) + odd
	middle := roundToOdd(g, 4*c<<h)
	upper := roundToOdd(g, (4*c+2)<<h) - odd

	near := middle / 4
	near += (middle&3 + near&1 + 1) >> 2 // of two that are as near, the even one
	tenth := middle / 40
	down, up := atMost(lower, 40*tenth), atMost(40*tenth+40, upper)
	less := down ^ up // one digit less does
	return near ^ (near^(tenth+up))&-less, k + int(less)
}

// atMost returns 1 if a <= b, which are below 2^31, else 0.
func atMost(a, b uint32) uint32 { return 1 - (b-a)>>31 }

// roundToOdd returns g × c ÷ 2^64; its last bit is set when something was cut.
func roundToOdd(g uint64, c uint32) uint32 {
	high, low := bits.Mul64(g, uint64(c))
	if low>>33 != 0 {
		return uint32(high) | 1
	}
	return uint32(high)
}

// spell8 returns the eight digits of n, which is below 1e8, a byte each and the
// first one lowest.
func spell8(n uint64) uint64 {
	n = n/10_000 | n%10_000<<32
	q := n * 10_486 >> 20 & 0x7f_0000_007f // hundreds of each half
	n = n<<16 - q*100<<16 + q
	q = n * 103 >> 10 & 0x000f_000f_000f_000f // tens of each quarter
	return n<<8 - q*10<<8 + q
}

// spell4 is spell8 for four digits.
func spell4(n uint32) uint32 {
	q := n * 10_486 >> 20 // hundreds
	n = n<<16 - q*100<<16 + q
	q = n * 103 >> 10 & 0x000f_000f // tens of each half
	return n<<8 - q*10<<8 + q
}

// lowestTen is the exponent of the first of tens.
const lowestTen = -31

// tens holds the powers of ten, each as the 64 bits that it begins with, rounded
// up.
var tens = [...]uint64{
	0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e, 0x9e74d1b791e07e49, 0xc612062576589ddb,
	0xf79687aed3eec552, 0x9abe14cd44753b53, 0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
	0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c, 0x901d7cf73ab0acda, 0xb424dc35095cd810,
	0xe12e13424bb40e14, 0x8cbccc096f5088cc, 0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
	0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c, 0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b,
	0xcccccccccccccccd, 0x8000000000000000, 0xa000000000000000, 0xc800000000000000, 0xfa00000000000000, 0x9c40000000000000,
	0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000, 0xee6b280000000000, 0x9502f90000000000,
	0xba43b74000000000, 0xe8d4a51000000000, 0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000,
	0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000, 0xad78ebc5ac620000, 0xd8d726b7177a8000, 0x878678326eac9000,
	0xa968163f0a57b400, 0xd3c21bcecceda100, 0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
	0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e, 0xc5371912364ce306, 0xf684df56c3e01bc7,
	0x9a130b963a6c115d, 0xc097ce7bc90715b4, 0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
	0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70, 0xb35dbf821ae4f38c,
}

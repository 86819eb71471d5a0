package store

// Bits is a set of numbers from 0 up, in a bit each.
type Bits []uint64

// Set puts a number in.
func (b *Bits) Set(n int64) {
	for int64(len(*b)) <= n/64 {
		*b = append(*b, 0)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

// Unset takes a number out.
func (b Bits) Unset(n int64) {
	if b.Has(n) {
		b[n/64] &^= 1 << (n % 64)
	}
}

// Has reports whether a number is in.
func (b Bits) Has(n int64) bool {
	return n/64 < int64(len(b)) && b[n/64]&(1<<(n%64)) != 0
}

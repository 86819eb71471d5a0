package store

// Costs are what a section takes in a store, about: in bytes beside the live one
// while it is staged, and in seconds on the machine of docs/benchmarks.md, two cores.
// The zero Costs are those of a store that keeps what is in the bundle.
type Costs struct {
	// What a row, a number of its embedding, a byte of its document, a byte of all
	// else that is text, and one of the bundle take on the disk. Queued rows are kept
	// twice.
	RowBytes, NumberBytes, DocumentBytes, TextBytes, BundleBytes float64

	Queued int64
	// InPlaceFree says that rows which are changed in place take nothing.
	InPlaceFree bool

	// What it takes to read a row that lives, and each of its numbers.
	ReadRow, ReadNumber float64
	// What the store takes to put a row in, beside reading the bundle, and a byte of
	// its text and document. PutIndex, for each number, and for a hundred more, grows
	// with the square root of the rows.
	PutRow, PutText, PutDocument, PutIndex float64
}

// Coster is a Target that says what its sections take.
type Coster interface{ Costs() Costs }

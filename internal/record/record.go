// Package record scans the rows of a bundle, and of a store that spells them as JSON:
// it finds the spans of what a row holds without decoding it, checks grammar,
// UTF-8 and float32, prints rows in canonical form and computes the record
// digest. Its functions are pure; DESIGN.md beside it says what they promise.
package record

import (
	"crypto/sha256"
	"hash"
	"strconv"
)

// MaxDepth is how many arrays and objects may be open at once in a row. It is
// the limit of serde_json, so nothing deeper has come through Chroma.
const MaxDepth = 128

// MaxLine is the longest row in bytes that a bundle may hold. Whoever cuts a
// stream into lines enforces it; the scanner takes what it is given.
const MaxLine = 256 << 20

// Digest is a SHA-256.
type Digest = [sha256.Size]byte

// Span is a half-open range of bytes. The zero Span stands for absent: no value
// starts a row, so no other span is empty.
type Span struct{ Start, End int }

// Of returns the bytes of b that s covers.
func (s Span) Of(b []byte) []byte { return b[s.Start:s.End] }

// Empty reports whether s covers nothing.
func (s Span) Empty() bool { return s.Start == s.End }

// SyntaxError says what is wrong with a row or text, and at which byte of it.
type SyntaxError struct {
	Offset int
	Msg    string
}

// Error returns "offset 12: …".
func (e *SyntaxError) Error() string {
	return "offset " + strconv.Itoa(e.Offset) + ": " + e.Msg
}

func fail(offset int, msg string) error { return &SyntaxError{offset, msg} }

// Scanner scans and prints rows. Its zero value is ready. It keeps scratch
// memory that grows to the largest row seen, so that no row costs an
// allocation; one goroutine uses it at a time.
//
// A *Vector stays valid until the next call of Vector, an *Element until the
// next call of Element; the other methods leave both alone.
type Scanner struct {
	vector  Vector
	key     []byte // decoded id of vector
	bits    []byte // embedding of vector
	element Element
	columns []byte // decoded columns of element

	members []member // stack of open objects, for sorting
	names   []byte   // decoded keys of members
	swap    []byte   // an object while its members are put in order
	canon   []byte   // canonical form for a digest
	text    []byte   // decoded string for a digest
	hash    hash.Hash
	content hash.Hash // of a part of a vector row
	head    [9]byte
}

// member is one member of an object that has been printed: its decoded key, and
// where its text with the comma behind it lies.
type member struct {
	name []byte
	text Span
}

// Package index is the format of an index: the digests of a section's records,
// sorted by key, 32 bytes each. Two of them tell what was added, removed and
// changed, without a look at the records. docs/format.md has it byte for byte.
package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"keepsake/internal/memory"
)

// Sizes in bytes.
const (
	HeaderSize  = 64
	EntrySize   = 32
	keySize     = 12
	contentSize = 10
)

// version is that of the format.
const version = 1

var magic = [8]byte{'k', 'e', 'e', 'p', 's', 'i', 'd', 'x'}

// Errors that callers test for.
var (
	// ErrFormat says that bytes are no index, or a damaged one.
	ErrFormat = errors.New("is no index, or a damaged one")
	// ErrTwice says that two records have one key.
	ErrTwice = errors.New("two records have one key")
	// ErrKinds says that two indexes are of records of different kinds.
	ErrKinds = errors.New("indexes are of different kinds of records")
)

// Entry is one record: its key, the digest of its content, and what the kind of
// record has besides, of vectors the digest of the embedding's bits.
type Entry [EntrySize]byte

// Key is what tells a record from all others of its section.
type Key [keySize]byte

// VectorKey returns the key of a vector row.
func VectorKey(id []byte) Key {
	sum := sha256.Sum256(id)
	return Key(sum[:keySize])
}

// Key returns what tells the record from all others of its section.
func (e *Entry) Key() []byte { return e[:keySize] }

// Content returns the digest of all but the vector.
func (e *Entry) Content() []byte { return e[keySize : keySize+contentSize] }

// Rest returns the digest of the vector, zeros where there is none.
func (e *Entry) Rest() []byte { return e[keySize+contentSize:] }

func compareKeys(a, b *Entry) int { return bytes.Compare(a[:keySize], b[:keySize]) }

// Digest is a SHA-256.
type Digest = [sha256.Size]byte

func entry(key, content Digest) (e Entry) {
	copy(e[:keySize], key[:])
	copy(e[keySize:], content[:contentSize])
	return e
}

// Vector returns the entry of a vector row: content is the digest of its metadata
// and document, bits are its embedding, nil for a row without one.
func Vector(id []byte, content Digest, bits []byte) Entry {
	e := entry(sha256.Sum256(id), content)
	if bits != nil {
		vector := sha256.Sum256(bits)
		copy(e[keySize+contentSize:], vector[:])
	}
	return e
}

// Element returns the entry of a node or an edge of a graph, by the digest of its
// record. buf is scratch memory, and is returned grown.
func Element(edge bool, id []byte, digest Digest, buf []byte) (Entry, []byte) {
	kind := "node\x00"
	if edge {
		kind = "edge\x00"
	}
	buf = append(append(buf[:0], kind...), id...)
	return entry(sha256.Sum256(buf), digest), buf
}

// Line returns the entry of a line by the digest of its record; a Builder numbers
// those that come more than once.
func Line(digest Digest) Entry { return entry(digest, digest) }

// File returns the entry of a file that is kept whole, by its section's name and
// the digest of its bytes.
func File(name memory.Section, digest Digest) Entry {
	return entry(sha256.Sum256([]byte(name)), digest)
}

// repeated returns the entry of a line that has come n times before.
func repeated(first Entry, n uint64) Entry {
	var b [keySize + 8]byte
	copy(b[:], first.Key())
	binary.LittleEndian.PutUint64(b[keySize:], n)
	key := sha256.Sum256(b[:])
	copy(first[:keySize], key[:])
	return first
}

// Header says what an index is of.
type Header struct {
	Kind    memory.Kind
	Entries int64
	Payload Digest // SHA-256 of the file that holds the records, as it lies there
}

func kinds() []memory.Kind {
	return []memory.Kind{memory.Vectors, memory.Elements, memory.Lines, memory.Opaque}
}

func (h Header) encode() (b [HeaderSize]byte) {
	copy(b[:], magic[:])
	binary.LittleEndian.PutUint32(b[8:], version)
	for i, k := range kinds() {
		if k == h.Kind {
			binary.LittleEndian.PutUint32(b[12:], uint32(i)+1)
		}
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(h.Entries))
	copy(b[32:], h.Payload[:])
	return b
}

func decode(b [HeaderSize]byte) (h Header, err error) {
	kind := binary.LittleEndian.Uint32(b[12:])
	entries := binary.LittleEndian.Uint64(b[16:])
	switch {
	case !bytes.Equal(b[:8], magic[:]):
		return h, fmt.Errorf("%w: it begins otherwise", ErrFormat)
	case binary.LittleEndian.Uint32(b[8:]) != version:
		return h, fmt.Errorf("%w: version %d is unknown", ErrFormat, binary.LittleEndian.Uint32(b[8:]))
	case kind < 1 || int(kind) > len(kinds()):
		return h, fmt.Errorf("%w: kind of record %d is unknown", ErrFormat, kind)
	case entries > 1<<48:
		return h, fmt.Errorf("%w: it says that it has %d entries", ErrFormat, entries)
	case !bytes.Equal(b[24:32], make([]byte, 8)):
		return h, fmt.Errorf("%w: what is kept free in its header is not zero", ErrFormat)
	}
	h.Kind, h.Entries = kinds()[kind-1], int64(entries)
	copy(h.Payload[:], b[32:])
	return h, nil
}

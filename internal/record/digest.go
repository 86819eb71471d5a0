package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// VectorDigest returns the record digest of a row that Vector scanned: SHA-256
// over id, embedding, metadata and document, as DESIGN.md writes it down. It is
// an error when the metadata holds a number past the largest float64.
func (s *Scanner) VectorDigest(line []byte, v *Vector) (Digest, error) {
	return s.vectorDigest(line, v, nil)
}

// VectorDigests returns the record digest of a row, and that of its content: SHA-256
// over metadata and document, in the same form.
func (s *Scanner) VectorDigests(line []byte, v *Vector) (row, content Digest, err error) {
	if s.content == nil {
		s.content = sha256.New()
	}
	s.content.Reset()
	if row, err = s.vectorDigest(line, v, s.content); err != nil {
		return row, content, err
	}
	s.canon = s.content.Sum(s.canon[:0])
	return row, Digest(s.canon), nil
}

// vectorDigest hashes the fields of a row, and those of its content into another
// hash as well where there is one.
func (s *Scanner) vectorDigest(line []byte, v *Vector, content hash.Hash) (Digest, error) {
	if s.hash == nil {
		s.hash = sha256.New()
	}
	s.hash.Reset()
	metadata, err := s.digestMetadata(line, v.Metadata)
	if err != nil {
		return Digest{}, err
	}
	s.field(s.hash, v.Key, true)
	s.field(s.hash, v.Bits, v.Dimension >= 0)
	s.field(s.hash, metadata, metadata != nil)
	document, ok := s.digestDocument(line, v.Document)
	s.field(s.hash, document, ok)
	if content != nil {
		s.field(content, metadata, metadata != nil)
		s.field(content, document, ok)
	}
	s.canon = s.hash.Sum(s.canon[:0])
	return Digest(s.canon), nil
}

// field hashes one field: whether it is there, its length, its bytes.
func (s *Scanner) field(into hash.Hash, b []byte, there bool) {
	s.head[0] = 0
	if there {
		s.head[0] = 1
	}
	binary.LittleEndian.PutUint64(s.head[1:], uint64(len(b)))
	into.Write(s.head[:])
	into.Write(b)
}

// digestMetadata returns the canonical form of the metadata, nil for null and
// for an object without members: Chroma gives null back for it.
func (s *Scanner) digestMetadata(line []byte, span Span) ([]byte, error) {
	if isNull(line, span) {
		return nil, nil
	}
	var err error
	s.canon, err = s.appendCanonical(s.canon[:0], span.Of(line))
	if err != nil {
		return nil, err
	}
	if string(s.canon) == "{}" {
		return nil, nil
	}
	return s.canon, nil
}

// digestDocument returns the document decoded; ok is false for null.
func (s *Scanner) digestDocument(line []byte, span Span) (document []byte, ok bool) {
	if isNull(line, span) {
		return nil, false
	}
	t := token{Span: span}
	t.escaped = bytes.IndexByte(t.Of(line), '\\') >= 0
	if t.escaped {
		s.text = t.decode(s.text[:0], line)
		return s.text, true
	}
	return t.inner(line), true
}

// isNull reports whether a value is absent or null.
func isNull(line []byte, span Span) bool {
	return span.Empty() || line[span.Start] == 'n'
}

// LineDigest returns the record digest of a graph row or a line of a flat file:
// SHA-256 over its canonical typed form where it has one, else over its bytes.
func (s *Scanner) LineDigest(line []byte) Digest {
	canon, err := s.appendCanonical(s.canon[:0], line)
	s.canon = canon
	if err != nil {
		return sha256.Sum256(line)
	}
	return sha256.Sum256(canon)
}

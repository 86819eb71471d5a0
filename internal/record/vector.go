package record

import (
	"bytes"
	"slices"
)

// Vector is one row of a vector section:
//
//	{"id":"…","embedding":[…]|null,"metadata":{…}|null,"document":"…"|null}
type Vector struct {
	// Spans of the values in the line, strings with their quotes. Metadata and
	// Document are the zero Span where the row hasn't got the key.
	ID, Embedding, Metadata, Document Span
	// Dimension counts the numbers of the embedding; -1 when it is null.
	Dimension int
	// Key is the id, decoded to UTF-8.
	Key []byte
	// Bits is the embedding as little-endian float32, 4 × Dimension bytes, each
	// the nearest to its decimal; -0 and denormals stay. nil when it is null.
	Bits []byte
}

// Vector scans one row. Keys may come in any order, with whitespace around
// them; metadata and document may be left out, which means null. Everything else
// that DESIGN.md lists is refused with a *SyntaxError.
func (s *Scanner) Vector(line []byte) (*Vector, error) {
	s.vector = Vector{Dimension: -1}
	v := &s.vector
	r := reader{b: line, strict: true}
	i, err := r.members(r.space(0), 1, func(key token, at int) (int, error) {
		return s.vectorMember(v, &r, key, at)
	})
	if err == nil {
		err = r.end(i)
	}
	switch {
	case err != nil:
		return nil, err
	case v.ID.Empty():
		return nil, fail(0, `missing key "id"`)
	case v.Embedding.Empty():
		return nil, fail(0, `missing key "embedding"`)
	}
	return v, nil
}

// vectorMember scans the value of one key of a row.
func (s *Scanner) vectorMember(v *Vector, r *reader, key token, at int) (int, error) {
	var scratch [32]byte
	var end int
	var err error
	var span *Span
	switch string(key.name(r.b, scratch[:0])) {
	case "id":
		span = &v.ID
		end, err = s.vectorID(v, r, at)
	case "embedding":
		span = &v.Embedding
		end, err = s.vectorEmbedding(v, r, at)
	case "metadata":
		span = &v.Metadata
		end, err = s.vectorMetadata(r, at)
	case "document":
		span = &v.Document
		end, err = r.stringOrNull(at)
	default:
		return at, fail(key.Start, "unknown key "+string(key.Of(r.b)))
	}
	if !span.Empty() {
		return at, fail(key.Start, "duplicate key "+string(key.Of(r.b)))
	}
	*span = Span{at, end}
	return end, err
}

// LeadingID returns the id of a row in canonical form, where it comes first, without
// a look at the rest; ok is false for another one. It is valid until the next call of
// this method or of Vector.
func (s *Scanner) LeadingID(line []byte) (id []byte, ok bool) {
	const before = `{"id":`
	if !bytes.HasPrefix(line, []byte(before)) {
		return nil, false
	}
	r := reader{b: line, strict: true}
	t, err := r.str(len(before))
	if err != nil {
		return nil, false
	}
	s.key = t.decode(s.key[:0], line)
	return s.key, true
}

func (s *Scanner) vectorID(v *Vector, r *reader, at int) (int, error) {
	t, err := r.str(at)
	if err != nil {
		return at, err
	}
	s.key = t.decode(s.key[:0], r.b)
	if v.Key = s.key; len(v.Key) == 0 {
		return at, fail(at, "id is empty")
	}
	return t.End, nil
}

func (s *Scanner) vectorEmbedding(v *Vector, r *reader, at int) (end int, err error) {
	if r.null(at) {
		return at + len("null"), nil
	}
	if r.at(at) != '[' {
		return at, r.unexpected(at, "an array of numbers or null")
	}
	end, err = s.embedding(r, at)
	v.Bits, v.Dimension = s.bits, len(s.bits)/4
	return end, err
}

func (r *reader) stringOrNull(at int) (int, error) {
	if r.null(at) {
		return at + len("null"), nil
	}
	if r.at(at) != '"' {
		return at, r.unexpected(at, "a string or null")
	}
	t, err := r.str(at)
	return t.End, err
}

// vectorMetadata skips a metadata object; none of its keys may come twice,
// because a store would keep one of them only. Objects inside it are not looked
// at so: no Chroma takes them, and canonical form loses nothing of them.
func (s *Scanner) vectorMetadata(r *reader, at int) (int, error) {
	if r.null(at) {
		return at + len("null"), nil
	}
	if r.at(at) != '{' {
		return at, r.unexpected(at, "an object or null")
	}
	s.members, s.names = s.members[:0], s.names[:0]
	end, err := r.members(at, 2, func(key token, at int) (int, error) {
		s.push(r.b, key, key.Span)
		return r.value(at, 2)
	})
	if err != nil {
		return at, err
	}
	return end, s.distinct()
}

// distinct refuses equal keys among the members.
func (s *Scanner) distinct() error {
	if !slices.IsSortedFunc(s.members, byName) {
		slices.SortStableFunc(s.members, byName)
	}
	for i := 1; i < len(s.members); i++ {
		if bytes.Equal(s.members[i-1].name, s.members[i].name) {
			return fail(s.members[i].text.Start, "duplicate key in the metadata")
		}
	}
	return nil
}

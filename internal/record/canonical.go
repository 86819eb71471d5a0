package record

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// AppendCanonical appends value in canonical typed form: equal for texts that
// mean the same, different for others. DESIGN.md has its rules. It is an error
// when value is not valid, or holds a number past the largest float64.
func AppendCanonical(dst, value []byte) ([]byte, error) {
	var s Scanner
	return s.appendCanonical(dst, value)
}

func (s *Scanner) appendCanonical(dst, value []byte) ([]byte, error) {
	s.members, s.names = s.members[:0], s.names[:0]
	r := reader{b: value}
	dst, i, err := s.canonical(dst, &r, r.space(0), 0)
	if err == nil {
		err = r.end(i)
	}
	return dst, err
}

// canonical appends the value at i, with open containers around it.
func (s *Scanner) canonical(dst []byte, r *reader, i, open int) ([]byte, int, error) {
	switch r.at(i) {
	case '"':
		t, err := r.str(i)
		if err != nil {
			return dst, i, err
		}
		return appendCanonicalString(dst, r.b, t), t.End, nil
	case '{':
		return s.canonicalObject(dst, r, i, open+1)
	case '[':
		return s.canonicalArray(dst, r, i, open+1)
	case 't', 'f', 'n':
		end, err := r.literal(i)
		return append(dst, r.b[i:end]...), end, err
	}
	return canonicalNumber(dst, r, i)
}

func (s *Scanner) canonicalArray(dst []byte, r *reader, i, depth int) ([]byte, int, error) {
	dst = append(dst, '[')
	end, err := r.items(i, depth, func(at int) (int, error) {
		var err error
		dst, at, err = s.canonical(dst, r, at, depth)
		dst = append(dst, ',')
		return at, err
	})
	return closeWith(dst, ']'), end, err
}

func (s *Scanner) canonicalObject(dst []byte, r *reader, i, depth int) ([]byte, int, error) {
	dst = append(dst, '{')
	first := len(s.members)
	end, err := r.members(i, depth, func(key token, at int) (int, error) {
		start := len(dst)
		dst = append(appendCanonicalString(dst, r.b, key), ':')
		var err error
		dst, at, err = s.canonical(dst, r, at, depth)
		dst = append(dst, ',')
		s.push(r.b, key, Span{start, len(dst)})
		return at, err
	})
	dst = s.sortMembers(dst, first)
	return closeWith(dst, '}'), end, err
}

// closeWith ends an array or object, putting the bracket where the last comma is.
func closeWith(dst []byte, bracket byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = bracket
		return dst
	}
	return append(dst, bracket)
}

// push notes a member that was printed, comma included, at text.
func (s *Scanner) push(b []byte, key token, text Span) {
	name := key.inner(b)
	if key.escaped {
		start := len(s.names)
		s.names = key.decode(s.names, b)
		name = s.names[start:]
	}
	s.members = append(s.members, member{name, text})
}

func byName(a, b member) int { return bytes.Compare(a.name, b.name) }

// sortMembers puts the members from first on, the last things printed to dst,
// into the order of their keys, and forgets them. Equal keys keep their order,
// so nothing is lost.
func (s *Scanner) sortMembers(dst []byte, first int) []byte {
	members := s.members[first:]
	s.members = s.members[:first]
	if slices.IsSortedFunc(members, byName) {
		return dst
	}
	start := members[0].text.Start
	s.swap = append(s.swap[:0], dst[start:]...)
	slices.SortStableFunc(members, byName)
	dst = dst[:start]
	for _, m := range members {
		dst = append(dst, s.swap[m.text.Start-start:m.text.End-start]...)
	}
	return dst
}

// canonicalNumber prints an integer that fits 64 bits as it is and any other
// number as a float64 with an exponent. -0 is no integer of 64 bits, and as a
// float it is 0.0: that is how Chroma gives it back.
func canonicalNumber(dst []byte, r *reader, i int) ([]byte, int, error) {
	d, ok := scanDecimal(r.b, i)
	if !ok {
		return dst, i, r.unexpected(i, "a value")
	}
	text := r.b[i:d.end]
	if d.integer && d.fitsInt64() {
		return append(dst, text...), d.end, nil
	}
	f, ok := d.float64(text)
	if !ok {
		return dst, i, fail(i, "number is no finite float64")
	}
	if f == 0 {
		f = 0
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), d.end, nil
}

// fitsInt64 reports whether an integer is one of 64 bits.
func (d *decimal) fitsInt64() bool {
	if d.neg {
		return d.exp == 0 && 0 < d.mant && d.mant <= -math.MinInt64
	}
	return d.exp == 0 && d.mant <= math.MaxInt64
}

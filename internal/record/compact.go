package record

// AppendCompact appends value without the whitespace outside its strings; nothing
// else is changed. It is an error when value is not valid.
func AppendCompact(dst, value []byte) ([]byte, error) {
	r := reader{b: value}
	if err := r.whole(); err != nil {
		return dst, err
	}
	return r.strip(dst, Span{0, len(value)}), nil
}

// strip appends a valid part of the text without whitespace outside strings.
func (r *reader) strip(dst []byte, part Span) []byte {
	for i := part.Start; i < part.End; {
		start := i
		switch c := r.b[i]; {
		case c == '"':
			t, _ := r.str(i)
			i = t.End
		case isSpace(c):
			start = r.space(i)
			i = start
		default:
			for i < part.End && r.b[i] != '"' && !isSpace(r.b[i]) {
				i++
			}
		}
		dst = append(dst, r.b[start:i]...)
	}
	return dst
}

// AppendSorted appends object as AppendCompact does, with the keys of the object
// itself, not of those inside, in the order of their UTF-8 bytes. It is an error
// when object is not valid, or no object.
func AppendSorted(dst, object []byte) ([]byte, error) {
	var s Scanner
	return s.appendSorted(dst, object)
}

func (s *Scanner) appendSorted(dst, object []byte) ([]byte, error) {
	r := reader{b: object}
	dst, i, err := s.sorted(dst, &r, r.space(0), nil)
	if err == nil {
		err = r.end(i)
	}
	return dst, err
}

// sorted appends the object at i. uri, a string token or nil, becomes one more
// member.
func (s *Scanner) sorted(dst []byte, r *reader, i int, uri []byte) ([]byte, int, error) {
	s.members, s.names = s.members[:0], s.names[:0]
	dst = append(dst, '{')
	end, err := r.members(i, 1, func(key token, at int) (int, error) {
		end, err := r.value(at, 1)
		if err != nil {
			return at, err
		}
		start := len(dst)
		dst = append(append(dst, key.Of(r.b)...), ':')
		dst = append(r.strip(dst, Span{at, end}), ',')
		s.push(r.b, key, Span{start, len(dst)})
		return end, nil
	})
	if err != nil {
		return dst, i, err
	}
	dst = s.pushURI(dst, uri)
	return closeWith(s.sortMembers(dst, 0), '}'), end, nil
}

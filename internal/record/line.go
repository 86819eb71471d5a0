package record

import "unicode/utf8"

// Line looks at one line of a flat file. json reports whether it is a JSON
// object; a line that is none is no error, bytes that are no UTF-8 are.
func (s *Scanner) Line(line []byte) (json bool, err error) {
	if !utf8.Valid(line) {
		return false, invalidUTF8(line, Span{0, len(line)})
	}
	r := reader{b: line}
	return r.isObject() && r.whole() == nil, nil
}

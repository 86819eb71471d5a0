package record

import (
	"bytes"
	"math"
)

// reader walks the bytes of one JSON text. Its methods take the offset at which
// something has to start and return the offset behind it.
type reader struct {
	b []byte
	// strict refuses \u escapes of half a surrogate pair, which stand for no
	// character. JavaScript prints them, and no Chroma takes them.
	strict bool
}

// token is a JSON string with its quotes.
type token struct {
	Span
	escaped bool // a backslash is in it
}

// inner returns what stands between the quotes.
func (t token) inner(b []byte) []byte { return b[t.Start+1 : t.End-1] }

// at returns the byte at i, and 0, which no JSON text holds, past the end.
func (r *reader) at(i int) byte {
	if i < len(r.b) {
		return r.b[i]
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// space returns the offset of the first byte from i on that is no whitespace.
func (r *reader) space(i int) int {
	for i < len(r.b) && r.b[i] <= ' ' && isSpace(r.b[i]) {
		i++
	}
	return i
}

// unexpected returns the error for a byte at i that can't be there.
func (r *reader) unexpected(i int, want string) error {
	if i >= len(r.b) {
		return fail(len(r.b), "unexpected end, want "+want)
	}
	return fail(i, "want "+want)
}

// end makes sure that only whitespace follows.
func (r *reader) end(i int) error {
	if i = r.space(i); i < len(r.b) {
		return fail(i, "bytes after the value")
	}
	return nil
}

// open checks the bracket that starts a container, the depth-th one open.
func (r *reader) open(i int, bracket byte, depth int, want string) (int, error) {
	if r.at(i) != bracket {
		return i, r.unexpected(i, want)
	}
	if depth > MaxDepth {
		return i, fail(i, "nested too deep")
	}
	return r.space(i + 1), nil
}

// members walks the object at i, the depth-th container open. It calls member
// with each key and the offset of its value; member returns the offset behind.
func (r *reader) members(i, depth int, member func(key token, at int) (int, error)) (int, error) {
	i, err := r.open(i, '{', depth, "an object")
	if err != nil {
		return i, err
	}
	if r.at(i) == '}' {
		return i + 1, nil
	}
	for {
		key, err := r.str(i)
		if err != nil {
			return i, err
		}
		if i = r.space(key.End); r.at(i) != ':' {
			return i, r.unexpected(i, "a colon")
		}
		if i, err = member(key, r.space(i+1)); err != nil {
			return i, err
		}
		i = r.space(i)
		switch r.at(i) {
		case ',':
			i = r.space(i + 1)
		case '}':
			return i + 1, nil
		default:
			return i, r.unexpected(i, "a comma or a closing brace")
		}
	}
}

// items walks the array at i as members walks an object.
func (r *reader) items(i, depth int, item func(at int) (int, error)) (int, error) {
	i, err := r.open(i, '[', depth, "an array")
	if err != nil {
		return i, err
	}
	if r.at(i) == ']' {
		return i + 1, nil
	}
	for {
		if i, err = item(i); err != nil {
			return i, err
		}
		i = r.space(i)
		switch r.at(i) {
		case ',':
			i = r.space(i + 1)
		case ']':
			return i + 1, nil
		default:
			return i, r.unexpected(i, "a comma or a closing bracket")
		}
	}
}

// value skips any value at i, with open containers around it.
func (r *reader) value(i, open int) (int, error) {
	switch r.at(i) {
	case '"':
		t, err := r.str(i)
		return t.End, err
	case '{':
		return r.members(i, open+1, func(_ token, at int) (int, error) { return r.value(at, open+1) })
	case '[':
		return r.items(i, open+1, func(at int) (int, error) { return r.value(at, open+1) })
	case 't', 'f', 'n':
		return r.literal(i)
	}
	return r.number(i)
}

// literal skips true, false or null.
func (r *reader) literal(i int) (int, error) {
	for _, word := range [...]string{"null", "true", "false"} {
		if r.word(i, word) {
			return i + len(word), nil
		}
	}
	return i, r.unexpected(i, "a value")
}

func (r *reader) word(i int, word string) bool {
	return i+len(word) <= len(r.b) && string(r.b[i:i+len(word)]) == word
}

func (r *reader) null(i int) bool { return r.word(i, "null") }

// number skips a number.
func (r *reader) number(i int) (int, error) {
	d, ok := scanDecimal(r.b, i)
	if !ok {
		return i, r.unexpected(i, "a value")
	}
	return d.end, nil
}

// Valid reports whether b is one JSON value: grammar, MaxDepth, UTF-8, and
// nothing but whitespace around it. Escapes of half a surrogate pair are
// grammar and pass. The error is a *SyntaxError.
func Valid(b []byte) error {
	r := reader{b: b}
	return r.whole()
}

// whole checks that the text is one value.
func (r *reader) whole() error {
	i, err := r.value(r.space(0), 0)
	if err != nil {
		return err
	}
	return r.end(i)
}

// isObject reports whether a valid text is an object.
func (r *reader) isObject() bool { return r.at(r.space(0)) == '{' }

// Lookup returns the span of a value inside a JSON object by its keys, outermost
// first. Of equal keys the last counts, as it does in JavaScript. It is false
// when a key is not there, or what holds it is no object. object must be valid.
func Lookup(object []byte, path ...string) (Span, bool) {
	r := reader{b: object}
	at := Span{0, len(object)}
	for _, name := range path {
		var ok bool
		if at, ok = r.lookup(r.space(at.Start), name); !ok {
			return Span{}, false
		}
	}
	return at, true
}

func (r *reader) lookup(i int, name string) (found Span, ok bool) {
	if r.at(i) != '{' {
		return Span{}, false
	}
	var scratch [64]byte
	_, err := r.members(i, math.MinInt32, func(key token, at int) (int, error) {
		end, err := r.value(at, math.MinInt32)
		if bytes.Equal(key.name(r.b, scratch[:0]), []byte(name)) {
			found, ok = Span{at, end}, true
		}
		return end, err
	})
	return found, ok && err == nil
}

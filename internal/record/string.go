package record

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, with the high bit of its byte, the first byte of w that is a
// quote, a backslash or a control character. Marks above the first may be
// wrong: the subtractions borrow upwards.
func special(w uint64) uint64 {
	quote := w ^ '"'*ones
	slash := w ^ '\\'*ones
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w) & highs
}

// plain returns the offset of the first quote, backslash or control character of
// b from i on, else len(b), and whether a byte beyond ASCII may stand before it.
func plain(b []byte, i int) (end int, wide bool) {
	var seen uint64
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		seen |= w
		if m := special(w); m != 0 {
			return i + bits.TrailingZeros64(m)>>3, seen&highs != 0
		}
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		seen |= uint64(c)
	}
	return i, seen&highs != 0
}

// str scans the string at i.
func (r *reader) str(i int) (token, error) {
	if r.at(i) != '"' {
		return token{}, r.unexpected(i, "a string")
	}
	t := token{Span: Span{i, i + 1}}
	wide := false
	for {
		end, w := plain(r.b, t.End)
		wide = wide || w
		switch r.at(end) {
		case '"':
			t.End = end + 1
			if wide && !utf8.Valid(t.inner(r.b)) {
				return t, invalidUTF8(r.b, t.Span)
			}
			return t, nil
		case '\\':
			t.escaped = true
			var err error
			if t.End, err = r.escape(end); err != nil {
				return t, err
			}
		default:
			if end == len(r.b) {
				return t, fail(end, "unexpected end in a string")
			}
			return t, fail(end, "control character in a string")
		}
	}
}

// invalidUTF8 returns the error for the first bad byte of b in s.
func invalidUTF8(b []byte, s Span) error {
	for i := s.Start; i < s.End; {
		c, n := utf8.DecodeRune(b[i:s.End])
		if c == utf8.RuneError && n == 1 {
			return fail(i, "invalid UTF-8")
		}
		i += n
	}
	return fail(s.Start, "invalid UTF-8")
}

// escape skips the escape at i.
func (r *reader) escape(i int) (int, error) {
	switch r.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		c, n := unicodeEscape(r.b[i:])
		if n == 0 {
			return i, fail(i, "bad \\u escape")
		}
		if r.strict && utf16.IsSurrogate(c) {
			return i, fail(i, "\\u escape of half a surrogate pair")
		}
		return i + n, nil
	}
	return i, fail(i, "bad escape")
}

// unicodeEscape decodes \uXXXX, or a pair of them, at the start of b. Half a
// pair is returned as it is. n is 0 when b starts with nothing of the kind.
func unicodeEscape(b []byte) (c rune, n int) {
	c, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if low, ok := hex4(b[6:]); ok && utf16.IsSurrogate(c) {
		if pair := utf16.DecodeRune(c, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return c, 6
}

// hex4 decodes the one escape \uXXXX at the start of b.
func hex4(b []byte) (c rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, h := range b[2:6] {
		switch {
		case '0' <= h && h <= '9':
			c = c<<4 | rune(h-'0')
		case 'a' <= h|0x20 && h|0x20 <= 'f':
			c = c<<4 | rune(h|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return c, true
}

package record

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string with no more escapes than needed:
// quote, backslash and control characters. s must be valid UTF-8; bytes that
// are not are copied as they are, and a scanner refuses them.
func AppendString(dst []byte, s []byte) []byte {
	dst = append(dst, '"')
	for {
		i, _ := plain(s, 0)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, s[i])
		s = s[i+1:]
	}
}

// appendEscape escapes a quote, a backslash or a control character, in the
// short form where there is one.
func appendEscape(dst []byte, c byte) []byte {
	const short = "btn\x00fr" // 8 to 13; 11 has none
	if c >= '\b' && c <= '\r' && c != '\v' {
		return append(dst, '\\', short[c-'\b'])
	}
	return appendCanonicalEscape(dst, c)
}

// appendCanonicalEscape is appendEscape without the short forms.
func appendCanonicalEscape(dst []byte, c byte) []byte {
	if c >= ' ' {
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendUnquoted appends what a JSON string token, quotes included, stands for.
// It is an error when token is no string, or holds half a surrogate pair.
func AppendUnquoted(dst, token []byte) ([]byte, error) {
	r := reader{b: token, strict: true}
	t, err := r.str(0)
	if err != nil {
		return dst, err
	}
	if t.End != len(token) {
		return dst, fail(t.End, "bytes after the value")
	}
	return t.decode(dst, token), nil
}

// name returns what t, a token of b, stands for: bytes of b where they say it
// themselves, else decoded into dst. Half a surrogate pair is kept as the
// three bytes that UTF-8 would have for it, so that it equals only itself.
func (t token) name(b, dst []byte) []byte {
	if !t.escaped {
		return t.inner(b)
	}
	return t.decode(dst, b)
}

// decode appends what t, a valid token of b, stands for.
func (t token) decode(dst, b []byte) []byte {
	b = t.inner(b)
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		c, n := unescape(b[i:])
		dst = appendRune(dst, c)
		b = b[i+n:]
	}
}

// unescape decodes the valid escape at the start of b.
func unescape(b []byte) (c rune, n int) {
	switch b[1] {
	case 'u':
		return unicodeEscape(b)
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	return rune(b[1]), 2
}

// appendRune appends c in UTF-8, surrogates too.
func appendRune(dst []byte, c rune) []byte {
	if utf16.IsSurrogate(c) {
		return append(dst, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
	}
	return utf8.AppendRune(dst, c)
}

// appendCanonicalString appends t, a valid token of b, in canonical form: no
// escapes but of quote, backslash, control characters and half surrogate pairs.
func appendCanonicalString(dst, b []byte, t token) []byte {
	if !t.escaped {
		return append(dst, t.Of(b)...) // nothing in it needs an escape
	}
	dst = append(dst, '"')
	for b = t.inner(b); ; {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(append(dst, b...), '"')
		}
		dst = append(dst, b[:i]...)
		c, n := unescape(b[i:])
		b = b[i+n:]
		switch {
		case c == '"' || c == '\\' || c < ' ':
			dst = appendCanonicalEscape(dst, byte(c))
		case utf16.IsSurrogate(c):
			dst = append(dst, '\\', 'u', 'd', hexDigits[c>>8&15], hexDigits[c>>4&15], hexDigits[c&15])
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
}

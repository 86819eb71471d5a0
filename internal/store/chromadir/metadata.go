package chromadir

import (
	"bytes"
	"database/sql"
	"math"
	"strconv"

	"keepsake/internal/record"
)

// The keys of a row's metadata that are Chroma's own.
const (
	ownPrefix   = "chroma:"
	documentKey = "chroma:document"
	uriKey      = "chroma:uri"
)

// value is a metadata value as a table holds it: the first of the columns that
// is not null.
type value struct {
	text    sql.NullString
	integer sql.NullInt64
	float   sql.NullFloat64
	truth   sql.NullInt64
}

func (v *value) dest() []any { return []any{&v.text, &v.integer, &v.float, &v.truth} }

// valueType says which column holds a value.
type valueType uint8

const (
	noType valueType = iota
	textType
	integerType
	floatType
	truthType
)

func (v *value) kind() valueType {
	switch {
	case v.text.Valid:
		return textType
	case v.integer.Valid:
		return integerType
	case v.float.Valid && !math.IsInf(v.float.Float64, 0):
		return floatType
	case v.truth.Valid:
		return truthType
	}
	return noType
}

// appendTo prints a value as JSON, as a server does.
func (v *value) appendTo(dst []byte) []byte {
	switch v.kind() {
	case textType:
		return record.AppendString(dst, []byte(v.text.String))
	case integerType:
		return strconv.AppendInt(dst, v.integer.Int64, 10)
	case floatType:
		return appendFloat(dst, v.float.Float64)
	case truthType:
		return strconv.AppendBool(dst, v.truth.Int64 != 0)
	}
	return append(dst, "null"...)
}

// appendFloat prints the shortest decimal, and never one that reads as an
// integer.
func appendFloat(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-5 || abs >= 1e16) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'f' && bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// fields are the members of a metadata object. They are used again for each row.
type fields struct {
	list []field
	body []byte // keys and values, as JSON
}

// field is one member; of an array the closing bracket is left to the end.
type field struct {
	key, value record.Span // of the body
	name       []byte      // the key, decoded
	kind       valueType
	array      bool
}

func (f *fields) reset() { f.list, f.body = f.list[:0], f.body[:0] }

func (f *fields) open(name []byte, kind valueType, array bool) *field {
	start := len(f.body)
	f.body = record.AppendString(f.body, name)
	if len(f.list) < cap(f.list) {
		f.list = f.list[:len(f.list)+1] // to use the name's memory again
	} else {
		f.list = append(f.list, field{})
	}
	last := &f.list[len(f.list)-1]
	*last = field{
		key: record.Span{Start: start, End: len(f.body)}, name: append(last.name[:0], name...), kind: kind, array: array,
	}
	last.value = record.Span{Start: len(f.body), End: len(f.body)}
	return last
}

// scalar adds a member; one without a value is none.
func (f *fields) scalar(name []byte, v *value) {
	kind := v.kind()
	if kind == noType {
		return
	}
	last := f.open(name, kind, false)
	f.body = v.appendTo(f.body)
	last.value.End = len(f.body)
}

// element adds an element to the array that is the last member, or begins one.
// An array goes before a scalar of its name, and a value of another type begins
// it anew, as for a server.
func (f *fields) element(name []byte, v *value) {
	kind := v.kind()
	if kind == noType {
		return
	}
	last := f.find(name)
	if last == nil || !last.array || last.kind != kind {
		if last != nil {
			last.kind = noType
		}
		last = f.open(name, kind, true)
		f.body = append(f.body, '[')
	} else {
		f.body = append(f.body, ',')
	}
	f.body = v.appendTo(f.body)
	last.value.End = len(f.body)
}

// find returns the member of that name, nil when there is none.
func (f *fields) find(name []byte) *field {
	for i := len(f.list) - 1; i >= 0; i-- {
		if m := &f.list[i]; m.kind != noType && bytes.Equal(m.name, name) {
			return m
		}
	}
	return nil
}

// text returns the value of a member that is a string, "" when there is none.
func (f *fields) text(name string) string {
	text, _ := f.appendText(nil, name)
	return string(text)
}

// appendText appends the value of a member that is a string; ok is false when there
// is none.
func (f *fields) appendText(dst []byte, name string) (text []byte, ok bool) {
	m := f.find([]byte(name))
	if m == nil || m.array || m.kind != textType {
		return dst, false
	}
	dst, _ = record.AppendUnquoted(dst, m.value.Of(f.body)) // it was printed here
	return dst, true
}

// appendTo prints the members that keep wants as an object; nothing when it
// wants none.
func (f *fields) appendTo(dst []byte, keep func(name []byte) bool) []byte {
	start := len(dst)
	for i := range f.list {
		m := &f.list[i]
		if m.kind == noType || !keep(m.name) {
			continue
		}
		separator := byte(',')
		if len(dst) == start {
			separator = '{'
		}
		dst = append(append(append(dst, separator), m.key.Of(f.body)...), ':')
		dst = append(dst, m.value.Of(f.body)...)
		if m.array {
			dst = append(dst, ']')
		}
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

// without prints all members but those of these names; nil when none is left.
func (f *fields) without(names ...string) []byte {
	return f.appendTo(nil, func(name []byte) bool {
		for _, n := range names {
			if string(name) == n {
				return false
			}
		}
		return true
	})
}

// visible reports whether a server shows a key in a row's metadata.
func visible(name []byte) bool {
	return string(name) == uriKey || !bytes.HasPrefix(name, []byte(ownPrefix))
}

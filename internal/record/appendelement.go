package record

import (
	"bytes"
	"unicode/utf8"
)

// AppendElement appends the row for what a database row holds, without a
// newline. Columns are nil for NULL; a node has no source, target and type. data
// may be any text: an object goes in as it is but for line breaks in it, anything
// else, space around an object too, as "raw". A row that Element would refuse is an error, and so are bytes
// that are no UTF-8.
func (s *Scanner) AppendElement(dst []byte, edge bool, id, userID, source, target, typ []byte, data []byte) ([]byte, error) {
	want := columns{of: [...][]byte{id, userID, source, target, typ}}
	if err := want.check(edge); err != nil {
		return dst, err
	}
	if !utf8.Valid(data) {
		return dst, invalidUTF8(data, Span{0, len(data)})
	}
	var implied columns
	dst = appendKind(dst, edge)
	r := reader{b: data}
	if bare(data) && r.wholeInRow() == nil {
		s.columns = implied.imply(s.columns[:0], &r, 0)
		dst = appendOneLine(append(dst, `"data":`...), data)
	} else {
		dst = AppendString(append(dst, `"raw":`...), data)
	}
	if edge && implied.of[idColumn] == nil {
		s.columns, implied.of[idColumn] = want.edgeID(s.columns)
	}
	return appendColumns(dst, &want, &implied, edge)
}

func appendKind(dst []byte, edge bool) []byte {
	if edge {
		return append(dst, `{"type":"edge",`...)
	}
	return append(dst, `{"type":"node",`...)
}

// wholeInRow checks that the text is one value, and not too deep for a row.
func (r *reader) wholeInRow() error {
	i, err := r.value(r.space(0), 1)
	if err != nil {
		return err
	}
	return r.end(i)
}

// bare reports whether the text has no space around its object, which in a row
// would be taken for the row's own.
func bare(data []byte) bool {
	return bytes.HasPrefix(data, []byte("{")) && bytes.HasSuffix(data, []byte("}"))
}

// appendOneLine appends valid JSON without line breaks; they can only stand
// outside its strings. Node's readline breaks lines at a lone \r as well.
func appendOneLine(dst, data []byte) []byte {
	for {
		i := bytes.IndexAny(data, "\r\n")
		if i < 0 {
			return append(dst, data...)
		}
		dst = append(dst, data[:i]...)
		data = data[i+1:]
	}
}

// appendColumns ends a row with the columns that differ from what data implies.
func appendColumns(dst []byte, want, implied *columns, edge bool) ([]byte, error) {
	count := nodeColumns
	if edge {
		count = edgeColumns
	}
	opened := false
	for column := range count {
		text := want.of[column]
		if same(text, implied.of[column]) {
			continue
		}
		if !utf8.Valid(text) {
			return dst, fail(0, "column "+columnName(column)+": invalid UTF-8")
		}
		if !opened {
			dst = append(dst, `,"columns":{`...)
			opened = true
		}
		dst = appendColumn(dst, columnName(column), text)
	}
	if opened {
		dst = closeWith(dst, '}')
	}
	return append(dst, '}'), nil
}

func appendColumn(dst []byte, name string, text []byte) []byte {
	dst = append(append(append(dst, '"'), name...), '"', ':')
	if text == nil {
		return append(dst, "null,"...)
	}
	return append(AppendString(dst, text), ',')
}

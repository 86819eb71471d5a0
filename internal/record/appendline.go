package record

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// uriKey is the metadata key under which Chroma keeps the uri of a row.
const uriKey = `"chroma:uri"`

// Row is where the parts of a row stand in a text, each a JSON value. An empty Span
// is null.
type Row struct{ ID, Embedding, Metadata, Document, URI Span }

// AppendLine appends a row of body as a canonical line, without a newline: id,
// embedding, metadata, document. Values are the bytes of the body without whitespace
// outside strings; metadata keys are sorted, and a uri is put among them as
// "chroma:uri". It checks what it has to look at; the rest is for Vector.
func (s *Scanner) AppendLine(dst []byte, body []byte, row Row) ([]byte, error) {
	dst = append(append(dst, `{"id":`...), row.ID.Of(body)...)
	dst, err := appendEmbedding(append(dst, `,"embedding":`...), orNull(body, row.Embedding))
	if err != nil {
		return dst, err
	}
	dst, err = s.appendMetadata(append(dst, `,"metadata":`...), row.Metadata.Of(body), row.URI.Of(body))
	if err != nil {
		return dst, err
	}
	dst = append(append(dst, `,"document":`...), orNull(body, row.Document)...)
	return append(dst, '}'), nil
}

func orNull(body []byte, span Span) []byte {
	if span.Empty() {
		return []byte("null")
	}
	return span.Of(body)
}

// appendEmbedding appends the array without its whitespace. There is none as a
// rule, and looking for it first is faster than copying byte for byte.
func appendEmbedding(dst, array []byte) ([]byte, error) {
	for _, c := range [...]byte{' ', '\n', '\t', '\r'} {
		if bytes.IndexByte(array, c) >= 0 {
			// Checked, because 1 2 must not become 12.
			return AppendCompact(dst, array)
		}
	}
	return append(dst, array...), nil
}

// appendMetadata appends a metadata object or null, sorted, with the uri in it.
// metadata and uri are JSON, null where there is none.
func (s *Scanner) appendMetadata(dst, metadata, uri []byte) ([]byte, error) {
	if len(uri) == 0 || string(uri) == "null" {
		uri = nil
	}
	if len(metadata) == 0 || string(metadata) == "null" {
		if uri == nil {
			return append(dst, "null"...), nil
		}
		metadata = []byte("{}")
	}
	r := reader{b: metadata}
	dst, i, err := s.sorted(dst, &r, r.space(0), uri)
	if err == nil {
		err = r.end(i)
	}
	return dst, err
}

// pushURI prints one more member, the uri, unless it is nil or there already. A
// different one makes the key come twice, which Vector refuses.
func (s *Scanner) pushURI(dst, uri []byte) []byte {
	if uri == nil {
		return dst
	}
	start := len(dst)
	dst = append(append(append(dst, uriKey...), ':'), uri...)
	dst = append(dst, ',')
	for _, m := range s.members {
		if bytes.Equal(m.text.Of(dst), dst[start:]) {
			return dst[:start]
		}
	}
	s.push([]byte(uriKey), token{Span: Span{0, len(uriKey)}}, Span{start, len(dst)})
	return dst
}

// AppendVector is AppendRow for an id and a document that are strings; nil is no
// document.
func (s *Scanner) AppendVector(dst []byte, id string, bits []byte, metadata []byte, document *string) ([]byte, error) {
	var text []byte
	if document != nil {
		text = append([]byte{}, *document...)
	}
	return s.AppendRow(dst, []byte(id), bits, metadata, text)
}

// AppendRow appends a row from its parts. bits is the embedding as little-endian
// float32, nil for null; it is printed as AppendFloat32s does. metadata is a JSON
// object, nil or null for none, and document a text, nil for none. What is no UTF-8
// or no finite number is an error.
func (s *Scanner) AppendRow(dst []byte, id, bits, metadata, document []byte) ([]byte, error) {
	if len(id) == 0 || !utf8.Valid(id) {
		return dst, fail(0, "id "+strconv.Quote(string(id))+" is empty or no UTF-8")
	}
	dst = append(AppendString(append(dst, `{"id":`...), id), `,"embedding":`...)
	var err error
	if bits == nil {
		dst = append(dst, "null"...)
	} else if dst, err = AppendFloat32s(dst, bits); err != nil {
		return dst, err
	}
	if dst, err = s.appendMetadata(append(dst, `,"metadata":`...), metadata, nil); err != nil {
		return dst, err
	}
	dst = append(dst, `,"document":`...)
	switch {
	case document == nil:
		dst = append(dst, "null"...)
	case !utf8.Valid(document):
		return dst, fail(0, "document is no UTF-8")
	default:
		dst = AppendString(dst, document)
	}
	return append(dst, '}'), nil
}

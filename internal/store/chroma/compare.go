package chroma

import (
	"bytes"

	"keepsake/internal/record"
)

// verdict is what the comparison of one row said.
type verdict string

const (
	same     verdict = ""
	noVector verdict = "its vector cannot be read"
)

// comparison compares rows that came back with the records that they were.
type comparison struct {
	live, bundled *record.Scanner
	tolerance     float64
}

// of compares two lines. Most are equal byte for byte, or but for the vector;
// only the others are taken apart. A record that has no vector is compared
// without it.
func (c comparison) of(row, rec []byte) verdict {
	if bytes.Equal(row, rec) {
		return same
	}
	is, isRest, ok1 := split(row)
	was, wasRest, ok2 := split(rec)
	if ok1 && ok2 && bytes.Equal(isRest, wasRest) {
		return c.vectors(is, was)
	}
	return c.parts(row, rec)
}

// vectors compares embeddings as JSON.
func (c comparison) vectors(is, was []byte) verdict {
	switch {
	case was[0] == 'n':
		return same
	case is[0] == 'n':
		return noVector
	case !sameVector(is, was, c.tolerance):
		return "vector differs"
	}
	return same
}

// parts compares rows part by part.
func (c comparison) parts(row, rec []byte) verdict {
	is, err := c.live.Vector(row)
	if err != nil {
		return verdict("not a row: " + err.Error())
	}
	was, err := c.bundled.Vector(rec)
	if err != nil {
		return verdict("not a record: " + err.Error())
	}
	v := c.vectors(is.Embedding.Of(row), was.Embedding.Of(rec))
	switch {
	case v != same:
		return v
	case !sameDocument(is.Document.Of(row), was.Document.Of(rec)):
		return "document differs"
	case !sameMetadata(is.Metadata.Of(row), was.Metadata.Of(rec)):
		return "metadata differs"
	}
	return same
}

// split cuts a canonical line into its embedding and what follows. It gives up
// on ids with escapes, which may look like more than an id.
func split(line []byte) (embedding, rest []byte, ok bool) {
	const head = `","embedding":`
	at := bytes.Index(line, []byte(head))
	if at < 0 || bytes.IndexByte(line[:at], '\\') >= 0 {
		return nil, nil, false
	}
	embedding = line[at+len(head):]
	end := len("null")
	if bytes.HasPrefix(embedding, []byte("[")) {
		end = bytes.IndexByte(embedding, ']') + 1
	}
	if end <= 0 || end > len(embedding) {
		return nil, nil, false
	}
	rest = embedding[end:]
	return embedding[:end], rest, bytes.HasPrefix(rest, []byte(`,"metadata":`))
}

// sameDocument compares documents as text; null is not "".
func sameDocument(a, b []byte) bool {
	a, b = orNull(a), orNull(b)
	if bytes.Equal(a, b) {
		return true
	}
	if a[0] == 'n' || b[0] == 'n' {
		return false
	}
	textA, errA := record.AppendUnquoted(nil, a)
	textB, errB := record.AppendUnquoted(nil, b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

func orNull(value []byte) []byte {
	if len(value) == 0 {
		return []byte("null")
	}
	return value
}

package rows

import (
	"bytes"

	"keepsake/internal/record"
)

// Lines compares rows that came back with the records that they were, both as
// canonical lines. It keeps two scanners, so each Page has its own.
type Lines struct {
	// Tolerance is as of sameVector.
	Tolerance float64
	// SameMetadata compares two JSON objects, or nulls, as typed values.
	SameMetadata func(a, b []byte) bool

	live, bundled record.Scanner
}

// Same compares two lines. Most are equal byte for byte, or but for the vector;
// only the others are taken apart. A record that has no vector is compared
// without it.
func (c *Lines) Same(row, rec []byte) Verdict {
	if bytes.Equal(row, rec) {
		return Verdict{}
	}
	is, isRest, ok1 := split(row)
	was, wasRest, ok2 := split(rec)
	if ok1 && ok2 && bytes.Equal(isRest, wasRest) {
		return c.vectors(is, was)
	}
	return c.parts(row, rec)
}

// vectors compares embeddings as JSON.
func (c *Lines) vectors(is, was []byte) Verdict {
	switch {
	case was[0] == 'n':
		return Verdict{}
	case is[0] == 'n':
		return Verdict{Differs: "its vector cannot be read", Unreadable: true}
	case !sameVector(is, was, c.Tolerance):
		return Verdict{Differs: "vector differs"}
	}
	return Verdict{}
}

// parts compares the parts of two rows.
func (c *Lines) parts(row, rec []byte) Verdict {
	is, err := c.live.Vector(row)
	if err != nil {
		return Verdict{Differs: "not a row: " + err.Error()}
	}
	was, err := c.bundled.Vector(rec)
	if err != nil {
		return Verdict{Differs: "not a record: " + err.Error()}
	}
	v := c.vectors(is.Embedding.Of(row), was.Embedding.Of(rec))
	switch {
	case !v.ok():
		return v
	case !sameDocument(is.Document.Of(row), was.Document.Of(rec)):
		return Verdict{Differs: "document differs"}
	case !c.SameMetadata(orNull(is.Metadata.Of(row)), orNull(was.Metadata.Of(rec))):
		return Verdict{Differs: "metadata differs"}
	}
	return v
}

// SameJSON compares two values by their canonical form.
func SameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	textA, errA := record.AppendCanonical(nil, a)
	textB, errB := record.AppendCanonical(nil, b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
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

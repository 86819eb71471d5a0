package restore

import (
	"bytes"
	"iter"

	"keepsake/internal/memory"
)

// tally weighs records as they pass by, in their first pass.
type tally struct {
	rows, bytes, text, documents int64

	begun bool
}

// of passes records on.
func (t *tally) of(kind memory.Kind, records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		if t.begun {
			records(yield)
			return
		}
		t.begun = true
		for rec, err := range records {
			t.add(kind, rec)
			if !yield(rec, err) {
				return
			}
		}
	}
}

// add finds the parts of a canonical row by its keys: quotes within strings are
// escaped, so that what looks like a key is one, and the row's document is last.
func (t *tally) add(kind memory.Kind, rec memory.Record) {
	if kind == memory.Opaque { // a block: its source counted the rows
		t.bytes += int64(len(rec))
		t.text += int64(len(rec))
		return
	}
	t.rows++
	t.bytes += int64(len(rec)) + 1
	t.text += int64(len(rec)) + 1
	if kind != memory.Vectors {
		return
	}
	if _, embedding, ok := bytes.Cut(rec, []byte(`"embedding":[`)); ok {
		t.text -= int64(max(bytes.IndexByte(embedding, ']'), 0))
	}
	if at := bytes.LastIndex(rec, []byte(`"document":"`)); at >= 0 {
		t.documents += int64(len(rec) - at - len(`"document":""}`))
	}
}

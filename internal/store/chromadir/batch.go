package chromadir

import (
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

const (
	// batchBytes is how much of rows a batch takes, and one row more: as lines they
	// are about three times as long.
	batchBytes = 256 << 10
	// keptBytes is the memory that a batch keeps for the next rows.
	keptBytes = 4 << 20
)

// batch is a few rows in a row, on their way from the database to lines. Its memory
// is used again.
type batch struct {
	rows []rowParts
	body []byte // the parts of the rows, one behind the other

	lines    []byte // the rows once they are spelled
	ends     []int  // of the lines
	salvaged int64  // rows without a vector
	err      error  // what comes after the rows
}

// rowParts are where the parts of a row are in the body. A row without metadata or
// vector has an empty span there.
type rowParts struct {
	id, bits, metadata, document record.Span
	documented                   bool
}

func (b *batch) reset() {
	*b = batch{rows: b.rows[:0], body: kept(b.body), lines: kept(b.lines), ends: b.ends[:0]}
}

func kept(memory []byte) []byte {
	if cap(memory) > keptBytes {
		return nil
	}
	return memory[:0]
}

func (b *batch) full() bool { return len(b.body) >= batchBytes }

// add takes one more row. A vector with a number that is no number can't be had
// from a server either: the row goes without.
func (b *batch) add(id, bits []byte, metadata *fields) {
	if !finite(bits) {
		bits = nil
	}
	if bits == nil {
		b.salvaged++
	}
	p := rowParts{id: b.put(id), bits: b.put(bits)}
	start := len(b.body)
	b.body = metadata.appendTo(b.body, visible)
	p.metadata = record.Span{Start: start, End: len(b.body)}
	start = len(b.body)
	b.body, p.documented = metadata.appendText(b.body, documentKey)
	p.document = record.Span{Start: start, End: len(b.body)}
	b.rows = append(b.rows, p)
}

func (b *batch) put(part []byte) record.Span {
	start := len(b.body)
	b.body = append(b.body, part...)
	return record.Span{Start: start, End: len(b.body)}
}

// spell makes lines of the rows, up to the first that can't be one: that is its
// error.
func (b *batch) spell(s *record.Scanner) error {
	for _, p := range b.rows {
		var bits, document []byte
		if !p.bits.Empty() {
			bits = p.bits.Of(b.body)
		}
		if p.documented {
			document = p.document.Of(b.body)
		}
		lines, err := s.AppendRow(b.lines, p.id.Of(b.body), bits, p.metadata.Of(b.body), document)
		if err != nil {
			return fmt.Errorf("row %q: %w", p.id.Of(b.body), err)
		}
		b.lines = lines
		b.ends = append(b.ends, len(lines))
	}
	return nil
}

// each yields the lines.
func (b *batch) each(yield func(memory.Record) bool) {
	start := 0
	for _, end := range b.ends {
		if !yield(b.lines[start:end:end]) {
			return
		}
		start = end
	}
}

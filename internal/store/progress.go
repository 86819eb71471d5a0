package store

import (
	"iter"

	"keepsake/internal/memory"
)

// Progress is told how far a run has come. Its methods return at once and may
// be called from any goroutine.
type Progress interface {
	// Begin starts a phase ("read", "check", "merge", "proof") of a section;
	// total is its rows, -1 when unknown.
	Begin(phase string, section memory.Section, total int64)
	// Advance adds rows and bytes to the phase that began last.
	Advance(rows, bytes int64)
	// End ends that phase.
	End()
}

// Quiet is the Progress that shows nothing.
type Quiet struct{}

// Begin does nothing.
func (Quiet) Begin(string, memory.Section, int64) {}

// Advance does nothing.
func (Quiet) Advance(int64, int64) {}

// End does nothing.
func (Quiet) End() {}

// MeteredSection is Metered for the records of a section. The blocks of an opaque
// one are no rows: its rows are told of when all have passed by.
func MeteredSection(spec memory.SectionSpec, records iter.Seq2[memory.Record, error], p Progress) iter.Seq2[memory.Record, error] {
	if spec.Kind != memory.Opaque {
		return Metered(records, p)
	}
	return func(yield func(memory.Record, error) bool) {
		for block, err := range records {
			p.Advance(0, int64(len(block)))
			if !yield(block, err) || err != nil {
				return
			}
		}
		p.Advance(max(spec.Rows, 0), 0)
	}
}

// Metered passes records on and tells p of them, a few at a time.
func Metered(records iter.Seq2[memory.Record, error], p Progress) iter.Seq2[memory.Record, error] {
	const every = 64
	return func(yield func(memory.Record, error) bool) {
		var rows, bytes int64
		defer func() { p.Advance(rows, bytes) }()
		for rec, err := range records {
			if rows++; rows >= every {
				p.Advance(rows, bytes+int64(len(rec)))
				rows, bytes = 0, 0
			} else {
				bytes += int64(len(rec))
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

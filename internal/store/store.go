// Package store holds the contracts between the engines and the places where
// sections live: a Store is read through a Session, a Target is written.
// Every implementation passes the suite in storetest.
package store

import (
	"context"
	"errors"
	"iter"

	"keepsake/internal/memory"
)

// Errors that callers test for. Implementations wrap them.
var (
	// ErrUnreachable says that a store did not answer, or is not what it was
	// taken for. It is never reported as "empty".
	ErrUnreachable = errors.New("store cannot be reached")
	// ErrUnreadable says that a store answered but a section could not be read.
	ErrUnreadable = errors.New("section cannot be read")
	// ErrUnwritable says that a store answered, with an error, to what was to be put in:
	// some of it may be in.
	ErrUnwritable = errors.New("section cannot be written")
	// ErrAbsent says that a store answered and has no such section.
	ErrAbsent = errors.New("section does not exist")
	// ErrNotRead is returned by Capture before its sequence has ended.
	ErrNotRead = errors.New("reading has not ended")
)

// Store is a place to read sections from.
type Store interface {
	// Open takes the first look at the sections asked for, and only at them;
	// none means all that the store is configured with. A section that is not
	// there is no error here: Sections leaves it out and Read says ErrAbsent. Neither
	// is one that can't be looked at: the others are not its prisoners.
	// Open fails with ErrUnreachable when the store does not answer at all, and leaves
	// nothing open then.
	Open(ctx context.Context, sections []memory.Section) (Session, error)
}

// Session is one look at a store. It is used by one goroutine.
type Session interface {
	// Sections lists those that exist, in a stable order, with the rows of the
	// first look. One that could not be looked at is listed too, for it may exist: its
	// Rows are -1, its Name and Kind are set, and Read says at once why.
	Sections(ctx context.Context) ([]memory.SectionSpec, error)
	// Read starts reading a section. ErrAbsent when it does not exist.
	Read(ctx context.Context, section memory.Section) (*Reading, error)
	// Close lets go of the store. It may be called twice.
	Close() error
}

// Partial is a Session that may have been unable to list some of what it was asked
// for, so that nobody knows which sections there are: a folder that can't be opened.
type Partial interface {
	// Unlisted says of each such part which it is, and why.
	Unlisted() []error
}

// Refused returns why a section that a session lists can't be read, as far as that
// is known before its first record; nil where nothing is.
func Refused(ctx context.Context, s Session, spec memory.SectionSpec) error {
	if spec.Rows >= 0 {
		return nil
	}
	_, err := s.Read(ctx, spec.Name)
	return err
}

// Inspector is a Session that has something to say about what it found:
// a folder without JSONL, a torn line. Findings may grow while it is read.
type Inspector interface {
	Findings() []memory.Finding
}

// Lister is a Session that can say which rows its first look saw.
type Lister interface {
	// IDs yields the ids of a section's rows, each valid until the next, and each
	// once. It comes before Read. ErrAbsent when the section does not exist.
	IDs(ctx context.Context, section memory.Section) iter.Seq2[[]byte, error]
}

// Reading is the records of one section and, once they have been read to the
// end, what was seen meanwhile.
type Reading struct {
	records iter.Seq2[memory.Record, error]
	capture func() memory.Capture
	ended   bool
}

// NewReading returns a reading of records. Capture is called once the sequence
// has ended without an error.
func NewReading(records iter.Seq2[memory.Record, error], capture func() memory.Capture) *Reading {
	return &Reading{records: records, capture: capture}
}

// All yields every record once. An error ends the sequence. All is called once.
func (r *Reading) All() iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range r.records {
			if !yield(rec, err) || err != nil {
				return
			}
		}
		r.ended = true
	}
}

// Capture says what was seen. ErrNotRead before All has ended without an error.
func (r *Reading) Capture() (memory.Capture, error) {
	if !r.ended {
		return memory.Capture{}, ErrNotRead
	}
	return r.capture(), nil
}

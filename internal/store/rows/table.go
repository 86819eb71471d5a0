// Package rows is what every store of rows with ids does alike, once: a merge with
// its proof, the comparison before a replace, taking a merge back, filling what is
// to take the place of another, and rewriting in place. A store brings a Table,
// which knows how to list, get, add and delete rows of its kind, and nothing of what
// these words mean.
//
// What the engine promises, whatever the Table:
//
//   - A live row is changed by nothing but InPlace, which is told the safety copy
//     first. Merge and Fill only add; Remove deletes rows that are what they were.
//   - Every record is counted once: a row that was not read back as its record is
//     never Same. What nobody could read is Missing, or Changed, never passed over.
//   - Twice is once: a second Merge adds nothing, a second Remove deletes nothing.
//   - An error ends the call at once. What was counted until then is true: rows are
//     Added, or Removed, when the Table has said so and not before. Whoever calls
//     again goes on from there.
//   - An error of the caller's own, from the records or from Report, comes back so
//     that Theirs can tell it from the Table's.
//
// It keeps the ids of a section in memory, some fifty bytes each, and a few pages.
package rows

import (
	"context"
	"errors"

	"keepsake/internal/record"
)

// Table is the driver of one collection of rows. One goroutine calls it; what
// Batches and Pages do at once is bounded by Limits.
type Table interface {
	Limits() Limits

	// List calls each with every id, once, and returns how many there were. begin
	// comes first, and again when the listing begins anew, with about as many rows
	// and bytes as come. A collection that is absent has none. An error is never
	// "empty", and never "these are all".
	List(ctx context.Context, begin func(rows, size int64), each func(id []byte) error) (int64, error)

	// Unfit says why a row whose vector has so many numbers (-1: it has none)
	// can't be put in, "" when it can. fixed is the length of the others, 0 when
	// nothing has fixed it.
	Unfit(dimension, fixed int) string

	// NewBatch and NewPage return empty ones, whose buffers are used again.
	NewBatch() Batch
	NewPage() Page

	// Delete deletes rows by their ids, and returns how many were asked for when
	// it ended; those are gone for good. A row that is gone is no error; no rows
	// are none. It comes after each page of a Remove, also with no rows, and
	// beside pages on their way.
	Delete(ctx context.Context, ids *IDs, rows []uint32) (int64, error)
}

// Batch is rows on their way in. It encodes each as it comes, from the bytes of the
// record, and allocates nothing for it.
type Batch interface {
	// Append takes in the row that was scanned from line. added is false when it
	// is known to live. A RefusedError is about this row alone, and so is ErrIgnored.
	Append(line []byte, v *record.Vector) (added bool, err error)
	// Size is about the bytes that were taken in, 0 when there is nothing to send.
	Size() int64
	// Send puts the rows lo to hi in, of those that were added, and changes none
	// that live. It may be called
	// again for the same rows. Without an error they are in, as far as the store
	// can say. A RefusedError is the answer to all of them, and none is in: they are
	// tried in halves then, down to single rows.
	Send(ctx context.Context, lo, hi int) error
	// Reset empties the batch.
	Reset()
}

// Page is rows that were got.
type Page interface {
	// Fetch gets the rows that are asked for. Those that are gone don't come; one
	// that was not asked for, or comes twice, is an error. ErrTooLarge and
	// ErrBroken have the engine ask for fewer.
	Fetch(ctx context.Context, ids *IDs, ask Ask) error
	// Rows are the numbers of the ids that came, valid until the next Fetch.
	Rows() []uint32
	// Bytes is how much came.
	Bytes() int64
	// Same judges whether the n-th row that came says what the record says, as far
	// as the store can keep it.
	Same(n int, rec []byte) (Verdict, error)
	// Trim lets go of what one huge row has made large.
	Trim()
}

// Ask is a request for rows.
type Ask struct {
	Rows []uint32
	// Bare asks for the rows without their vectors.
	Bare bool
	// Alone is for one row, that may be as large as a row may be.
	Alone bool
	// Waited says that the rows were asked for before, with others, and could not
	// be given: it is not worth waiting as long again.
	Waited bool
}

// Verdict is what the comparison of one row said; the zero Verdict is "the same".
type Verdict struct {
	Differs string // why it is another
	// Unreadable is set where nobody can say, since the row, or its vector, can't
	// be read.
	Unreadable bool
}

// ok reports whether a row is what its record says.
func (v Verdict) ok() bool { return v == Verdict{} }

// Limits are what a Table can take, and how it behaves.
type Limits struct {
	BatchRows  int   // rows of a batch
	BatchBytes int64 // and their bytes, unless it is one row
	Sending    int   // batches on their way beside the one that is filled; 0: it waits
	FirstRows  int   // rows of a page to learn from
	PageRows   int   // rows of a page at most
	PageBytes  int64 // beyond it a page is ErrTooLarge
	Fetching   int   // pages on their way beside the one that is used; 0: it waits
	Dimension  int   // of the rows, 0 when nothing has fixed it
	// Faithful says that what was sent is what is in: a row that was added and
	// reads back otherwise, or not at all, was changed or deleted by its owner
	// since. Elsewhere nobody can say so, and it is Missing.
	Faithful bool
	// Unlisted says that Append knows which rows live, and that Fetch reads one
	// moment: a Merge then lists no ids, and keeps those of one batch or page. Its
	// caller counts Before and After. It takes a Faithful Table.
	Unlisted bool
	// Lenient says that a record that is no row is Rejected, and that of two
	// records of one id the first is put in and both are proved. Elsewhere either
	// is an error. It costs what is done at once.
	Lenient bool
}

// Errors of a Table that have the engine ask for fewer rows.
var (
	// ErrTooLarge is an answer of more bytes than are wanted at once.
	ErrTooLarge = errors.New("answer is larger than a page may be")
	// ErrBroken says that some of the rows can't be given; others may.
	ErrBroken = errors.New("some of the rows cannot be given")
	// ErrIgnored says of a row that the store took it without a word, and has it not.
	ErrIgnored = errors.New("the store took it and said nothing, but it was never in: a trigger may have left it out")
)

// RefusedError says that the store looked at rows and will not take them.
type RefusedError struct{ Reason string }

// Error returns the reason.
func (r *RefusedError) Error() string { return r.Reason }

// caller is an error of the caller's own.
type caller struct{ error }

func (c caller) Unwrap() error { return c.error }

// Own makes an error one of the records' own, for Theirs to tell.
func Own(err error) error { return caller{err} }

// Theirs reports whether the records or Report ended a call, and returns their own
// error then, else err.
func Theirs(err error) (theirs bool, own error) {
	var c caller
	if errors.As(err, &c) {
		return true, c.error
	}
	return false, err
}

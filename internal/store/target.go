package store

import (
	"context"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// Target is a place to write sections to.
type Target interface {
	// Survey looks at the target of a section without changing anything. A
	// count that fails is an error, never zero. A section that does not exist is
	// no error: Exists is false. ErrUnreachable as for Store.Open.
	Survey(ctx context.Context, section memory.Section) (Survey, error)

	// Merge adds the records that the target lacks, changes none that live,
	// removes nothing, and then proves by reading back that every record of the
	// sequence is in. Twice is once. It creates the section when it is absent.
	// records can be ranged over more than once and yields the same each time.
	//
	// A row that could not be put in or proved is counted, and reported through
	// opts.Report; it is no error. Merge returns an error when it could not go
	// on; the Result then says what is in. An error from records ends it
	// likewise.
	Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts MergeOptions) (Result, error)
}

// Survey is what a target was seen to hold.
type Survey struct {
	Locator memory.Locator
	Exists  bool
	Rows    int64
	// Dimension is 0 and Distance "" where they are not fixed yet.
	Dimension  int
	Distance   string
	Collection *memory.Collection
	// Target is the same place for the guard.
	Target guard.Target
	// Unfinished is the id of a plan that began to replace the section and has
	// not ended; "" when there is none.
	Unfinished string
}

// Proof is how thoroughly a merge is proved.
type Proof string

// The proofs: Full compares vector, document and metadata of every row that was
// read back; IDs compares ids alone. The zero Proof is Full.
const (
	ProofFull Proof = "full"
	ProofIDs  Proof = "ids"
)

// MergeOptions tune a merge. The zero value proves in full and reports nothing.
type MergeOptions struct {
	Proof Proof
	// Report is called for each row that was added or that something is to be
	// said about. An error from it ends the merge.
	Report func(Event) error
	// Intend is called with the rows of a batch before any of them can be seen in
	// the target: those, and only those, that it was seen to lack. Of a row that is
	// never intended nothing is sent. It may come again for a row that was not put
	// in. An error from it ends the merge, and its batch is not sent.
	Intend func([]Intended) error
}

// Outcome is what became of one row.
type Outcome string

// The outcomes. Same is only counted, never reported.
const (
	Added    Outcome = "added"
	Same     Outcome = "same"
	Differs  Outcome = "differs"  // the live row was kept
	Removed  Outcome = "removed"  // was in, then deleted by its owner meanwhile: a note
	Missing  Outcome = "missing"  // not in, or not readable: the restore is incomplete
	Rejected Outcome = "rejected" // the target will not take it: the restore is incomplete
	Lost     Outcome = "lost"     // would be gone after a replace
)

// Event is the outcome of one row. ID is the row's id; for lines, which have
// none, the hex of its digest. Digest is the record digest, set for Added. An opaque
// section has one event, with the SHA-256 of its file for a digest; its results are
// counted in rows all the same.
type Event struct {
	Outcome Outcome
	ID      string
	Reason  string
	Digest  [32]byte
	// Record is the row itself for Rejected, valid during the call; else nil, as
	// in an opaque section.
	Record memory.Record
}

// Result counts what a merge did, in rows. Added rows are also counted by what
// their proof said: as Same, but for those that Unkept counts.
type Result struct {
	Records  int64 `json:"records"` // rows of the sequence
	Added    int64 `json:"added"`
	Same     int64 `json:"same"`
	Differs  int64 `json:"differs"`
	Removed  int64 `json:"removed"`
	Missing  int64 `json:"missing"`
	Rejected int64 `json:"rejected"`
	// Unkept counts the rows of Added that the proof found to differ, to be removed
	// or to be missing.
	Unkept int64 `json:"-"`
	Proof  Proof `json:"proof"`
	// Created says that the section did not exist before.
	Created bool `json:"created"`
	// Before and After are the target's rows.
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Complete reports whether every record is in the target.
func (r Result) Complete() bool {
	return r.Missing == 0 && r.Rejected == 0 && r.Same+r.Differs+r.Removed == r.Records
}

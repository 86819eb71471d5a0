package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// Errors of replacing. Implementations wrap them.
var (
	// ErrMoved says that the live section is no longer what the safety copy
	// holds. Nothing was changed; with a new safety copy, Commit may be called
	// again.
	ErrMoved = errors.New("the section changed since it was copied")
	// ErrUnfinished says that a replace of this section was begun and not ended:
	// what is there now may be neither the old nor the new one.
	ErrUnfinished = errors.New("an unfinished replace is in the way")
	// ErrStaged says that what was staged is not what was to be staged. Nothing
	// that lives was touched.
	ErrStaged = errors.New("the staged copy is not whole")
)

// Replacer is a Target whose sections can be replaced, and from which rows can be
// taken back. Nothing that lives is changed but by Commit and Remove, and both
// ask the permit first: ErrNotPermitted of package guard means that nothing was
// touched.
type Replacer interface {
	Target

	// Compare says what a replace of the section by records would do, and
	// changes nothing. An absent section has no live rows. records as for Merge.
	Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts CompareOptions) (Difference, error)

	// Stage puts the records beside the section, or makes sure that they can be
	// put in its place; the section and all that lives stay as they are. A
	// record that the target will not take is an error: a section is replaced
	// whole or not at all. The same plan staged again goes on where it was.
	// After an error nothing is left behind but what the same plan finds again.
	Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts StageOptions) (Staged, error)

	// Remove deletes those of records that live exactly as they are, and keeps
	// the others: it takes a merge back. permit is for opts.Operation on the
	// locator of the survey. Twice is once.
	Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts RemoveOptions) (Removal, error)
}

// Keeper is a Replacer that keeps the old section aside, whole.
type Keeper interface {
	// StageBack stages the section that Commit once kept aside, to take its
	// place again. Rows that were added to the live one since are added to it
	// after the commit. ErrAbsent when it is not there any more.
	StageBack(ctx context.Context, spec memory.SectionSpec, aside memory.Locator, opts StageOptions) (Staged, error)
}

// Staged is a section that is ready to take the place of the live one.
type Staged interface {
	// Check reads all that was staged back and compares it with the records, ids,
	// vectors, documents and metadata, and counts it. ErrStaged when it differs.
	Check(ctx context.Context) error

	// Commit puts the staged section in the place of the live one, which must be
	// what safety holds: ErrMoved otherwise, where the old one is not kept aside.
	// A nil safety compares nothing. permit is for the operation of the stage on
	// the locator that the survey gave. It leaves the old one in place, or the
	// new one, or, where a store can't do that at once, a window that the same
	// plan, staged and committed again, closes. Committed again it changes nothing.
	Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (Committed, error)

	// Close lets go. What was staged and not committed is removed where it is no
	// more than a temporary file of ours, and else left to the same plan. It may
	// be called twice, and after Commit.
	Close() error
}

// StageOptions say for whom a section is staged. Plan and Operation are required.
type StageOptions struct {
	// Plan is the plan's id: letters, digits and "-". It is written into what is
	// made at the target, so that the plan finds it again.
	Plan string
	// Operation is what Commit's permit must be for.
	Operation guard.Operation
	// InPlace changes the section row by row, where the store otherwise puts a
	// new one in its place: it keeps the id of a collection.
	InPlace bool
	// Now dates what is kept aside.
	Now time.Time
}

// Validate refuses options without an operation, or whose plan is no name: it
// becomes part of the names of files and collections.
func (o StageOptions) Validate() error {
	if o.Operation == "" {
		return errors.New("stage: no operation is given")
	}
	unfit := func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if o.Plan == "" || strings.ContainsFunc(o.Plan, unfit) {
		return fmt.Errorf("stage: %q is no id of a plan", o.Plan)
	}
	return nil
}

// Committed says what a commit did.
type Committed struct {
	// Rows are the section's rows now.
	Rows int64 `json:"rows"`
	// Aside is where the old section is kept whole, nil when it isn't.
	Aside *memory.Locator `json:"aside,omitempty"`
	// Findings are what the operator must know: rows that an agent wrote into
	// the old section meanwhile, an empty one that it made in its place.
	Findings []memory.Finding `json:"findings,omitempty"`
}

// CompareOptions tune Compare. The zero value reports nothing.
type CompareOptions struct {
	// Report is called for each live row that would be lost (Lost) or another
	// (Differs), and for each record that is not there (Missing) or that the
	// target will not take (Rejected). An error from it ends the comparison.
	Report func(Event) error
}

// Difference is what a replace would do to a section, in rows. Lines of logs,
// which have no ids, are only lost or new.
type Difference struct {
	Live     int64 `json:"live"`     // rows of the target
	Same     int64 `json:"same"`     // of them, those that the records hold alike
	Changed  int64 `json:"changed"`  // of them, those that would be another
	Lost     int64 `json:"lost"`     // of them, those that would be gone
	New      int64 `json:"new"`      // records that the target lacks
	Rejected int64 `json:"rejected"` // records that the target will not take
	// Bytes are about what the live rows take as records in a bundle.
	Bytes int64 `json:"bytes"`
	// Newest is the time of the newest live row, zero where rows have none.
	Newest time.Time `json:"newest,omitzero"`
}

// RemoveOptions say for whom rows are removed, and who is told of it.
type RemoveOptions struct {
	Operation guard.Operation
	// Report is called for each row that was kept (Differs) or that is not there
	// any more (Removed).
	Report func(Event) error
	// Leave says how many rows that are equal to the record of a digest have to
	// stay: of lines, which may come more than once. Rows with ids don't ask. Nil
	// leaves none.
	Leave func(digest [32]byte) int64
}

// Removal counts what became of the records of a Remove.
type Removal struct {
	Removed int64 `json:"removed"` // deleted now
	Kept    int64 `json:"kept"`    // changed since: they stay
	Gone    int64 `json:"gone"`    // not there any more
	Rows    int64 `json:"rows"`    // of the section now
}

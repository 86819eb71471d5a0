// Package backup reads every section of a memory into one bundle, or publishes
// nothing. Growth while it reads is no loss; a row that was there throughout
// and isn't in the bundle is.
package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Source is one store and what is wanted of it.
type Source struct {
	// Name says in messages what the store is: "Chroma of mc".
	Name  string
	Store store.Store
	// Sections are those that must be there; none takes what the store has. Then one
	// that is gone since the last good bundle is found, and where Kind is Vectors a
	// store that has none at all is taken for one that isn't there.
	Sections []memory.Section
	Kind     memory.Kind
	// Literal are sections of a store without Sections that somebody named as they are:
	// they have to be there.
	Literal []memory.Section
	// Subsystem is what the store serves when Sections is empty.
	Subsystem memory.Subsystem
	// Declared says that somebody named the source: then it is told of when there is
	// nothing in it.
	Declared bool
}

// Options say what to back up and how. Bundle, Identity and Provenance are
// written into the meta as they are.
type Options struct {
	Sources []Source
	// Hint says what the operator can do about a finding, by its code.
	Hint memory.Hints
	// Only selects subsystems or sections; none selects all.
	Only []string
	// AllowDegraded publishes also when a section could not be read whole.
	AllowDegraded bool
	// Whole publishes nothing also where a row is without its vector, which makes
	// a bundle degraded otherwise.
	Whole bool
	// Alarm is how much may be gone before that is suspect.
	Alarm Alarm
	// AcceptLineage are sections that may be other ones than in the bundle before:
	// they begin anew, or have ended. Each has to be among those that are backed up,
	// or that are gone; or be a unit that no source has any more. The name of a source
	// stands for all that it has or had.
	AcceptLineage []memory.Section
	// Restored tells of the last restore of ours that ended since a bundle and made
	// a section, at its locator, what it is; ok is false when there is none. Nil
	// knows of none. It is asked only where a section is suspect.
	Restored func(spec memory.SectionSpec, since time.Time) (restored Restored, ok bool)

	// Matched reports whether nobody named a section: a pattern means it. Nil knows
	// of none.
	Matched func(memory.SectionSpec) bool

	Bundle bundle.Options
	// Reason is why the bundle is made; "" is bundle.ReasonBackup.
	Reason   bundle.Reason
	MemoryID string
	// Owner says which bundles are the memory's own; the zero one has all of its id.
	Owner memory.Owner
	// Place, ClonedFrom and MaybeSameAs are written into the meta. With MaybeSameAs it
	// isn't settled whose memory this is: the bundle is degraded, and its number is
	// higher than those of that memory, too.
	Place                   *memory.Place
	ClonedFrom, MaybeSameAs string
	// Told is what the caller has found out already.
	Told []memory.Finding
	// Sequence gives the bundle its number: one that was never given before, and
	// is higher than seen, the highest among the bundles that are there.
	Sequence   func(ctx context.Context, seen int64) (int64, error)
	Topology   *memory.Topology // nil when the memory has none
	NeoVersion string           // "" when unknown
	GitSHA     string           // "" when unknown
	Tags       map[string]string

	Progress store.Progress
	Clock    func() time.Time
}

// Errors that callers test for.
var (
	// ErrIncomplete says that a section could not be read whole, so that there
	// is no bundle.
	ErrIncomplete = errors.New("no bundle was made")
	// ErrParity says that fewer rows were read than were there throughout.
	ErrParity = errors.New("row-count parity failed")
	// ErrNothing says that there is nothing to back up: a bundle of nothing is none.
	ErrNothing = errors.New("there is nothing to back up")
	// ErrEmptied says that a collection is another one than it was, and has no rows.
	ErrEmptied = errors.New("is another collection, and has no rows")
	// ErrNothingToAccept says that a section whose lineage is to be accepted is not
	// backed up, and not gone.
	ErrNothingToAccept = errors.New("it is not backed up")
)

// Run makes one bundle of the sources and returns what it did. With an error
// nothing is published; the receipt, when there is one, says what was seen.
// A receipt whose Status is degraded was published all the same.
func Run(ctx context.Context, opts Options) (*Receipt, error) { return start(ctx, opts, false) }

// Survey goes through all that Run does, and writes nothing: every section is read to
// its end and judged. It ends with the error that Run would end with, but for one of
// the disk; the receipt says what the bundle would be.
func Survey(ctx context.Context, opts Options) (*Receipt, error) { return start(ctx, opts, true) }

func start(ctx context.Context, opts Options, dry bool) (*Receipt, error) {
	opts.Bundle.Discard = dry
	r := &run{
		opts: opts, receipt: &Receipt{
			StartedAt: opts.Clock().UTC(), MemoryID: opts.MemoryID, MaybeSameAs: opts.MaybeSameAs, DryRun: dry, Findings: slices.Clone(opts.Told),
		},
		losses: map[memory.Section]int64{}, fresh: map[string]int{},
	}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return r.receipt, err
	}
	if err := r.write(ctx); err != nil {
		return r.receipt, err
	}
	return r.receipt, nil
}

// run is one backup on its way.
type run struct {
	opts     Options
	receipt  *Receipt
	sessions []store.Session
	wanted   []wanted
	failed   []bundle.SectionMeta               // sections that could not be opened
	seen     map[store.Session]int              // findings already taken over
	catalog  *catalog.Catalog                   // of the bundles before; nil when it is no backup
	absent   []memory.SectionSpec               // that somebody named, and that are not there
	unseen   []memory.Subsystem                 // of sources that could not be listed
	good     map[memory.Section]catalog.Had     // the last good one of each section
	had      map[memory.Subsystem][]catalog.Had // what the sources had
	gone     []catalog.Had                      // of that, what is not there
	missing  map[memory.Section]bool            // the same, by name
	losses   map[memory.Section]int64           // records that are gone from a section that is there
	fresh    map[string]int                     // contents of files that there were not
	earlier  map[string]*bundle.Bundle          // those that were opened, by name
}

// wanted is one section that exists, and where to read it.
type wanted struct {
	spec    memory.SectionSpec
	session store.Session
}

func (r *run) write(ctx context.Context) error {
	w, err := bundle.Create(ctx, r.opts.Bundle)
	if err != nil {
		return fmt.Errorf("create bundle: %w", err)
	}
	// Abort is harmless once the bundle is published.
	defer func() { _ = w.Abort() }()
	sections, err := r.readAll(ctx, w)
	if err != nil {
		return err
	}
	units := r.judgeSources(sections)
	sections = append(sections, r.judgeGone()...)
	r.acceptEnds()
	r.condense()
	if err := r.nothing(sections, units); err != nil {
		return err
	}
	meta, err := r.meta(ctx, append(r.failed, sections...), units)
	if err != nil {
		return err
	}
	path, err := w.Publish(ctx, meta)
	if err != nil {
		return fmt.Errorf("publish bundle: %w", err)
	}
	r.receipt.took(meta, r.opts.Clock())
	if !r.receipt.DryRun {
		r.receipt.published(path, meta)
	}
	return nil
}

// lookBack lists the bundles that this one is compared with.
func (r *run) lookBack() (err error) {
	if cmp.Or(r.opts.Reason, bundle.ReasonBackup) != bundle.ReasonBackup {
		return nil
	}
	if r.catalog, err = r.bundles(); err != nil {
		return err
	}
	if kin := r.opts.Owner; r.opts.ClonedFrom != "" && kin.ID != "" {
		// As long as it has nothing good of its own, it is held against what it was made
		// out of: a restore that was cut short must not pass for the whole memory.
		_, err := r.catalog.Whole(catalog.Wanted{Memory: kin.ID, SkipUnreadable: true})
		if kin.Kin = r.opts.ClonedFrom; errors.Is(err, bundle.ErrNotFound) {
			r.catalog.For(kin)
		}
	}
	r.good = r.catalog.LastGoods(r.opts.MemoryID)
	return nil
}

// bundles lists the backup root; one that isn't there yet has none.
func (r *run) bundles() (*catalog.Catalog, error) {
	all, err := catalog.List(r.opts.Bundle.Root)
	if errors.Is(err, bundle.ErrNotFound) {
		return &catalog.Catalog{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	if r.opts.Owner.ID != "" {
		all.For(r.opts.Owner)
	}
	return all, nil
}

func (r *run) close() {
	for _, s := range r.sessions {
		// Nothing was written through it: what it says on closing changes nothing.
		_ = s.Close()
	}
}

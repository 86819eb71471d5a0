package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// Restored is what a restore of ours made of a section: it explains why the
// section is another one than in the bundle before.
type Restored struct {
	Name   string // of the restore
	Rows   int64  // that it left
	Bundle string // path of the bundle that it put in, "" when it put nothing in
}

// lineage compares a section that was just written with the last good one of the
// same memory, and says why it is suspect, "" when it isn't. What is made before
// a restore has no place in that line.
func (r *run) lineage(ctx context.Context, spec memory.SectionSpec, written *bundle.Section, since *memory.Since) (memory.Lineage, string, error) {
	if r.catalog == nil {
		return memory.Lineage{Collection: memory.CollectionUnknown}, "", nil
	}
	had, ok := r.good[spec.Name]
	if !ok {
		r.fresh[content(&written.File)]++
		return memory.Lineage{Collection: r.unprecedented()}, "", nil
	}
	entry, before := had.Entry, had.Section
	c := comparison{alarm: r.opts.Alarm, had: had, written: written, since: since, path: entry.Path, Lineage: memory.Lineage{
		Collection: kinship(before.Collection, spec.Collection), RowsBefore: before.Rows, Against: entry.Name,
	}}
	if written.Dimension > 0 && before.Dimension != written.Dimension {
		c.DimensionBefore = before.Dimension
	}
	why, err := c.doubt(ctx)
	if why == "" || err != nil {
		r.losses[spec.Name] = c.lost
		return c.Lineage, "", err
	}
	known, err := r.explained(ctx, c, spec, entry.Time)
	if err != nil {
		return c.Lineage, "", err
	}
	if known != nil {
		return *known, "", nil
	}
	if c.Accepted = r.accepts(spec.Name); !c.Accepted {
		r.losses[spec.Name] = c.lost
	}
	c.Suspect = !c.Accepted
	return c.Lineage, why + moved(before, spec), nil
}

// unprecedented is what is said of a section that no good bundle has: where there
// are bundles that nobody can place, one of them may have had it.
func (r *run) unprecedented() string {
	if slices.ContainsFunc(r.catalog.Bundles, func(e catalog.Entry) bool { return !e.Sealed }) {
		return memory.CollectionUnknown
	}
	return memory.CollectionNew
}

// kinship compares two collections. A graph or a file has none.
func kinship(before, now *memory.Collection) string {
	switch {
	case before == nil || now == nil || before.ID == "" || now.ID == "":
		return memory.CollectionUnknown
	case before.ID != now.ID:
		return memory.CollectionChanged
	}
	return memory.CollectionSame
}

// explained looks for a restore of ours since the bundle, and compares the section
// with what that left. It returns nil where none explains the difference.
func (r *run) explained(ctx context.Context, c comparison, spec memory.SectionSpec, since time.Time) (*memory.Lineage, error) {
	if r.opts.Restored == nil {
		return nil, nil
	}
	restored, ok := r.opts.Restored(spec, since)
	if !ok {
		return nil, nil
	}
	c.path, c.restored, c.since = restored.Bundle, true, nil
	c.RowsBefore, c.Overlap, c.Restore = restored.Rows, nil, restored.Name
	if why, err := c.doubt(ctx); why != "" || err != nil {
		return nil, err
	}
	return &c.Lineage, nil
}

// comparison is a section beside what it was.
type comparison struct {
	memory.Lineage

	alarm    Alarm
	had      catalog.Had
	written  *bundle.Section
	since    *memory.Since // what became of its records, nil where nobody has looked
	path     string        // of the bundle with the ids before
	restored bool          // that bundle was put in since, by us
	lost     int64         // of the records before, as far as they were counted
}

// doubt says why the section may be another memory's, or is no longer what it was, ""
// when neither is so.
func (c *comparison) doubt(ctx context.Context) (string, error) {
	rows := c.written.Rows
	c.lost = max(0, c.RowsBefore-rows)
	switch {
	case c.RowsBefore == 0:
		return "", nil
	case rows == 0:
		c.Overlap = new(float64)
		return fmt.Sprintf("has no rows, and had %d", c.RowsBefore), nil
	case !c.restored && shrunk(c.had, c.written):
		return fmt.Sprintf("has %d bytes, fewer than half of the %d that it had", c.written.File.Bytes, c.had.File.Bytes), nil
	}
	if lost, ok := removed(c.written.Spec.Kind, c.since, rows); ok {
		c.lost = lost
		return c.counted(), nil
	}
	return c.estimated(ctx)
}

// counted is doubt where it was counted what became of each record.
func (c *comparison) counted() string {
	before, changed := c.since.Before, c.Collection == memory.CollectionChanged
	rings := c.alarm.Rings(c.lost, before)
	if changed || rings && c.written.Spec.Kind != memory.Lines {
		overlap := 1 - float64(c.lost)/float64(before)
		c.Overlap = &overlap
	}
	switch {
	case rings && !c.fewer() && changed:
		return fmt.Sprintf("is another collection, and has %.0f %% of the ids of the one before", 100**c.Overlap)
	case rings && !c.fewer():
		return fmt.Sprintf("has lost %d of the %d rows that it had, and has others", c.lost, before)
	case rings:
		return c.fewerThan()
	case c.DimensionBefore > 0:
		return c.otherModel()
	case 2*c.since.Moved > before:
		return fmt.Sprintf("has other vectors in %d of its %d rows, by more than a server rounds", c.since.Moved, before)
	}
	return ""
}

// otherModel is doubt about vectors of another length: all of them are others.
func (c *comparison) otherModel() string {
	return fmt.Sprintf("has embeddings of %d numbers by another model, and had them of %d", c.written.Dimension, c.DimensionBefore)
}

// fewer reports whether the number of rows alone is suspect.
func (c *comparison) fewer() bool {
	return c.alarm.Rings(max(0, c.RowsBefore-c.written.Rows), c.RowsBefore)
}

func (c *comparison) fewerThan() string {
	if 2*c.written.Rows < c.RowsBefore {
		return fmt.Sprintf("has %d rows, fewer than half of the %d that it had", c.written.Rows, c.RowsBefore)
	}
	return fmt.Sprintf("has %d rows, and had %d", c.written.Rows, c.RowsBefore)
}

// estimated is doubt where nobody has counted. Ids are compared only where the answer
// hangs on them, or would help who has to judge: that reads the other bundle's section.
func (c *comparison) estimated(ctx context.Context) (string, error) {
	fewer, changed := c.fewer(), c.Collection == memory.CollectionChanged
	if !fewer && c.DimensionBefore > 0 && !c.restored {
		return c.otherModel(), nil
	}
	if !fewer && !changed && (!c.restored || c.path == "") {
		return "", nil
	}
	failed := c.measure(ctx)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case fewer:
		return c.fewerThan(), nil
	case failed != nil && !c.restored: // that we put another collection there explains the other id
		return fmt.Sprintf("is another collection, and nobody can say whether it has the ids of the one before: %v", failed), nil
	case c.Overlap == nil || !c.alarm.Rings(c.lost, c.RowsBefore):
		return "", nil
	case !changed:
		return fmt.Sprintf("has lost %d of the %d rows that it had, and has others", c.lost, c.RowsBefore), nil
	}
	return fmt.Sprintf("is another collection, and has %.0f %% of the ids of the one before", 100**c.Overlap), nil
}

// measure finds the share of the ids before that are there now.
func (c *comparison) measure(ctx context.Context) error {
	if c.path == "" {
		return errors.New("its bundle is not known")
	}
	b, err := bundle.Open(c.path, bundle.Limits{})
	if err != nil {
		return err
	}
	shared, all, err := c.written.Overlap(ctx, b)
	if err != nil || all == 0 {
		return err
	}
	overlap := float64(shared) / float64(all)
	c.Overlap, c.lost = &overlap, all-shared
	return nil
}

// moved says where the section was read before, if that was another place.
func moved(before *bundle.SectionMeta, now memory.SectionSpec) string {
	if before.Locator.SamePlace(now.Locator) {
		return ""
	}
	return fmt.Sprintf("; it is read from %s now, it was from %s", now.Locator, before.Locator)
}

// backBy is how a restore puts back what a section lost: a merge keeps a file that has
// something in it, and a vector.
func backBy(written *bundle.Section, out *SectionReceipt) string {
	if written.Spec.Kind == memory.Opaque && written.Rows > 0 || out.Lineage.DimensionBefore > 0 || out.Since != nil && out.Since.Known && 2*out.Since.Moved > out.Since.Before {
		return BackByReplace
	}
	return BackByMerge
}

// compare writes into a section's receipt how it compares with before.
func (r *run) compare(ctx context.Context, want wanted, written *bundle.Section, out *SectionReceipt) error {
	l, why, err := r.lineage(ctx, want.spec, written, out.Since)
	if err != nil {
		return fmt.Errorf("compare %s with the bundle before: %w", out.Section, err)
	}
	out.Lineage = &l
	switch {
	case l.Suspect:
		out.Reason = strings.TrimPrefix(out.Reason+"; suspect: "+why, "; ")
		r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
			Level: memory.Warning, Code: codeSuspect, Section: out.Section,
			Message: fmt.Sprintf("suspect: the section %s in %s", why, l.Against),
			Hint:    r.wayBackBy(backBy(written, out), codeSuspect, out.Section, r.good[out.Section]),
		})
	case l.Accepted:
		r.receipt.note("lineage-accepted", out.Section, "accepted as a new beginning: the section %s in %s", why, l.Against)
	case l.Restore != "":
		r.receipt.note("lineage-restored", out.Section, "another one than in %s, by the restore %s", l.Against, l.Restore)
	}
	if l.DimensionBefore > 0 && !l.Suspect {
		r.receipt.warn("dimension-changed", out.Section, "embeddings have %d numbers, and had %d in %s: another model made them",
			written.Dimension, l.DimensionBefore, l.Against)
	}
	return nil
}

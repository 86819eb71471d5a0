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
func (r *run) lineage(ctx context.Context, spec memory.SectionSpec, written *bundle.Section) (memory.Lineage, string, error) {
	if r.catalog == nil {
		return memory.Lineage{Collection: memory.CollectionUnknown}, "", nil
	}
	entry, before := r.catalog.LastGood(r.opts.MemoryID, spec.Name)
	if before == nil {
		return memory.Lineage{Collection: r.unprecedented()}, "", nil
	}
	c := comparison{written: written, path: entry.Path, Lineage: memory.Lineage{
		Collection: kinship(before.Collection, spec.Collection), RowsBefore: before.Rows, Against: entry.Name,
	}}
	if written.Dimension > 0 && before.Dimension != written.Dimension {
		c.DimensionBefore = before.Dimension
	}
	why, err := c.doubt(ctx)
	if why == "" || err != nil {
		return c.Lineage, "", err
	}
	known, err := r.explained(ctx, c, spec, entry.Time)
	if err != nil {
		return c.Lineage, "", err
	}
	if known != nil {
		return *known, "", nil
	}
	c.Accepted = slices.Contains(r.opts.AcceptLineage, spec.Name)
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
	c.path, c.restored = restored.Bundle, true
	c.RowsBefore, c.Overlap, c.Restore = restored.Rows, nil, restored.Name
	if why, err := c.doubt(ctx); why != "" || err != nil {
		return nil, err
	}
	return &c.Lineage, nil
}

// comparison is a section beside what it was.
type comparison struct {
	memory.Lineage

	written  *bundle.Section
	path     string // of the bundle with the ids before
	restored bool   // that bundle was put in since, by us
}

// doubt says why the section may be another memory's, "" when it needn't be. Ids
// are compared only where the answer hangs on them, or would help who has to
// judge: that reads the other bundle's section.
func (c *comparison) doubt(ctx context.Context) (string, error) {
	rows, half := c.written.Rows, 2*c.written.Rows < c.RowsBefore
	changed := c.Collection == memory.CollectionChanged
	switch {
	case c.RowsBefore == 0 || !changed && !half:
		return "", nil
	case rows == 0:
		c.Overlap = new(float64)
		return fmt.Sprintf("has no rows, and had %d", c.RowsBefore), nil
	}
	failed := c.measure(ctx)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case half:
		return fmt.Sprintf("has %d rows, fewer than half of the %d that it had", rows, c.RowsBefore), nil
	case failed != nil && !c.restored: // that we put another collection there explains the other id
		return fmt.Sprintf("is another collection, and nobody can say whether it has the ids of the one before: %v", failed), nil
	case c.Overlap != nil && *c.Overlap < 0.5:
		return fmt.Sprintf("is another collection, and has %.0f %% of the ids of the one before", 100**c.Overlap), nil
	}
	return "", nil
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
	c.Overlap = &overlap
	return nil
}

// moved says where the section was read before, if that was another place.
func moved(before *bundle.SectionMeta, now memory.SectionSpec) string {
	if before.Locator.SamePlace(now.Locator) {
		return ""
	}
	return fmt.Sprintf("; it is read from %s now, it was from %s", now.Locator, before.Locator)
}

// compare writes into a section's receipt how it compares with before.
func (r *run) compare(ctx context.Context, want wanted, written *bundle.Section, out *SectionReceipt) error {
	l, why, err := r.lineage(ctx, want.spec, written)
	if err != nil {
		return fmt.Errorf("compare %s with the bundle before: %w", out.Section, err)
	}
	out.Lineage = &l
	switch {
	case l.Suspect:
		out.Reason = strings.TrimPrefix(out.Reason+"; suspect: "+why, "; ")
		r.receipt.Findings = append(r.receipt.Findings, memory.Finding{
			Level: memory.Warning, Code: "lineage-suspect", Section: out.Section,
			Message: fmt.Sprintf("suspect: the section %s in %s", why, l.Against),
			Hint:    r.opts.Hint.Of("lineage-suspect", want.spec.Locator.String(), string(out.Section)),
		})
	case l.Accepted:
		r.receipt.note("lineage-accepted", out.Section, "accepted as a new beginning: the section %s in %s", why, l.Against)
	case l.Restore != "":
		r.receipt.note("lineage-restored", out.Section, "another one than in %s, by the restore %s", l.Against, l.Restore)
	}
	if l.DimensionBefore > 0 {
		r.receipt.warn("dimension-changed", out.Section, "embeddings have %d numbers, and had %d in %s: another model made them",
			written.Dimension, l.DimensionBefore, l.Against)
	}
	return nil
}

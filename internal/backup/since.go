package backup

import (
	"context"
	"fmt"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// since tells what became of the records of a section that was just written since the
// last good bundle that has it; nil where there is none, or what is made isn't a
// backup. What nobody can tell is unknown, with the reason, and never nothing.
func (r *run) since(ctx context.Context, written *bundle.Section) (*memory.Since, error) {
	if r.catalog == nil {
		return nil, nil
	}
	name := written.Spec.Name
	had, ok := r.good[name]
	if !ok {
		return r.sinceNothing(written), nil
	}
	s := &memory.Since{Bundle: had.Entry.Name, Before: had.Section.Rows}
	d, err := r.difference(ctx, had, written)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		s.Why = err.Error()
	default:
		s.Known, s.Before = true, d.Before
		s.Added, s.Removed, s.Changed, s.Moved = d.Added, d.Removed, d.Changed, d.Moved
	}
	return s, nil
}

// sinceNothing is of a section that no good bundle has. Where the newest backup that
// covers its subsystem had nothing of that name, all of its records are new since then;
// nil where there is no such backup.
func (r *run) sinceNothing(written *bundle.Section) *memory.Since {
	name := written.Spec.Name
	for i := range r.catalog.Bundles {
		e := &r.catalog.Bundles[i]
		if !e.IsBackupOf(r.opts.MemoryID) {
			continue
		}
		k := e.Meta.Keepsake
		switch {
		case k.Section(name) != nil: // it was there, and not good
			return nil
		case slices.Contains(k.Covers, name.Subsystem()):
			return &memory.Since{Bundle: e.Name, Known: true, Added: records(written)}
		}
	}
	return nil
}

// records is how many entries the index of a section has.
func records(written *bundle.Section) int64 {
	if written.Spec.Kind == memory.Opaque {
		return 1
	}
	return written.Rows
}

// difference compares a section with the same in an earlier bundle.
func (r *run) difference(ctx context.Context, had catalog.Had, written *bundle.Section) (d index.Difference, err error) {
	if opaque := written.Spec.Kind == memory.Opaque; opaque && had.Section.Kind == memory.Opaque && had.File != nil {
		d.Before, d.Now = 1, 1 // there may be many: no bundle is opened for them
		if had.File.SHA256 != written.File.SHA256 {
			d.Changed = 1
		}
		return d, nil
	}
	b, err := r.before(had.Entry)
	if err != nil {
		return d, err
	}
	now, err := written.OpenIndex()
	if err != nil {
		return d, fmt.Errorf("what is backed up now can't be compared: %w", err)
	}
	defer now.Close()
	before, err := r.catalog.OpenIndex(ctx, b, written.Spec.Name, !r.receipt.DryRun)
	if err != nil {
		return d, fmt.Errorf("what was in %s can't be compared: %w", had.Entry.Name, err)
	}
	defer before.Close()
	var moved []index.Key
	rounds := written.Spec.Kind == memory.Vectors && written.Spec.Distance != "l2" && written.Spec.Distance != "ip"
	d, err = index.Compare(before.Reader, now.Reader, func(c index.Change, e *index.Entry) error {
		if rounds && c == index.Moved {
			moved = append(moved, index.Key(e.Key()))
		}
		return nil
	})
	if err != nil || len(moved) == 0 {
		return d, err
	}
	d.Moved, err = written.Moved(ctx, b, moved)
	return d, err
}

// before opens an earlier bundle, once.
func (r *run) before(e *catalog.Entry) (*bundle.Bundle, error) {
	if b := r.earlier[e.Name]; b != nil {
		return b, nil
	}
	b, err := bundle.Open(e.Path, bundle.Limits{})
	if err != nil {
		return nil, err
	}
	if r.earlier == nil {
		r.earlier = map[string]*bundle.Bundle{}
	}
	r.earlier[e.Name] = b
	return b, nil
}

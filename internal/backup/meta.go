package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"keepsake/internal/bundle"
)

// meta says of the bundle what only the engine knows; the writer adds the rest.
func (r *run) meta(ctx context.Context, sections []bundle.SectionMeta, units []bundle.UnitMeta) (*bundle.Meta, error) {
	sequence, parent, err := r.succeed(ctx)
	if err != nil {
		return nil, err
	}
	if r.opts.Topology != nil {
		r.receipt.Topology = r.opts.Topology.Name()
	}
	return &bundle.Meta{
		CompletedAt: r.opts.Clock().UTC(), Topology: r.opts.Topology,
		NeoVersion: r.opts.NeoVersion, GitSHA: r.opts.GitSHA,
		Keepsake: &bundle.Keepsake{
			MemoryID: r.memoryID(), Place: r.opts.Place, ClonedFrom: r.opts.ClonedFrom, MaybeSameAs: r.opts.MaybeSameAs,
			Reason:   cmp.Or(r.opts.Reason, bundle.ReasonBackup),
			Sequence: sequence, Parent: parent, Status: r.status(), Tags: r.opts.Tags,
			Covers: r.covered(), Only: append([]string{}, r.opts.Only...), Matched: r.matched(sections), Ended: r.ended(),
			Units: units, Sections: sections,
		},
	}, nil
}

// memoryID is the memory's; a dry run of one that has none yet makes none.
func (r *run) memoryID() string {
	if r.receipt.DryRun {
		return cmp.Or(r.opts.MemoryID, "a new one")
	}
	return r.opts.MemoryID
}

// succeed finds the bundle's number in its memory's history, and the one before it:
// what was made to be able to undo a restore is no part of the history.
func (r *run) succeed(ctx context.Context) (int64, *bundle.Parent, error) {
	all, err := r.bundles()
	if err != nil {
		return 0, nil, err
	}
	var parent *bundle.Parent
	if e := all.Newest(r.opts.MemoryID); e != nil {
		parent = &bundle.Parent{Bundle: e.Name, Seal: e.Meta.Keepsake.Seal}
	}
	sequence, err := r.opts.Sequence(ctx, max(all.Highest(r.opts.MemoryID), all.Highest(r.opts.MaybeSameAs)))
	if err != nil {
		return 0, nil, fmt.Errorf("number bundle: %w", err)
	}
	return sequence, parent, nil
}

// status is degraded when anything that was asked for is not in the bundle, or
// may be another memory's.
func (r *run) status() bundle.Status {
	if r.opts.MaybeSameAs != "" {
		return bundle.Degraded
	}
	for _, s := range r.receipt.Sections {
		if s.Reason != "" {
			return bundle.Degraded
		}
	}
	if slices.ContainsFunc(r.receipt.Units, func(u bundle.UnitMeta) bool { return u.Suspect }) {
		return bundle.Degraded
	}
	return bundle.Complete
}

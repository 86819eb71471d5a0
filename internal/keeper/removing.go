package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepsake/internal/catalog"
	"keepsake/internal/guard"
	"keepsake/internal/quantity"
	"keepsake/internal/retention"
)

// sweep removes what dead runs left in the backup root, and returns the names.
func (m *Memory) sweep(ctx context.Context) []string {
	removed, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: m.Root(), Me: m.opts.Me, Alive: m.opts.Alive})
	trash, trashErr := catalog.RemoveTrash(ctx, catalog.TrashOptions{
		Root: m.Root(),
		Permit: func(ctx context.Context, t guard.Target) (guard.Permit, error) {
			return m.mayPrune(ctx, guard.Request{Target: t, Reason: "trash of a run that has ended"})
		},
	})
	removed = append(removed, trash...)
	for _, name := range removed {
		m.notify("removed %s, left by a run that has ended", name)
	}
	if err := errors.Join(err, trashErr); err != nil {
		m.notify("look for residue: %v", err)
	}
	return removed
}

// Removing is a run of retention: what was decided, and what became of it.
type Removing struct {
	Decisions retention.Decisions
	DryRun    bool
	Now       time.Time // of the decisions
	// Err is why a run after a backup did not end as it should.
	Err error

	m       *Memory
	residue []string
	done    map[string]error // of each bundle that was tried, nil when it is gone
}

// carryOut removes what was decided, the oldest first. One that can't be removed
// doesn't keep the others.
func (r *Removing) carryOut(ctx context.Context) error {
	var first error
	failed := 0
	for _, d := range r.Decisions.Removals() {
		if err := ctx.Err(); err != nil {
			return errors.Join(first, err)
		}
		err := r.discard(ctx, d)
		r.done[d.Candidate.Name] = err
		if err != nil {
			r.m.notify("%s was not removed: %v", d.Candidate.Name, err)
			failed++
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d of %s could not be removed: %w", failed, quantity.Plural(int64(len(r.done)), "bundle"), first)
}

func (r *Removing) discard(ctx context.Context, d retention.Decision) error {
	name := d.Candidate.Name
	permit, err := r.m.mayPrune(ctx, guard.Request{
		Target: catalog.Target(ctx, r.m.Root(), name), Reason: words(d.Grounds),
	})
	if err != nil {
		return err
	}
	return catalog.Discard(ctx, r.m.Root(), name, permit, nil)
}

// Tried reports whether it was tried to remove a bundle, and how that failed.
func (r *Removing) Tried(name string) (tried bool, err error) {
	err, tried = r.done[name]
	return tried, err
}

// Gone counts the bundles that were removed, and their bytes.
func (r *Removing) Gone() (n, bytes int64) {
	for _, d := range r.Decisions.Removals() {
		if tried, err := r.Tried(d.Candidate.Name); tried && err == nil {
			n++
			bytes += d.Candidate.Bytes
		}
	}
	return n, bytes
}

// words are the grounds of a decision.
func words(grounds []retention.Ground) string {
	all := make([]string, len(grounds))
	for i, g := range grounds {
		all[i] = g.Text
	}
	return strings.Join(all, "; ")
}

// MarshalJSON is the document of prune, and a part of that of backup.
func (r *Removing) MarshalJSON() ([]byte, error) {
	type one struct {
		Bundle  string             `json:"bundle"`
		Bytes   int64              `json:"bytes"`
		Action  retention.Action   `json:"action"`
		Removed bool               `json:"removed"`
		Grounds []retention.Ground `json:"grounds"`
		Error   string             `json:"error,omitempty"`
	}
	bundles := []one{}
	for _, d := range r.Decisions.All {
		tried, err := r.Tried(d.Candidate.Name)
		o := one{d.Candidate.Name, d.Candidate.Bytes, d.Action, tried && err == nil, d.Grounds, ""}
		if err != nil {
			o.Error = err.Error()
		}
		bundles = append(bundles, o)
	}
	removed, bytes := r.Gone()
	document := map[string]any{
		"root": r.m.Root(), "dryRun": r.DryRun, "bundles": bundles, "removed": removed, "bytes": bytes,
		"warnings": append([]retention.Warning{}, r.Decisions.Warnings...), "residue": append([]string{}, r.residue...),
	}
	if r.Err != nil {
		document["error"] = r.Err.Error()
	}
	return json.Marshal(document)
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/guard"
	"keepsake/internal/retention"
)

// mayRemove asks the guard for leave to remove one folder of the backup root.
func (m *memoryAt) mayRemove(ctx context.Context, target guard.Target, reason string) (guard.Permit, error) {
	rules, done, err := m.guarded(false)
	if err != nil {
		return guard.Permit{}, err
	}
	permit, err := rules.AssertDestructiveTargetAllowed(ctx, guard.Request{
		Operation: guard.Prune, Target: target, Reason: reason,
	})
	return permit, errors.Join(err, done())
}

// sweep removes what dead runs left in the backup root, and returns the names.
func (a *app) sweep(ctx context.Context, m *memoryAt) []string {
	removed, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: m.root(), Me: a.me(), Alive: alive})
	trash, trashErr := catalog.RemoveTrash(ctx, catalog.TrashOptions{
		Root: m.root(),
		Permit: func(ctx context.Context, t guard.Target) (guard.Permit, error) {
			return m.mayRemove(ctx, t, "trash of a run that has ended")
		},
	})
	removed = append(removed, trash...)
	for _, name := range removed {
		a.warn("removed %s, left by a run that has ended", name)
	}
	if err := errors.Join(err, trashErr); err != nil {
		a.warn("look for residue: %v", err)
	}
	return removed
}

// removing is a run of retention: what was decided, and what became of it.
type removing struct {
	m         *memoryAt
	decisions retention.Decisions
	now       time.Time
	dryRun    bool
	residue   []string
	done      map[string]error // of each bundle that was tried, nil when it is gone
	err       error            // of a run after a backup
}

func (m *memoryAt) newRemoving() *removing {
	return &removing{m: m, now: m.app.Now(), done: map[string]error{}}
}

// carryOut removes what was decided, the oldest first. One that can't be removed
// doesn't keep the others.
func (r *removing) carryOut(ctx context.Context) error {
	var first error
	for _, d := range r.decisions.Removals() {
		if err := ctx.Err(); err != nil {
			return errors.Join(first, err)
		}
		err := r.discard(ctx, d)
		r.done[d.Candidate.Name] = err
		if err != nil {
			r.m.app.warn("%s was not removed: %v", d.Candidate.Name, err)
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d of %s could not be removed: %w", r.failed(), plural(int64(len(r.done)), "bundle"), first)
}

func (r *removing) discard(ctx context.Context, d retention.Decision) error {
	name := d.Candidate.Name
	permit, err := r.m.mayRemove(ctx, catalog.Target(ctx, r.m.root(), name), words(d.Grounds))
	if err != nil {
		return err
	}
	return catalog.Discard(ctx, r.m.root(), name, permit, nil)
}

func (r *removing) failed() (n int) {
	for _, err := range r.done {
		if err != nil {
			n++
		}
	}
	return n
}

// gone counts the bundles that were removed, and their bytes.
func (r *removing) gone() (n, bytes int64) {
	for _, d := range r.decisions.Removals() {
		if err, tried := r.done[d.Candidate.Name]; tried && err == nil {
			n++
			bytes += d.Candidate.Bytes
		}
	}
	return n, bytes
}

func words(grounds []retention.Ground) string {
	all := make([]string, len(grounds))
	for i, g := range grounds {
		all[i] = g.Text
	}
	return strings.Join(all, "; ")
}

// why is what a person needs of the grounds: the first, which decides, and that a
// bundle takes no place of a good one.
func why(grounds []retention.Ground) string {
	var told []retention.Ground
	for i, g := range grounds {
		if i == 0 || g.Code == retention.NoPlace {
			told = append(told, g)
		}
	}
	return words(told)
}

// what says in one word what became of a bundle.
func (r *removing) what(d retention.Decision) string {
	err, tried := r.done[d.Candidate.Name]
	switch {
	case !tried:
		return string(d.Action)
	case err != nil:
		return "FAILED"
	}
	return "removed"
}

// print prints a line a bundle, the newest first; with all set also those that
// stay.
func (r *removing) print(all bool) error {
	const nameWidth = 31 // of a bundle; what is longer is nobody's that we know
	t := &table{header: []string{"bundle", "age", "what", "why"}, right: map[int]bool{1: true}}
	for _, d := range r.decisions.All {
		if !all && d.Action != retention.Remove {
			continue
		}
		when := ""
		if stamp, err := bundle.ParseName(d.Candidate.Name); err == nil {
			when = age(r.now.Sub(stamp))
		}
		for i, line := range wrap(why(d.Grounds), width-nameWidth-6-7-3*2) {
			if i == 0 {
				t.add(cut(d.Candidate.Name, nameWidth), when, r.what(d), line)
			} else {
				t.add("", "", "", line)
			}
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	return t.write(r.m.app.Stdout)
}

// printAfter prints what a run after a backup did.
func (r *removing) printAfter() error {
	if r == nil {
		return nil
	}
	a := r.m.app
	for _, w := range r.decisions.Warnings {
		a.warn("%s", warning(w))
	}
	n, bytes := r.gone()
	if n == 0 {
		return nil
	}
	a.say("\nRetention removed %s, %s:\n\n", plural(n, "bundle"), size(bytes))
	return r.print(false)
}

func warning(w retention.Warning) string { return strings.TrimSpace(w.Name + " " + w.Ground.Text) }

// MarshalJSON is the document of prune, and a part of that of backup.
func (r *removing) MarshalJSON() ([]byte, error) {
	type one struct {
		Bundle  string             `json:"bundle"`
		Bytes   int64              `json:"bytes"`
		Action  retention.Action   `json:"action"`
		Removed bool               `json:"removed"`
		Grounds []retention.Ground `json:"grounds"`
		Error   string             `json:"error,omitempty"`
	}
	bundles := []one{}
	for _, d := range r.decisions.All {
		err, tried := r.done[d.Candidate.Name]
		o := one{d.Candidate.Name, d.Candidate.Bytes, d.Action, tried && err == nil, d.Grounds, ""}
		if err != nil {
			o.Error = err.Error()
		}
		bundles = append(bundles, o)
	}
	removed, bytes := r.gone()
	document := map[string]any{
		"root": r.m.root(), "dryRun": r.dryRun, "bundles": bundles, "removed": removed, "bytes": bytes,
		"warnings": append([]retention.Warning{}, r.decisions.Warnings...), "residue": append([]string{}, r.residue...),
	}
	if r.err != nil {
		document["error"] = r.err.Error()
	}
	return json.Marshal(document)
}

package keeper

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// safety returns what bundles sections of the targets of a restore of b, before they
// are replaced.
func (m *Memory) safety(b *bundle.Bundle, targets []restore.Target) func(context.Context, restore.Saving) (*bundle.Bundle, error) {
	return func(ctx context.Context, want restore.Saving) (*bundle.Bundle, error) {
		opts, err := m.backupOptions(Backup{AllowDegraded: want.Degraded})
		if err != nil {
			return nil, err
		}
		opts.Whole = !want.Degraded
		opts.Reason, opts.Sources = bundle.ReasonPreRestore, targetsAsSources(targets, want.Live, kindsIn(b))
		opts.Sources = append(opts.Sources, takenOver(want)...)
		if opts, err = m.identify(ctx, opts); err != nil {
			return nil, err
		}
		opts.MaybeSameAs, opts.Told = "", nil // what it is for is this very target, whoever's it is
		receipt, err := backup.Run(ctx, opts)
		if err != nil {
			return nil, m.explainSafety(err)
		}
		return bundle.Open(receipt.Path, bundle.Limits{})
	}
}

// explainSafety adds what the operator can do when what lives can't be bundled.
func (m *Memory) explainSafety(err error) error {
	if errors.Is(err, store.ErrUnreadable) || errors.Is(err, backup.ErrParity) {
		return fail(Store, "unsafe", err)
	}
	return m.explain(err)
}

// targetsAsSources reads the sections from where they are about to be replaced.
func targetsAsSources(targets []restore.Target, sections []memory.Section, kind func(memory.Section) memory.Kind) []backup.Source {
	var out []backup.Source
	taken := map[memory.Section]bool{}
	for _, t := range targets {
		source, ok := t.Store.(store.Store)
		if !ok {
			continue
		}
		var mine []memory.Section
		for _, s := range sections {
			if !taken[s] && slices.ContainsFunc(t.Sections, s.Matches) {
				taken[s] = true
				mine = append(mine, s)
			}
		}
		if len(mine) > 0 {
			out = append(out, backup.Source{Name: "target of " + string(mine[0]), Kind: kind(mine[0]), Store: source, Sections: mine})
		}
	}
	return out
}

// takenOver are the sections that the safety bundle before holds, and that are
// replaced by now.
func takenOver(want restore.Saving) (out []backup.Source) {
	if want.Before == nil {
		return nil
	}
	for _, spec := range want.Before.Sections() {
		if !slices.Contains(want.Live, spec.Name) {
			out = append(out, backup.Source{
				Name: want.Before.Name(), Kind: spec.Kind, Store: backup.Bundled(want.Before), Sections: []memory.Section{spec.Name},
			})
		}
	}
	return out
}

// kindsIn says of what kind sections are: as in the bundle, or, of one that it
// doesn't hold, as in the folder that it would be in.
func kindsIn(b *bundle.Bundle) func(memory.Section) memory.Kind {
	kinds := map[memory.Section]memory.Kind{}
	for _, spec := range b.Sections() {
		kinds[spec.Name] = spec.Kind
	}
	return func(s memory.Section) memory.Kind { return cmp.Or(kinds[s], kindOf(s)) }
}

func kindOf(s memory.Section) memory.Kind {
	switch s.Subsystem() {
	case memory.KB, memory.MC:
		return memory.Vectors
	case memory.GraphSystem:
		return memory.Elements
	}
	return memory.Lines
}

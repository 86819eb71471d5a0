// Package restore puts a bundle back: Preflight looks at everything and makes a
// Plan, Run carries the plan out and leaves a Receipt. There is no other way in.
package restore

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Target is where the sections that Sections selects are put. A selector is a
// subsystem ("mc") or a section ("mc/memory").
type Target struct {
	Sections []string
	Store    store.Target
}

// Filter narrows the records of a section that has any: an opaque one has none.
// What it drops is not restored and not missed.
type Filter func(iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error]

// Options say what to restore, where to, and which refusals the operator waived.
type Options struct {
	Bundle *bundle.Bundle
	// Hint says what the operator can do about a refusal, by its code.
	Hint memory.Hints
	// Kinds is the table of kinds of store: what each can hold.
	Kinds store.Kinds
	// Targets are tried in order; the first that selects a section takes it.
	Targets []Target
	// Only selects subsystems or sections; none selects all.
	Only    []string
	Filters map[memory.Section]Filter
	Proof   store.Proof

	// Topology is the target's.
	Topology memory.Topology
	// MemoryID is the target's, "" when it has none yet.
	MemoryID string
	// Memory are the subsystems of the target: those that the bundle never covered are
	// named. Silent are those of them that may be absent from a backup of everything.
	Memory, Silent []memory.Subsystem
	// Own are other memories whose bundles are the target's as well, or that it was
	// made out of; Maybe are those that it may be, which isn't settled.
	Own, Maybe []string

	ForceTopology bool
	ForceMemory   bool
	AllowEmpty    bool

	// Parts takes what was asked for also where something is wrong with other sections
	// of the bundle.
	Parts bool
	// Noted is what was seen before, and Lacks what no bundle holds of what was asked
	// for: they are told of, and counted, as the bundle's own are. Group is what the
	// restores of one run have in common, "" where there is one alone.
	Noted []memory.Finding
	Lacks []bundle.Lack
	Group string

	// Request is kept with the plan: what it takes to make the same Options again.
	Request json.RawMessage
	// Replace makes the target become the bundle; nil merges.
	Replace *Replace

	Progress store.Progress
	Clock    func() time.Time
}

// Mode is what a restore does with what lives.
type Mode string

// The modes.
const (
	ModeMerge   Mode = "merge"
	ModeReplace Mode = "replace"
)

func (o *Options) selected(s memory.Section) bool {
	if len(o.Only) == 0 {
		return true
	}
	for _, selector := range o.Only {
		if s.Matches(selector) {
			return true
		}
	}
	return false
}

func (o *Options) target(s memory.Section) store.Target {
	for _, t := range o.Targets {
		for _, selector := range t.Sections {
			if s.Matches(selector) {
				return t.Store
			}
		}
	}
	return nil
}

// passes hands out a section's records as they are to be put in, filtered. Each
// pass over them is one phase: the first merges, the second proves.
type passes struct {
	opts    *Options
	spec    memory.SectionSpec
	records iter.Seq2[memory.Record, error]
	starts  []time.Time
}

func (o *Options) passes(ctx context.Context, s Section) *passes {
	records := o.Bundle.Records(ctx, s.Spec.Name)
	if filter := o.Filters[s.Spec.Name]; filter != nil {
		records = filter(records)
	}
	return &passes{opts: o, spec: s.Spec, records: records}
}

func (p *passes) all(yield func(memory.Record, error) bool) {
	phase := "merge"
	if len(p.starts) > 0 {
		phase = "proof"
	}
	p.starts = append(p.starts, p.opts.Clock())
	p.opts.Progress.Begin(phase, p.spec.Name, p.spec.Rows)
	defer p.opts.Progress.End()
	store.MeteredSection(p.spec, p.records, p.opts.Progress)(yield)
}

// seconds says how long each phase took, up to end.
func (p *passes) seconds(end time.Time) (merge, proof float64) {
	switch len(p.starts) {
	case 0:
		return 0, 0
	case 1:
		return end.Sub(p.starts[0]).Seconds(), 0
	}
	return p.starts[1].Sub(p.starts[0]).Seconds(), end.Sub(p.starts[1]).Seconds()
}

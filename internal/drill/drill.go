// Package drill finds out whether a bundle can be restored, by restoring it: into
// throw-away targets, with the one engine that restores. Then everything is read
// back and compared with the bundle, and the vectors that went to a server are
// searched there. It makes and removes no target: who brings them does.
package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// Store is a store that is restored into, and read back.
type Store interface {
	store.Store
	store.Target
}

// Target is a throw-away store, empty, and the sections that are restored into it.
type Target struct {
	// Sections are selectors: "mc", "mc/memory".
	Sections []string
	Store    Store
	// Exact says that the store gives every bit back: then the record digests are
	// compared, and files byte for byte: so a database has to be read there as the
	// file that it is, for a copy that SQLite makes of it has other bytes. What
	// another holds is compared by the restore's own proof alone.
	Exact bool
}

// Options say what is restored, and where to. All are required.
type Options struct {
	// Hint says what the operator can do about a refusal, by its code.
	Hint   memory.Hints
	Bundle *bundle.Bundle
	// Targets take every section; the first that selects a section takes it.
	Targets []Target
	// Dir is made for the plan and the receipt of the restore.
	Dir      string
	Progress store.Progress
	Clock    func() time.Time
}

// Report is what a drill saw.
type Report struct {
	// Seconds is the time that the restore took, its checks and its proof included.
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"`
	// Recall is the share of the nearest rows that the searches of all sections
	// found, nil when there was nothing to search, or no server to search it.
	Recall   *float64         `json:"recall"`
	Sections []Section        `json:"sections"`
	Findings []memory.Finding `json:"findings"`
}

// Section is what was seen of one section.
type Section struct {
	Name   memory.Section `json:"section"`
	Target memory.Locator `json:"target"`
	Rows   int64          `json:"rows"`
	// Compared counts the rows whose digests were compared.
	Compared int64 `json:"compared"`
	// Probes is how many vectors were searched for, Recall the share of their ten
	// nearest rows that were found.
	Probes int      `json:"probes,omitempty"`
	Recall *float64 `json:"recall,omitempty"`
}

// Refused reports whether something differs.
func (r *Report) Refused() bool { return memory.Refused(r.Findings) }

// Run restores the bundle into the targets, and compares. What differs, and a
// bundle that does not verify, is a finding; an error means that the drill could
// not be carried through: a *restore.RefusedError when a target was not fit.
func Run(ctx context.Context, opts Options) (*Report, error) {
	d := &drill{opts: opts, report: &Report{Sections: []Section{}, Findings: []memory.Finding{}}}
	began := opts.Clock()
	plan, err := restore.Preflight(ctx, d.restoring())
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	d.report.Findings = append(d.report.Findings, plan.Findings()...)
	if err := plan.Refusal(); err != nil {
		return d.refused(err)
	}
	receipt, err := restore.Run(ctx, plan, opts.Dir)
	if err == nil {
		err = receipt.Failed()
	}
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	d.report.Seconds = opts.Clock().Sub(began).Seconds()
	for i, planned := range plan.Sections() {
		if err := d.section(ctx, planned.Spec, receipt.Sections[i]); err != nil {
			return nil, fmt.Errorf("drill: %s: %w", planned.Spec.Name, err)
		}
	}
	d.recall()
	return d.report, nil
}

// drill is one run.
type drill struct {
	opts   Options
	report *Report
	hits   int // of all searches
	wanted int
}

// restoring has the bundle restored as the memory that it is of.
func (d *drill) restoring() restore.Options {
	opts := restore.Options{
		Hint: d.opts.Hint, Bundle: d.opts.Bundle, Proof: store.ProofFull, Progress: d.opts.Progress, Clock: d.opts.Clock,
	}
	if meta := d.opts.Bundle.Meta(); meta != nil && meta.Topology != nil {
		opts.Topology = *meta.Topology
	}
	for _, p := range d.opts.Targets {
		opts.Targets = append(opts.Targets, restore.Target{Sections: p.Sections, Store: p.Store})
	}
	return opts
}

// refused ends a drill whose bundle doesn't verify: that is its result.
func (d *drill) refused(err error) (*Report, error) {
	var refusal *restore.RefusedError
	if errors.As(err, &refusal) && refusal.Ground == restore.GroundBundle {
		return d.report, nil
	}
	return nil, err
}

func (d *drill) target(s memory.Section) Target {
	for _, p := range d.opts.Targets {
		for _, selector := range p.Sections {
			if s.Matches(selector) {
				return p
			}
		}
	}
	return Target{}
}

func (d *drill) section(ctx context.Context, spec memory.SectionSpec, got restore.SectionReceipt) error {
	d.report.Sections = append(d.report.Sections, Section{Name: spec.Name, Target: got.Target, Rows: got.Records})
	d.report.Rows += got.Records
	target := d.target(spec.Name)
	s := &sectionDrill{
		drill: d, spec: spec, target: target, out: &d.report.Sections[len(d.report.Sections)-1],
		ledger: newLedger(target.Exact, got.Records), sampler: newSampler(spec, got.Records),
	}
	if spec.Kind == memory.Opaque {
		s.judge(got)
		return s.compareFile(ctx)
	}
	if err := s.readBundle(ctx); err != nil {
		return err
	}
	s.judge(got)
	if target.Exact {
		if err := s.readBack(ctx); err != nil {
			return err
		}
	}
	return s.search(ctx)
}

func (d *drill) recall() {
	if d.wanted > 0 {
		d.report.Recall = share(d.hits, d.wanted)
	}
}

func share(hits, wanted int) *float64 {
	r := float64(hits) / float64(wanted)
	return &r
}

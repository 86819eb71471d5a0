package restore

import (
	"crypto/sha256"
	"slices"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Ground is why a restore is refused.
type Ground string

// The grounds, in the order in which the first of several decides.
const (
	GroundBundle    Ground = "bundle"    // it does not verify
	GroundSwap      Ground = "swap"      // another replace of the target is unfinished
	GroundStore     Ground = "store"     // a target can't be reached or read
	GroundTopology  Ground = "topology"  // unified against federated
	GroundDimension Ground = "dimension" // or distance, of a live collection
	GroundNotEmpty  Ground = "not-empty" // of a replace: the target holds rows
	GroundShrink    Ground = "shrink"    // of a replace: the bundle holds far fewer
	GroundMemory    Ground = "memory"    // the bundle is of another memory
	GroundGuard     Ground = "guard"     // of a replace: the guard refuses a target
	GroundRoom      Ground = "room"      // of a replace: the disk is too small
)

func grounds() []Ground {
	return []Ground{
		GroundBundle, GroundSwap, GroundStore, GroundTopology, GroundDimension,
		GroundNotEmpty, GroundShrink, GroundMemory, GroundGuard, GroundRoom,
	}
}

// Section is what a plan holds of one section.
type Section struct {
	Spec   memory.SectionSpec
	Survey store.Survey
	// Of a replace: what it would do, and what the guard takes the target for.
	Difference store.Difference
	Class      guard.Class
	Why        string
	// Maybe counts, of a merge that is taken back, the rows of those that go that may
	// be in and may not.
	Maybe int64

	target   store.Target
	seen     bool                       // the survey succeeded
	vacate   bool                       // it becomes empty
	filtered bool                       // not all of its records are asked for
	unfit    map[[sha256.Size]byte]bool // records that the target will not take
	// Of the comparison: the records that went by, and how long it took.
	tally     tally
	comparing time.Duration
}

// Plan is what a restore will do, and everything that was seen on the way to
// it. Only Preflight makes one.
type Plan struct {
	opts     Options
	sections []Section
	findings []memory.Finding // all but the refusals
	refusals map[Ground][]memory.Finding
	// apart are the refusals of a merge that are about one section alone, by it: the
	// others are merged without it.
	apart    map[memory.Section][]refusal
	left     []string      // payloads that no target takes
	untaken  int64         // their records
	lacks    []bundle.Lack // what of all that was asked for the bundle doesn't hold
	salvaged int64

	// Of a replace:
	id          string
	fingerprint string // of the bundle
	pace        Pace
	estimated   Estimate

	rows map[memory.Section]int64 // as they were counted

	merged     *Receipt    // of the merge that is taken back
	foreseeing *Foreseeing // while a merge is gone through without writing
	foreseen   *Receipt
}

// Sections lists what will be restored, in the order in which it will be.
func (p *Plan) Sections() []Section { return slices.Clone(p.sections) }

// Mode returns what the plan will do: merge or replace.
func (p *Plan) Mode() Mode {
	if p.opts.Replace != nil {
		return ModeReplace
	}
	return ModeMerge
}

// Bundle returns what is restored.
func (p *Plan) Bundle() *bundle.Bundle { return p.opts.Bundle }

// ID returns the id of a replace, "" for a merge.
func (p *Plan) ID() string { return p.id }

// Agreement returns what a replace puts before the operator, for guard.Rules.Issue.
func (p *Plan) Agreement() guard.Agreement { return p.agreement() }

// Estimate says about what a replace will take.
func (p *Plan) Estimate() Estimate { return p.estimated }

// refusal is a ground, and what was seen.
type refusal struct {
	ground Ground
	memory.Finding
}

// Findings lists everything that the preflight saw, the refusals last and in the
// order of their grounds.
func (p *Plan) Findings() []memory.Finding {
	all := slices.Clone(p.findings)
	for _, g := range grounds() {
		all = append(all, p.refusals[g]...)
		for _, s := range p.sections {
			for _, r := range p.apart[s.Spec.Name] {
				if r.ground == g {
					all = append(all, r.Finding)
				}
			}
		}
	}
	return all
}

// Left lists the payloads of the bundle that will not be restored.
func (p *Plan) Left() []string { return slices.Clone(p.left) }

// Refusal returns a *RefusedError when the plan can't be run, else nil: where something
// speaks against all of it, or against each of its sections.
func (p *Plan) Refusal() error {
	for _, g := range grounds() {
		if len(p.refusals[g]) > 0 {
			return &RefusedError{Ground: g, Findings: p.Findings()}
		}
	}
	if !slices.ContainsFunc(p.sections, func(s Section) bool { return len(p.apart[s.Spec.Name]) == 0 }) {
		for _, g := range grounds() {
			if p.anyApart(g) {
				return &RefusedError{Ground: g, Findings: p.Findings()}
			}
		}
	}
	return nil
}

func (p *Plan) anyApart(g Ground) bool {
	for _, all := range p.apart {
		if slices.ContainsFunc(all, func(r refusal) bool { return r.ground == g }) {
			return true
		}
	}
	return false
}

// Incomplete reports whether the run is known beforehand to leave rows out: what the
// bundle lacks, sections and payloads that nothing takes, or rows whose vector was not
// readable.
func (p *Plan) Incomplete() bool {
	return len(p.left) > 0 || p.salvaged > 0 || len(p.lacks) > 0 || len(p.apart) > 0
}

func (p *Plan) warn(code string, s memory.Section, message, hint string) {
	p.findings = append(p.findings, memory.Finding{
		Level: memory.Warning, Code: code, Section: s, Message: message, Hint: hint,
	})
}

func (p *Plan) refuse(g Ground, code string, s memory.Section, message, hint string) {
	p.refusals[g] = append(p.refusals[g], memory.Finding{
		Level: memory.Refusal, Code: code, Section: s, Message: message, Hint: hint,
	})
}

// refuseOne refuses a section, and a replace with it: that is done whole or not at all.
func (p *Plan) refuseOne(g Ground, code string, s memory.Section, message, hint string) {
	if p.opts.Replace != nil {
		p.refuse(g, code, s, message, hint)
		return
	}
	if p.apart == nil {
		p.apart = map[memory.Section][]refusal{}
	}
	p.apart[s] = append(p.apart[s], refusal{g, memory.Finding{
		Level: memory.Refusal, Code: code, Section: s, Message: message, Hint: hint,
	}})
}

// RefusedError says that nothing was written, and every ground there is. Ground is
// that of the first refusal among the findings.
type RefusedError struct {
	Ground   Ground
	Findings []memory.Finding
}

// Error gives the first refusal and how many there are.
func (e *RefusedError) Error() string {
	first, n := "", 0
	for _, f := range e.Findings {
		if f.Level != memory.Refusal {
			continue
		}
		if n++; n == 1 {
			first = f.String()
		}
	}
	if n > 1 {
		return "restore refused, nothing was written: " + first + " (and more)"
	}
	return "restore refused, nothing was written: " + first
}

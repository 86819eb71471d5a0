package restore

import (
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Ground is why a restore is refused.
type Ground string

// The grounds, in the order in which the first of several decides.
const (
	GroundBundle    Ground = "bundle"    // it does not verify
	GroundStore     Ground = "store"     // a target can't be reached or read
	GroundTopology  Ground = "topology"  // unified against federated
	GroundDimension Ground = "dimension" // or distance, of a live collection
	GroundMemory    Ground = "memory"    // the bundle is of another memory
)

func grounds() []Ground {
	return []Ground{GroundBundle, GroundStore, GroundTopology, GroundDimension, GroundMemory}
}

// Section is what a plan holds of one section.
type Section struct {
	Spec   memory.SectionSpec
	Survey store.Survey
	target store.Target
}

// Plan is what a restore will do, and everything that was seen on the way to
// it. Only Preflight makes one.
type Plan struct {
	opts     Options
	sections []Section
	findings []memory.Finding
	refused  map[Ground]bool
	left     []string // payloads that no target takes
	salvaged int64
	rows     map[memory.Section]int64 // as they were counted
}

// Sections lists what will be restored, in the order in which it will be.
func (p *Plan) Sections() []Section { return slices.Clone(p.sections) }

// Findings lists everything that the preflight saw, refusals included.
func (p *Plan) Findings() []memory.Finding { return slices.Clone(p.findings) }

// Left lists the payloads of the bundle that will not be restored.
func (p *Plan) Left() []string { return slices.Clone(p.left) }

// Refusal returns a *RefusedError when the plan can't be run, else nil.
func (p *Plan) Refusal() error {
	for _, g := range grounds() {
		if p.refused[g] {
			return &RefusedError{Ground: g, Findings: p.Findings()}
		}
	}
	return nil
}

// Incomplete reports whether the run is known beforehand to leave rows out:
// payloads that nothing takes, or rows whose vector was not readable.
func (p *Plan) Incomplete() bool { return len(p.left) > 0 || p.salvaged > 0 }

func (p *Plan) note(level memory.Level, code string, s memory.Section, message, hint string) {
	p.findings = append(p.findings, memory.Finding{
		Level: level, Code: code, Section: s, Message: message, Hint: hint,
	})
}

func (p *Plan) refuse(g Ground, code string, s memory.Section, message, hint string) {
	p.note(memory.Refusal, code, s, message, hint)
	p.refused[g] = true
}

// RefusedError says that nothing was written, and every ground there is.
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

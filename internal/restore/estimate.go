package restore

import (
	"cmp"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Estimate is what a replace will take, about: within a factor of two.
type Estimate struct {
	// SafetyBytes go into the safety bundle, StagedBytes into what is put beside
	// the live sections, at the target.
	SafetyBytes int64 `json:"safetyBytes"`
	StagedBytes int64 `json:"stagedBytes"`
	// Seconds is the time of a run.
	Seconds float64 `json:"seconds"`
}

// Load is one section that is to be replaced, as a preflight has seen it.
type Load struct {
	// Costs are those of the target.
	Costs store.Costs
	// Rows are the records that are staged, and Bytes their size in the bundle; of
	// that Text is no embedding, and Documents are the text of the documents.
	// Dimension is the length of an embedding.
	Rows, Bytes, Text, Documents int64
	Dimension                    int
	// Live are the rows that are there now, LiveBytes their size in a bundle.
	Live, LiveBytes int64
	// InPlace says that rows are changed where they are, Back that a collection
	// that was kept aside takes its place again.
	InPlace, Back bool
	// Comparing is how long it took to compare the live rows with the records.
	Comparing time.Duration
}

// Pace is how fast this machine has just verified a bundle.
type Pace struct {
	Bytes     int64
	Verifying time.Duration
}

// EstimateOf says what a replace of some sections will take. Unsaved says that
// there is no safety bundle.
func EstimateOf(loads []Load, pace Pace, unsaved bool) Estimate {
	var e Estimate
	again := pace.Verifying
	for _, l := range loads {
		e.StagedBytes += l.stagedBytes()
		if !unsaved {
			e.SafetyBytes += l.LiveBytes
		}
		again += l.Comparing
	}
	var rest float64
	for _, l := range loads {
		rest += l.seconds(unsaved)
	}
	e.Seconds = again.Seconds() + pace.slower(loads)*rest
	return e
}

// estimate is made of what the preflight saw and measured.
func (p *Plan) estimate() {
	var loads []Load
	for _, s := range p.sections {
		if p.replaces(s) {
			loads = append(loads, p.load(s))
		}
	}
	p.estimated = EstimateOf(loads, p.pace, p.opts.Replace.NoSafety)
}

// replaces reports whether the section is yet to be replaced, as far as is known.
func (p *Plan) replaces(s Section) bool { return s.seen && !p.opts.Replace.committed(s.Spec.Name) }

// costsOf are what a target says of itself; the zero Costs when it says nothing.
func costsOf(t store.Target) store.Costs {
	if t, ok := t.(store.Coster); ok {
		return t.Costs()
	}
	return store.Costs{}
}

func (p *Plan) load(s Section) Load {
	_, back := p.opts.Replace.Back[s.Spec.Name]
	l := Load{
		Costs: costsOf(s.target), Rows: s.tally.rows, Bytes: s.tally.bytes, Text: s.tally.text, Documents: s.tally.documents,
		Dimension: cmp.Or(s.Spec.Dimension, s.Survey.Dimension),
		Live:      s.Difference.Live, LiveBytes: s.Difference.Bytes,
		InPlace: p.opts.Replace.InPlace, Back: back && s.keeper() != nil,
		Comparing: s.comparing,
	}
	if s.Spec.Kind == memory.Opaque {
		l.Rows = s.Spec.Rows
	} else if l.InPlace {
		l.Rows = s.Difference.New + s.Difference.Changed
	}
	return l
}

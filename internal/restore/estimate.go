package restore

import "fmt"

// Estimate is what a replace will take, about.
type Estimate struct {
	// SafetyBytes go into the safety bundle, StagedBytes into what is put beside
	// the live sections, at the target.
	SafetyBytes int64 `json:"safetyBytes"`
	StagedBytes int64 `json:"stagedBytes"`
	// Seconds is the time of a run.
	Seconds float64 `json:"seconds"`
}

// estimate is made of what the preflight read.
func (p *Plan) estimate() {
	var e Estimate
	for _, s := range p.sections {
		if s.seen && !p.opts.Replace.NoSafety {
			e.SafetyBytes += s.Difference.Bytes
		}
	}
	p.estimated = e
}

func (p *Plan) checkRoom() {
	r := p.opts.Replace
	if r.Room == nil || r.resumed != nil && r.resumed.begun {
		return
	}
	free, err := r.Room()
	if err != nil {
		p.refuse(GroundRoom, "room", "", "how much room there is can't be found out: "+err.Error(), "")
		return
	}
	if need := p.estimated.SafetyBytes; free < need {
		p.refuse(GroundRoom, "room", "", fmt.Sprintf("the safety bundle needs about %d bytes, and %d are free", need, free),
			"make room, or put the backup root elsewhere")
	}
}

package restore

import (
	"math"

	"keepsake/internal/store"
)

// stagedBytes is what the section takes beside the live one.
func (l Load) stagedBytes() int64 {
	c := l.Costs
	switch {
	case l.Back || l.InPlace && c.InPlaceFree:
		return 0
	case c == store.Costs{}:
		return l.Bytes
	}
	rows, vector := float64(l.Rows), c.NumberBytes*float64(l.Dimension)
	staged := rows*(c.RowBytes+vector) + c.BundleBytes*float64(l.Bytes) + c.TextBytes*float64(l.Text-l.Documents) + c.DocumentBytes*float64(l.Documents)
	if l.Rows > 0 {
		staged += float64(min(l.Rows, c.Queued)) * (vector + float64(l.Text)/rows)
	}
	return int64(staged)
}

// How long things take on the machine of docs/benchmarks.md, two cores, in
// seconds. A run is measured against that: see Pace. What a store takes it says
// itself.
const (
	// hashByte is for a byte of a bundle that is read, hashed and parsed: "verify
	// --level full, per core".
	hashByte = 1 / 272e6
	// passByte is for one that is only hashed and looked through: comparing and
	// staging take two such passes each.
	passByte = hashByte / 2
	// writeByte is for one that is written, synced and read back as well.
	writeByte = 3 * hashByte
	// What each run, each bundle and each section take if they hold nothing:
	// requests, and files that are synced.
	verifyOnce, saveOnce, compareOnce, swapOnce = 0.01, 0.2, 0.02, 0.1
)

// seconds is what remains to be done after a second preflight.
func (l Load) seconds(unsaved bool) float64 {
	s := swapOnce + l.stageSeconds()
	if l.Live > 0 && !unsaved {
		s += saveOnce + l.readSeconds(l.Live) + float64(l.LiveBytes)*(writeByte+hashByte)
	}
	return s
}

// stageSeconds are for the staging and the check.
func (l Load) stageSeconds() float64 {
	bundle := 2 * passByte * float64(l.Bytes)
	if l.Back {
		return l.readSeconds(l.Rows)
	}
	return bundle + l.putSeconds() + l.readSeconds(l.Rows)
}

// putSeconds are a store's own.
func (l Load) putSeconds() float64 {
	c, rows := l.Costs, float64(l.Rows)
	index := c.PutIndex * float64(l.Dimension+100) * math.Sqrt(rows)
	return rows*(c.PutRow+index) + c.PutText*float64(l.Text-l.Documents) + c.PutDocument*float64(l.Documents)
}

// readSeconds are for rows that are read where they are.
func (l Load) readSeconds(rows int64) float64 {
	return float64(rows) * (l.Costs.ReadRow + l.Costs.ReadNumber*float64(l.Dimension))
}

// slower says how much slower this machine, and the servers, are now than those
// that the constants are of: by what the preflight measured.
func (p Pace) slower(loads []Load) float64 {
	took, measured := p.Verifying.Seconds(), verifyOnce+hashByte*float64(p.Bytes)
	for _, l := range loads {
		took += l.Comparing.Seconds()
		measured += compareOnce + 2*passByte*float64(l.Bytes) + l.readSeconds(l.Live)
	}
	return max(took/measured, 0.5)
}

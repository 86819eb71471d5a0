package restore

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/memory"
)

// Left is what a replace or an undo left of one section.
type Left struct {
	Name   string // of the restore's folder
	Rows   int64
	Bundle string // path of what was put in; "" where rows were only taken out
}

// LastLeft looks among the restores of a memory for the last replace or undo that
// began after since and is done with the section at the place of at. A receipt
// that can't be read tells of nothing: who asks wants an explanation, and has none.
func LastLeft(restores string, section memory.Section, at memory.Locator, since time.Time) (Left, bool) {
	entries, err := os.ReadDir(restores)
	if err != nil {
		return Left{}, false
	}
	for _, e := range slices.Backward(entries) { // names begin with the time
		r, err := LoadReceipt(filepath.Join(restores, e.Name()))
		if err != nil || !r.StartedAt.After(since) {
			continue
		}
		for _, s := range r.Sections {
			if s.Section == section && s.Target.SamePlace(at) && s.settled() {
				return r.left(s), true
			}
		}
	}
	return Left{}, false
}

// settled reports whether a replace or an undo has made the section what it is.
func (s *SectionReceipt) settled() bool {
	return s.replaced() || s.TakenBack != nil && s.State == StateDone
}

func (s *SectionReceipt) replaced() bool {
	return s.Replaced != nil && (s.State == StateDone || s.State == StateIncomplete)
}

func (r *Receipt) left(s SectionReceipt) Left {
	l := Left{Name: filepath.Base(r.Dir), Rows: s.After}
	if s.Replaced != nil {
		l.Bundle = r.Path
	}
	return l
}

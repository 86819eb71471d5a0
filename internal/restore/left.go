package restore

import (
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

// History is what the replaces and undos of a memory left, each of their receipts read
// once: who asks for one section mostly asks for all. The zero History is of none.
type History struct {
	of map[memory.Section][]settled // the last one first
}

// settled is a section that a replace or an undo is done with.
type settled struct {
	Left
	at    memory.Locator
	began time.Time
}

// ReadHistory reads the receipts of the restores of a memory. One that can't be read
// tells of nothing: who asks wants an explanation, and has none.
func ReadHistory(restores string) History {
	h := History{map[memory.Section][]settled{}}
	for _, r := range slices.Backward(Receipts(restores)) { // names begin with the time
		for _, s := range r.Sections {
			if s.settled() {
				h.of[s.Section] = append(h.of[s.Section], settled{r.left(s), s.Target, r.StartedAt})
			}
		}
	}
	return h
}

// LastLeft returns what the last replace or undo that began after since left of the
// section at the place of at.
func (h History) LastLeft(section memory.Section, at memory.Locator, since time.Time) (Left, bool) {
	for _, s := range h.of[section] {
		if s.began.After(since) && s.at.SamePlace(at) {
			return s.Left, true
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

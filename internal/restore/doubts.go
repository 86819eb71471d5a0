package restore

import (
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// doubts count what became of the rows that only may have been in, among all those
// that a target takes out.
type doubts struct {
	left  map[string]int64 // of each id, how many have not been told of
	rows  int64
	whole bool // a file: its one event is about all its rows, or it has none
	found store.Removal
}

func newDoubts(p *put, s Section) *doubts {
	return &doubts{left: p.names, rows: p.maybe.rows(), whole: s.Spec.Kind == memory.Opaque}
}

// takes counts an event that is about one of them, and reports whether it is. Of equal
// lines the first are taken for those.
func (d *doubts) takes(e store.Event) bool {
	if d.left[e.ID] == 0 {
		return false
	}
	d.left[e.ID]--
	switch e.Outcome {
	case store.Differs:
		d.found.Kept++
	case store.Removed:
		d.found.Gone++
	}
	return true
}

// part takes them out of what was done in all, and returns it; nil when there were
// none.
func (d *doubts) part(all *store.Removal) *store.Removal {
	if d.rows == 0 {
		return nil
	}
	if d.whole {
		d.found = *all
		*all = store.Removal{Rows: d.found.Rows}
		return &d.found
	}
	d.found.Removed, d.found.Rows = d.rows-d.found.Kept-d.found.Gone, all.Rows
	all.Removed -= d.found.Removed
	all.Kept -= d.found.Kept
	all.Gone -= d.found.Gone
	return &d.found
}

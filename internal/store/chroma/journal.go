package chroma

import (
	"encoding/json"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/swapmark"
)

// journal is what a swap writes under swapmark.Key into each collection that it
// moves, so that whoever comes after a crash knows how far it was. It counts only
// on the collection whose id it names.
type journal struct {
	Version int    `json:"version"`
	Plan    string `json:"plan"`
	Name    string `json:"name"` // of the section's collection
	// ID is the id of the collection that bears the journal; "" only on one that
	// was made a moment ago.
	ID    string `json:"id,omitempty"`
	Role  role   `json:"role"`
	Phase phase  `json:"phase"`
	// New and Old are ids; Old is "" where there was none. Aside is the name that
	// the old one gets.
	New   string    `json:"new,omitempty"`
	Old   string    `json:"old,omitempty"`
	Aside string    `json:"aside,omitempty"`
	When  time.Time `json:"when,omitzero"`
	// Records is the fingerprint of what the new one was filled with.
	Records string `json:"records,omitempty"`
	// Rows is how far the bearer reached at the swap, NewRows the new one. Since
	// is how far the old one reached when it was new itself.
	Rows    *extent `json:"rows,omitempty"`
	NewRows *extent `json:"newRows,omitempty"`
	Since   *extent `json:"since,omitempty"`
	// Mark is the mark that the bearer had before.
	Mark string `json:"mark,omitempty"`
}

const journalVersion = 1

// role is what a collection is in a swap.
type role string

const (
	roleNew    role = "new"    // takes the place
	roleOld    role = "old"    // had it, and is kept aside
	roleParked role = "parked" // was put there by an agent while the name was free
)

// phase is how far a swap has come.
type phase string

const (
	phaseFilling  phase = "filling"  // nothing that lives has been touched
	phaseBegun    phase = "begun"    // names are being changed
	phaseDone     phase = "done"     // all is in its place
	phaseDropping phase = "dropping" // the collection is being deleted, row by row
)

// noted is a collection with the journal that it bears.
type noted struct {
	*collection
	j journal
}

// noted returns the journal that the collection bears; false without one that is
// its own.
func (c *collection) noted() (noted, bool) {
	var j journal
	if json.Unmarshal([]byte(c.note(swapmark.Key)), &j) != nil || j.Version != journalVersion || j.Plan == "" {
		return noted{}, false
	}
	// A journal on another collection than it names is a copy.
	fledgling := j.ID == "" && j.Role == roleNew && j.Phase == phaseFilling
	if j.ID != c.ID && !fledgling {
		return noted{}, false
	}
	return noted{c, j}, true
}

// mark returns the mark that the collection bears, if it is its own.
func (c *collection) mark() guard.Mark {
	var m guard.Mark
	// What can't be decoded is no mark.
	if json.Unmarshal([]byte(c.note(guard.MarkKey)), &m) != nil || m.ID != c.ID {
		return guard.Mark{}
	}
	return m
}

// text returns the journal as it is written.
func (j journal) text() string {
	j.Version = journalVersion
	text, _ := json.Marshal(j) // strings, numbers and times always marshal
	return string(text)
}

// notes are what keepsake writes into a collection's metadata; "" writes nothing.
type notes struct{ mark, journal string }

// with returns the metadata with the notes in place of those that it has.
func (n notes) with(metadata memory.RawJSON) (memory.RawJSON, error) {
	return store.WithNotes(withoutNotes(metadata), map[string]string{guard.MarkKey: n.mark, swapmark.Key: n.journal})
}

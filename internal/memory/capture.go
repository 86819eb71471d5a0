package memory

import (
	"encoding/json"
	"time"
)

// RawJSON is a JSON value kept as its bytes.
type RawJSON = json.RawMessage

// Capture says what was seen while a section was read. A row is held when its
// id was there from the first listing to the last; growth is not loss.
type Capture struct {
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt"`
	Before    int64     `json:"before"`  // rows at the first listing
	After     int64     `json:"after"`   // rows at the last listing
	Held      int64     `json:"held"`    // rows that were in both
	Added     int64     `json:"added"`   // rows read that came after the first listing
	Removed   int64     `json:"removed"` // rows of the first listing that were gone at the last
	// Missing counts held rows that were not read. Any is a failed capture.
	Missing int64 `json:"missing,omitempty"`
	// Salvaged counts rows whose vector could not be read.
	Salvaged int64 `json:"salvaged"`
	// SalvagedIDs are the ids of the first of them, MostNamed at most.
	SalvagedIDs []string `json:"salvagedIds,omitempty"`
	// Unsettled counts rows that were another one each time they were read: their
	// vector and metadata may be of different moments.
	Unsettled int64 `json:"unsettled,omitempty"`
	// Documentless counts rows of which only the id and the vector could be read,
	// Unnamed vectors whose ids are lost: theirs is "label-" and a number. Damage says
	// what is wrong with the files. Only a rescue has these.
	Documentless int64    `json:"documentless,omitempty"`
	Unnamed      int64    `json:"unnamed,omitempty"`
	Damage       []string `json:"damage,omitempty"`
	// Unreadable lists the ids of held rows that could not be read at all.
	Unreadable []string `json:"unreadable"`
	// TornBytes counts the bytes of a last line without its newline, left out.
	TornBytes int64  `json:"tornBytes,omitempty"`
	Method    string `json:"method"` // http, directory, sqlite, files
	// Why says why it was read in this way, where there was a choice.
	Why string `json:"why,omitempty"`
}

// MostNamed bounds how many rows are named by their ids, where a capture has no end of
// them.
const MostNamed = 1000

// Complete reports whether every held row was read, whole, of files that are.
func (c Capture) Complete() bool {
	return c.Missing == 0 && c.Salvaged == 0 && len(c.Unreadable) == 0 &&
		c.Documentless == 0 && c.Unnamed == 0 && len(c.Damage) == 0
}

// Lineage compares a section with the last good bundle of its memory.
type Lineage struct {
	// Collection says whether it is the collection that it was. Unknown are
	// sections without one, and what can't be compared.
	Collection string `json:"collection"` // same, changed, new, unknown
	RowsBefore int64  `json:"rowsBefore"`
	// Overlap is the share of the ids before that are there now, 0 to 1; nil when
	// it was not measured: a routine backup has no need to.
	Overlap *float64 `json:"overlap"`
	// DimensionBefore is the length of the embeddings, where it was another.
	DimensionBefore int `json:"dimensionBefore,omitempty"`
	// Against names the bundle that it was compared with.
	Against string `json:"against,omitempty"`
	// Restore names the restore of ours that explains the difference: rows and
	// overlap are then those of what it put in.
	Restore string `json:"restore,omitempty"`
	// Suspect says that it may be another memory's; Accepted that it looked so,
	// and the operator knows better.
	Suspect  bool `json:"suspect"`
	Accepted bool `json:"accepted,omitempty"`
}

// What a Lineage says of a collection.
const (
	CollectionSame    = "same"
	CollectionChanged = "changed"
	CollectionNew     = "new" // no earlier bundle has the section
	CollectionUnknown = "unknown"
)

// Coords are the coordinates of one Chroma. Path and DataDir are null when unknown.
type Coords struct {
	Host     string
	Port     int
	Path     string
	Tenant   string
	Database string
}

// Topology says which stores serve which sections: unified is KB and MC on one
// Chroma, federated is two.
type Topology struct {
	Unified bool
	KB, MC  Coords
}

// Name returns "unified" or "federated".
func (t Topology) Name() string {
	if t.Unified {
		return "unified"
	}
	return "federated"
}

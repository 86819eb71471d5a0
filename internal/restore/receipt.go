package restore

import (
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// State is how far a section has come.
type State string

// The states.
const (
	StatePending    State = "pending"
	StateDone       State = "done"
	StateIncomplete State = "incomplete"
	StateFailed     State = "failed"
)

// sampled is how many rows of one outcome a receipt names; records.jsonl has all.
const sampled = 10

// Row names a row that something is to be said about.
type Row struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// SectionReceipt is what became of one section.
type SectionReceipt struct {
	Section memory.Section `json:"section"`
	Kind    memory.Kind    `json:"kind,omitempty"`
	Target  memory.Locator `json:"target"`
	State   State          `json:"state"`
	store.Result
	// Replaced says what a replace did.
	Replaced *Replaced `json:"replaced,omitempty"`
	// TakenBack says what the undo of a merge did.
	TakenBack    *store.Removal `json:"takenBack,omitempty"`
	MergeSeconds float64        `json:"mergeSeconds"`
	ProofSeconds float64        `json:"proofSeconds"`
	// Rows has the first few of each outcome but added and same.
	Rows map[store.Outcome][]Row `json:"rows,omitempty"`
}

// Replaced is what became of a section that was replaced.
type Replaced struct {
	store.Difference
	// Existed says that there was a section before.
	Existed bool `json:"existed"`
	// Aside is where the old one is kept whole.
	Aside *memory.Locator `json:"aside,omitempty"`
}

// Receipt is what a restore did, row for row: this file counts them, and
// records.jsonl beside it names each.
type Receipt struct {
	Version  int    `json:"version"`
	Bundle   string `json:"bundle"`
	Path     string `json:"bundlePath"`
	Seal     string `json:"seal,omitempty"`
	MemoryID string `json:"memoryId,omitempty"`
	Mode     Mode   `json:"mode"`
	// Plan is the id of a replace, Undo says that it took another one back.
	Plan string `json:"plan,omitempty"`
	Undo bool   `json:"undo,omitempty"`
	// Undoes is the name of the folder of the restore that was taken back.
	Undoes string `json:"undoes,omitempty"`
	// Safety is the path of the bundle of what was replaced.
	Safety    string           `json:"safetyBundle,omitempty"`
	StartedAt time.Time        `json:"startedAt"`
	EndedAt   time.Time        `json:"endedAt"`
	Sections  []SectionReceipt `json:"sections"`
	// Left are the payloads that were not restored.
	Left     []string         `json:"notRestored,omitempty"`
	Findings []memory.Finding `json:"findings,omitempty"`
	// Complete says that every row that was asked for is in.
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`
	// Dir is where the plan, the records and this receipt lie.
	Dir string `json:"dir"`
}

func newReceipt(p *Plan, dir string) *Receipt {
	b := p.opts.Bundle
	r := &Receipt{
		Version: 1, Bundle: b.Name(), Path: b.Path(), Seal: seal(b), MemoryID: memoryID(b), Mode: p.Mode(),
		Plan: p.id, Undo: p.undoes(), Undoes: p.opts.undoes(), StartedAt: p.opts.Clock().UTC(), Left: p.left, Findings: p.Findings(), Dir: dir,
	}
	for _, s := range p.sections {
		r.Sections = append(r.Sections, SectionReceipt{
			Section: s.Spec.Name, Kind: s.Spec.Kind, Target: s.Survey.Locator, State: StatePending,
			Rows: map[store.Outcome][]Row{},
		})
	}
	return r
}

func (s *SectionReceipt) sample(e store.Event) {
	if rows := s.Rows[e.Outcome]; e.Outcome != store.Added && len(rows) < sampled {
		s.Rows[e.Outcome] = append(rows, Row{ID: e.ID, Reason: e.Reason})
	}
}

func (r *Receipt) finish(now time.Time, err error) {
	r.EndedAt = now.UTC()
	r.Complete = err == nil && len(r.Left) == 0
	for _, s := range r.Sections {
		r.Complete = r.Complete && s.State == StateDone
	}
	if err != nil {
		r.Error = err.Error()
	}
}

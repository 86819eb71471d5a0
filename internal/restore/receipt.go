package restore

import (
	"slices"
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
	StateRefused    State = "refused" // the others were merged without it
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
	// Account has each record in one class; nil where a merge is taken back.
	Account *Account `json:"account,omitempty"`
	// Error says why nothing more was done with it.
	Error string `json:"error,omitempty"`
	// Maybe counts rows that may be in beside those that were added: they were about
	// to be sent when the merge ended.
	Maybe int64 `json:"maybe,omitempty"`
	// Replaced says what a replace did.
	Replaced *Replaced `json:"replaced,omitempty"`
	// TakenBack says what the undo of a merge did.
	TakenBack *store.Removal `json:"takenBack,omitempty"`
	// ByIntent says it of the rows that only may have been in; nil when there were none.
	ByIntent     *store.Removal `json:"takenBackByIntent,omitempty"`
	MergeSeconds float64        `json:"mergeSeconds"`
	ProofSeconds float64        `json:"proofSeconds"`
	// Rows has the first few of each outcome but added and same.
	Rows map[store.Outcome][]Row `json:"rows,omitempty"`

	intended int64 // rows, however often
	err      error
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
	// Group is what the receipts of one run have in common that restored from several
	// bundles.
	Group string `json:"group,omitempty"`
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
	// Account is that of all sections, and of what no section was made of; nil where
	// a merge is taken back.
	Account *Account `json:"account,omitempty"`
	// Complete says that every record that was asked for is in.
	Complete bool `json:"complete"`
	// Foreseen says that nothing was done: it is what would become of the records.
	Foreseen bool `json:"foreseen,omitempty"`
	// Headline says how a merge ended, Notices what must be known beside it.
	Headline string           `json:"headline,omitempty"`
	Notices  []memory.Finding `json:"notices,omitempty"`
	Error    string           `json:"error,omitempty"`
	// CutShort says that the merge was killed and wrote no receipt: this is what its
	// plan and its journal tell.
	CutShort bool `json:"cutShort,omitempty"`
	// Dir is where the plan, the records and this receipt lie.
	Dir string `json:"dir"`

	proof store.Proof
}

func newReceipt(p *Plan, dir string) *Receipt {
	b := p.opts.Bundle
	r := &Receipt{
		Version: 1, Bundle: b.Name(), Path: b.Path(), Seal: seal(b), MemoryID: memoryID(b), Mode: p.Mode(),
		Plan: p.id, Group: p.opts.Group, Undo: p.undoes(), Undoes: p.opts.undoes(), StartedAt: p.opts.Clock().UTC(), Left: p.left, Findings: p.Findings(), Dir: dir,
		proof: p.opts.Proof,
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

// reckon sums up what became of every record that was asked for: those of sections
// that were not come to are unaccounted for.
func (r *Receipt) reckon(p *Plan) {
	total := p.outside()
	for i := range r.Sections {
		s := &r.Sections[i]
		if s.Account == nil {
			s.Account = p.pending(p.sections[i])
		}
		total = total.plus(*s.Account)
	}
	r.Account = &total
}

func (r *Receipt) finish(now time.Time, err error) {
	r.EndedAt = now.UTC()
	r.Complete = r.carriedOut(err) && (r.Account == nil || r.Account.Complete())
	if err != nil {
		r.Error = err.Error()
	}
}

// carriedOut reports whether all that was planned was done.
func (r *Receipt) carriedOut(err error) bool {
	return err == nil && len(r.Left) == 0 && !slices.ContainsFunc(r.Sections, func(s SectionReceipt) bool { return s.State != StateDone })
}

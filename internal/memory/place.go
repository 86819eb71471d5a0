package memory

import "slices"

// Place is where a memory lives: a data folder, links resolved, on a machine.
// Nothing of the machine can be read out of Machine, which is "" where it is no
// part of the place: in a container, or where the system gives no machine id.
type Place struct {
	DataDir string `json:"dataDir"`
	Machine string `json:"machine,omitempty"`
}

// Same reports whether both are one place: one folder, and no two machines.
func (p Place) Same(q Place) bool { return p.DataDir == q.DataDir && p.OneMachine(q) }

// OneMachine reports whether nothing says that these are two machines.
func (p Place) OneMachine(q Place) bool {
	return p.Machine == "" || q.Machine == "" || p.Machine == q.Machine
}

// Proven reports whether both are certainly one place: one folder of a machine that
// is known. Two containers may well have folders of one name.
func (p Place) Proven(q Place) bool { return p == q && p.DataDir != "" && p.Machine != "" }

// String names the place for a person: of the machine, which means nothing to one,
// as much as tells two apart.
func (p Place) String() string {
	if p.Machine == "" {
		return p.DataDir
	}
	return p.DataDir + " (machine " + p.Machine[:min(6, len(p.Machine))] + ")"
}

// Owner says which bundles are a memory's own. The zero Owner has none.
type Owner struct {
	ID string
	// Places are those where the memory lives. Without any nobody has said.
	Places []Place
	// Before are those where it lived.
	Before []Past
	// Kin is a memory whose bundles count as if they were its own, "" when none does.
	Kin string
	// Also are other ids that bundles were made under at its places, before it was
	// settled whose memory it is.
	Also []string
}

// Past is a place where a memory lived, until it had made a bundle of that sequence.
type Past struct {
	Place

	Until int64 `json:"until"`
}

// Owns reports whether a bundle of that id, place and sequence is the memory's own.
// One that names no place is older than places are, and its id's.
func (o Owner) Owns(id string, at *Place, sequence int64) bool {
	switch {
	case o.Kin != "" && id == o.Kin:
		return true
	case o.ID == "" || id != o.ID && !slices.Contains(o.Also, id):
		return false
	case at == nil:
		return id == o.ID
	case id == o.ID && len(o.Places) == 0, slices.ContainsFunc(o.Places, at.Same):
		return true
	}
	return id == o.ID && slices.ContainsFunc(o.Before, func(p Past) bool { return sequence <= p.Until && at.Same(p.Place) })
}

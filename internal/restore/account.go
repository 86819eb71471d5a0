package restore

import (
	"encoding/json"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// Account says what became of each record that was asked for: each is in exactly one
// class. Every word about a restore comes from it: its sentences, its table, its JSON,
// its exit code. A file that is kept whole and has no rows counts as one.
type Account struct {
	// Asked are the records of the bundle, or of the part that was asked for, and
	// those that the bundle is known to lack of it.
	Asked int64 `json:"asked"`

	Added    int64 `json:"added"`    // put in by this run
	Same     int64 `json:"same"`     // in already
	Differs  int64 `json:"differs"`  // the live one is another, and was kept
	Removed  int64 `json:"removed"`  // seen in, then removed by their owner meanwhile
	Missing  int64 `json:"missing"`  // not in, or nobody can read them
	Rejected int64 `json:"rejected"` // the target will not take them
	// NotInBundle are those that the bundle lacks, or whose vectors it lacks.
	NotInBundle int64 `json:"notInBundle"`
	NoTarget    int64 `json:"noTarget"` // of sections that nothing takes
	// Lacks is what the bundle is known not to hold, also where nobody can count it.
	Lacks []bundle.Lack `json:"lacks,omitempty"`
}

// Sum counts the records that are in a class.
func (a Account) Sum() int64 {
	return a.In() + a.Missing + a.Rejected + a.NotInBundle + a.NoTarget
}

// In counts those that are in, or were.
func (a Account) In() int64 { return a.Added + a.Same + a.Differs + a.Removed }

// Unaccounted is how many records were asked for and are in no class: a run that ended
// early has not come to them. It is not 0 either where the classes hold too many.
func (a Account) Unaccounted() int64 { return a.Asked - a.Sum() }

// Complete reports whether every record is in.
func (a Account) Complete() bool {
	return a.Missing == 0 && a.Rejected == 0 && a.NotInBundle == 0 && a.NoTarget == 0 && len(a.Lacks) == 0 && a.Unaccounted() == 0
}

// Nothing reports whether there was nothing to do: all were in already, as they are.
func (a Account) Nothing() bool { return a.Complete() && a.Same == a.Asked }

// plus adds the account of another section.
func (a Account) plus(b Account) Account {
	return Account{
		Asked: a.Asked + b.Asked, Added: a.Added + b.Added, Same: a.Same + b.Same, Differs: a.Differs + b.Differs,
		Removed: a.Removed + b.Removed, Missing: a.Missing + b.Missing, Rejected: a.Rejected + b.Rejected,
		NotInBundle: a.NotInBundle + b.NotInBundle, NoTarget: a.NoTarget + b.NoTarget,
		Lacks: append(append([]bundle.Lack(nil), a.Lacks...), b.Lacks...),
	}
}

// MarshalJSON adds what follows from the rest.
func (a Account) MarshalJSON() ([]byte, error) {
	type plain Account
	return json.Marshal(struct {
		plain

		Unaccounted int64 `json:"unaccounted"`
		Complete    bool  `json:"complete"`
	}{plain(a), a.Unaccounted(), a.Complete()})
}

// lacking is the account of what the bundle lacks: those that are not among its
// records are asked for and counted here.
func lacking(lacks []bundle.Lack) (a Account) {
	for _, l := range lacks {
		a.Lacks = append(a.Lacks, l)
		if l.Absent() && l.Rows > 0 {
			a.Asked += l.Rows
			a.NotInBundle += l.Rows
		}
	}
	return a
}

// records counts those of a section, as the check of the bundle did.
func (s *Section) records() int64 {
	if s.Spec.Kind == memory.Opaque {
		return max(s.Spec.Rows, 1)
	}
	return max(s.Spec.Rows, 0)
}

// lacksOf lists what the bundle lacks of a section.
func (p *Plan) lacksOf(section memory.Section) (out []bundle.Lack) {
	for _, l := range p.lacks {
		if l.Section == section {
			out = append(out, l)
		}
	}
	return out
}

// outside is the account of what was asked for and is in no section of the plan: what
// the bundle lacks wholly, and what no target takes.
func (p *Plan) outside() Account {
	a := Account{Asked: p.untaken, NoTarget: p.untaken}
	for _, l := range p.lacks {
		if !slices.ContainsFunc(p.sections, func(s Section) bool { return s.Spec.Name == l.Section }) {
			a = a.plus(lacking([]bundle.Lack{l}))
		}
	}
	return a
}

// pending is the account of a section that nobody has come to.
func (p *Plan) pending(s Section) *Account {
	a := lacking(p.lacksOf(s.Spec.Name)).plus(Account{Asked: s.records()})
	return &a
}

// merging counts the records of one section while they are merged.
type merging struct {
	section  Section
	salvaged int64         // of those that were rejected, the ones without a vector
	fate     store.Outcome // of a file that is kept whole: what was last said of it
}

// heard takes in what the store says of a row.
func (m *merging) heard(e store.Event) {
	switch {
	case m.section.Spec.Kind == memory.Opaque:
		m.fate = e.Outcome
	case e.Outcome == store.Rejected && m.section.Spec.Kind == memory.Vectors && vectorless(e.Record):
		m.salvaged++
	}
}

// account says what became of the section's records. After an error it counts what is
// known, and the rest is unaccounted for.
func (m *merging) account(r store.Result, err error, lacks []bundle.Lack) Account {
	if m.salvaged == 0 { // the rows that lack a vector live, with theirs
		lacks = slices.DeleteFunc(slices.Clone(lacks), func(l bundle.Lack) bool { return l.What == bundle.LackVectors })
	}
	a := lacking(lacks)
	if m.section.Spec.Kind == memory.Opaque && m.section.Spec.Rows <= 0 {
		return a.plus(m.rowless(err))
	}
	n := m.section.records()
	if m.section.filtered && err == nil {
		n = r.Records
	}
	added := r.Added - r.Unkept
	return a.plus(Account{
		Asked: n, Added: added, Same: max(0, r.Same-added), Differs: r.Differs, Removed: r.Removed, Missing: r.Missing,
		Rejected: r.Rejected - m.salvaged, NotInBundle: m.salvaged,
	})
}

// vectorless reports whether a row is in the bundle without its vector.
func vectorless(rec memory.Record) bool {
	var scanner record.Scanner
	v, err := scanner.Vector(rec)
	return err == nil && v.Dimension < 0
}

// rowless is the account of a file without rows, whose counts say nothing.
func (m *merging) rowless(err error) Account {
	a := Account{Asked: 1}
	switch {
	case m.fate == store.Added:
		a.Added = 1
	case m.fate == store.Differs:
		a.Differs = 1
	case m.fate == store.Missing:
		a.Missing = 1
	case m.fate == store.Rejected:
		a.Rejected = 1
	case err == nil:
		a.Same = 1
	}
	return a
}

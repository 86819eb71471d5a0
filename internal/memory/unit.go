package memory

import "slices"

// Unit is what "good", "latest" and retention count: a section of vectors, a graph,
// a database that is kept whole, each by the section's name; one of Neo.mjs's folders
// of files, and any source of files, by the subsystem's name.
type Unit string

// Unit returns the unit that the section is a part of.
func (s SectionSpec) Unit() Unit {
	switch {
	case s.Kind == Vectors, s.Kind == Elements, s.Kind == Opaque && s.Locator.Kind == KindSQLite:
		return Unit(s.Name)
	}
	return Unit(s.Name.Subsystem())
}

// whole reports whether the unit is named after a subsystem.
func (u Unit) whole() bool { return string(u) == string(Section(u).Subsystem()) }

// Selector selects all sections of the unit, and those alone: for --only. Sections
// are all that there are.
func (u Unit) Selector(sections []SectionSpec) []string {
	if !u.whole() {
		return []string{string(u)}
	}
	other := func(s SectionSpec) bool { return s.Name.Matches(string(u)) && s.Unit() != u }
	if !slices.ContainsFunc(sections, other) {
		return []string{string(u)}
	}
	var names []string
	for _, s := range sections {
		if s.Unit() == u {
			names = append(names, string(s.Name))
		}
	}
	return names
}

// Since is what changed of a section's records between an earlier bundle and now.
// Known is false where nobody can say; the counts are 0 then, and mean nothing.
type Since struct {
	Bundle string `json:"bundle"` // the earlier one's name
	Known  bool   `json:"known"`
	// Why says why it isn't known.
	Why     string `json:"why,omitempty"`
	Before  int64  `json:"before"`  // records of the earlier bundle
	Added   int64  `json:"added"`   // records that it had not
	Removed int64  `json:"removed"` // records that it had, and that are gone
	Changed int64  `json:"changed"` // records of the same key with another content
	// Moved are records of the same content with another vector, by more than a
	// server rounds.
	Moved int64 `json:"moved,omitempty"`
}

// Nothing reports whether it is known that nothing changed.
func (s Since) Nothing() bool {
	return s.Known && s.Added == 0 && s.Removed == 0 && s.Changed == 0 && s.Moved == 0
}

package bundle

import (
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/memory"
)

// Lacking says what of a section a bundle lacks.
type Lacking string

// What can be lacking: all of a section, rows of it, or a part of rows that are in the
// bundle; of a source as a whole files, lines or rows. Damage is what a rescue could not
// read of files, and nobody can count.
const (
	LackFiles     Lacking = "files"
	LackLines     Lacking = "lines"
	LackSection   Lacking = "section"
	LackRows      Lacking = "rows"
	LackVectors   Lacking = "vectors"
	LackDocuments Lacking = "documents"
	LackIDs       Lacking = "ids"
	LackDamage    Lacking = "damage"
)

// Lack is something that a bundle is known not to hold, and should.
type Lack struct {
	Section memory.Section `json:"section"`
	What    Lacking        `json:"what"`
	// Rows is how many, -1 where nobody knows.
	Rows int64 `json:"rows"`
	// IDs name the rows, where they are known.
	IDs []string `json:"ids,omitempty"`
	Why string   `json:"why,omitempty"`

	unit memory.Unit
}

// Absent reports whether the rows are not among the records of the bundle: the others
// are, without a part of them.
func (l Lack) Absent() bool {
	return slices.Contains([]Lacking{LackSection, LackRows, LackFiles, LackLines}, l.What)
}

// Lacks lists what the meta owns up to: what was to be backed up and is not here. A
// bundle without a meta of ours says nothing of it.
func (b *Bundle) Lacks() []Lack {
	if b.block() == nil {
		return nil
	}
	var all []Lack
	for i := range b.block().Sections {
		all = append(all, b.block().Sections[i].lacks()...)
	}
	for i := range b.block().Units {
		all = append(all, b.block().Units[i].lacks()...)
	}
	return all
}

// lacks says what of a source as a whole was gone when the bundle was made: no section
// stands for it.
func (u *UnitMeta) lacks() []Lack {
	if !u.Suspect || u.Lost == 0 {
		return nil
	}
	return []Lack{{Section: memory.Section(u.Unit), What: Lacking(u.What), Rows: u.Lost, Why: "they were there in " + u.Against, unit: u.Unit}}
}

func (s *SectionMeta) lacks() (all []Lack) {
	if s.Failed != "" {
		return []Lack{{Section: s.Name, What: LackSection, Rows: s.rowsBefore(), Why: s.Failed, unit: s.Unit()}}
	}
	add := func(what Lacking, rows int64, ids []string, why string) {
		if rows != 0 {
			all = append(all, Lack{Section: s.Name, What: what, Rows: rows, IDs: ids, Why: why, unit: s.Unit()})
		}
	}
	c := s.Capture
	add(LackRows, c.Missing, nil, "they were there from the first listing to the last, and were not read")
	add(LackRows, int64(len(c.Unreadable)), c.Unreadable, "they could not be read")
	add(LackVectors, c.Salvaged, c.SalvagedIDs, "their vectors could not be read")
	add(LackDocuments, c.Documentless, nil, "only their ids and vectors could be read")
	add(LackIDs, c.Unnamed, nil, "their ids are lost")
	if len(c.Damage) > 0 {
		add(LackDamage, -1, nil, strings.Join(c.Damage, "; "))
	}
	return all
}

// rowsBefore is what the section held in the bundle that it was compared with, -1 when
// it was compared with none.
func (s *SectionMeta) rowsBefore() int64 {
	if s.Lineage.Against == "" {
		return -1
	}
	return s.Lineage.RowsBefore
}

// String says what is lacking, in a few words.
func (l Lack) String() string {
	name := string(l.Section)
	switch {
	case l.What == LackSection && l.Rows < 0:
		return name
	case l.What == LackSection:
		return name + " (" + plural(l.Rows, "row", "rows") + ")"
	case l.What == LackDamage:
		return "what is damaged of " + name
	case l.Absent():
		return plural(l.Rows, strings.TrimSuffix(string(l.What), "s"), string(l.What)) + " of " + name
	}
	return "the " + string(l.What) + " of " + plural(l.Rows, "row", "rows") + " of " + name
}

// namedLacks is how many lacks are named in a sentence.
const namedLacks = 6

// Name lists lacks in a sentence: all files of one source together, and not too many.
func Name(lacks []Lack) string {
	var parts []string
	files := map[memory.Unit]int{}
	for _, l := range lacks {
		if l.ofMany() {
			files[l.unit]++
		}
	}
	for _, l := range lacks {
		n := files[l.unit]
		text := l.String()
		if l.ofMany() && n > 1 {
			text = fmt.Sprintf("%d files of %s", n, l.unit)
		}
		if !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if more := len(parts) - namedLacks; more > 0 {
		parts = append(parts[:namedLacks], fmt.Sprintf("%d more", more))
	}
	if last := len(parts) - 1; last > 0 {
		return strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	return strings.Join(parts, "")
}

// ofMany reports whether it is a file of a source that may have many.
func (l Lack) ofMany() bool {
	return l.What == LackSection && string(l.unit) != string(l.Section) && l.unit != ""
}

// lacks says aloud what the meta owns up to.
func (v *verifier) lacks() {
	for _, l := range v.bundle.Lacks() {
		if l.What == LackVectors && v.level == Full {
			continue // the rows themselves say it
		}
		f := memory.Finding{Level: memory.Warning, Code: CodeLacks, Section: l.Section, Message: "the bundle lacks " + l.String() + ": " + l.Why}
		if l.What == LackSection {
			f.Code, f.Message = CodeSectionFailed, "could not be read when the bundle was made: "+l.Why
		}
		if len(l.IDs) > 0 {
			f.Message += ": " + FewOf(l.IDs, l.Rows)
		}
		v.findings.add(f)
	}
}

// FewOf names the first ten of so many rows, of whose ids some are given, and says how
// many more there are.
func FewOf(ids []string, rows int64) string {
	const most = 10
	named := ids[:min(most, len(ids))]
	text := strings.Join(named, ", ")
	if more := rows - int64(len(named)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

package backup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// note is a file of a source that is kept whole.
func note(name memory.Section, text string) kept {
	k := file(name)
	k.records = nil
	if k.held = 0; text != "" {
		k.records, k.held = []string{text}, 1
	}
	k.spec.Rows = k.held
	return k
}

// notes are so many of them.
func notes(n int) (all []kept) {
	for i := range n {
		all = append(all, note(memory.Section(fmt.Sprintf("notes/n%04d.md", i)), fmt.Sprintf("what I know of %d", i)))
	}
	return all
}

// drop takes so many files away, those that come first by their names.
func (s *shelf) drop(n int) {
	var names []memory.Section
	for name := range s.kept {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names[:n] {
		delete(s.kept, name)
	}
}

// unit returns what the newest bundle says of a unit, and why it isn't good there.
func (a *agent) unit(r *backup.Receipt, unit memory.Unit) (*bundle.UnitMeta, string) {
	a.t.Helper()
	list, err := catalog.List(a.opts.Bundle.Root)
	if err != nil {
		a.t.Fatal(err)
	}
	e := &list.Bundles[0]
	if e.Name != r.Bundle {
		a.t.Fatalf("the newest is %s, want %s", e.Name, r.Bundle)
	}
	for _, u := range e.Units() {
		if u.Unit == unit {
			return e.Meta.Keepsake.UnitNamed(unit), u.Why
		}
	}
	return e.Meta.Keepsake.UnitNamed(unit), "is not in it"
}

// TestTrue_09_SourceOfFiles: what a source of files lost is counted by files.
func TestTrue_09_SourceOfFiles(t *testing.T) {
	for _, tt := range []struct {
		name       string
		had, loses int
		alarm      backup.Alarm
		suspect    bool
		says       []string // of the source and of its files
	}{
		{"All", 41, 41, 0, true, []string{"warning source-lost"}},
		{"TheOnlyOne", 1, 1, 0, true, []string{"warning source-lost"}},
		{"MoreThanHalf", 41, 21, 0, true, []string{"warning source-lost"}},
		{"LessThanHalf", 41, 20, 0, false, []string{"warning section-gone"}},
		{"OneOfTwo", 2, 1, 0, false, []string{"warning section-gone"}},
		{"None", 41, 0, 0, false, nil},
		{"FivePercent", 41, 3, 50, true, []string{"warning source-lost"}},
		{"LessThanFivePercent", 41, 2, 50, false, []string{"warning section-gone"}},
		{"ExactlyFivePercent", 40, 2, 50, false, []string{"warning section-gone"}},
		{"Many", 1500, 1500, 0, true, []string{"warning source-lost"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			a.opts.Alarm = tt.alarm
			s := a.withShelf("notes", memory.Opaque, notes(tt.had)...)
			first := a.again("")
			s.drop(tt.loses)
			r := a.again("")
			a.lostFiles(r, first, tt.had, tt.loses, tt.suspect, tt.says)
			if tt.suspect { // the comparison stays with the good one
				a.lostFiles(a.again(""), first, tt.had, tt.loses, true, tt.says)
			} else if r := a.again(""); r.Status != bundle.Complete || len(about(r, "notes")) > 0 {
				t.Errorf("and again: got %s, %v, want complete without a word", r.Status, r.Findings)
			}
			for _, k := range notes(tt.had) {
				s.kept[k.spec.Name] = k
			}
			if r := a.again(""); r.Status != bundle.Complete || len(r.Units) > 0 {
				t.Errorf("back: got %s, %v, want complete", r.Status, r.Units)
			}
		})
	}
}

// about returns the findings about a source and all of its sections.
func about(r *backup.Receipt, sub memory.Subsystem) (all []string) {
	for _, f := range r.Findings {
		if f.Section.Subsystem() == sub {
			all = append(all, string(f.Level)+" "+f.Code)
		}
	}
	return all
}

func (a *agent) lostFiles(r, since *backup.Receipt, had, lost int, suspect bool, says []string) {
	a.t.Helper()
	if got := about(r, "notes"); !slices.Equal(got, says) {
		a.t.Errorf("said: got %v, want %v", got, says)
	}
	u, why := a.unit(r, "notes")
	if !suspect {
		if r.Status != bundle.Complete || u != nil || why != "" {
			a.t.Errorf("got %s, %v, %q, want complete", r.Status, u, why)
		}
		return
	}
	want := bundle.UnitMeta{Unit: "notes", Before: int64(had), Lost: int64(lost), What: "files", Against: since.Bundle, Suspect: true}
	if r.Status != bundle.Degraded || u == nil || *u != want || why != "is suspect: "+want.String() {
		a.t.Errorf("got %s, %+v, %q, want %+v", r.Status, u, why, want)
	}
	for _, s := range r.Sections {
		if s.Section.Subsystem() == "notes" && !s.Lineage.Suspect {
			a.t.Errorf("%s is not suspect, and its source is", s.Section)
		}
	}
	back := fmt.Sprintf("source-lost: %s %s notes merge folder ", since.Bundle, quantity.Plural(int64(had), "file"))
	if !slices.ContainsFunc(r.Findings, func(f memory.Finding) bool { return strings.HasPrefix(f.Hint, back) }) {
		a.t.Errorf("got %v, want a hint that begins with %q", r.Findings, back)
	}
}

// TestTrue_09_FileOfASource: single files that lost what they had.
func TestTrue_09_FileOfASource(t *testing.T) {
	long := strings.Repeat("all that I know. ", 100)
	lines := func(n int) kept {
		k := log("notes/log")
		k.records = nil
		for i := range n {
			k.records = append(k.records, fmt.Sprintf(`{"n":%d}`, i))
		}
		k.held, k.spec.Rows = int64(n), int64(n)
		return k
	}
	for _, tt := range []struct {
		name        string
		before, now kept
		says        []string
	}{
		{"LessThanHalf", note("notes/a.md", long), note("notes/a.md", long[:849]), []string{"warning lineage-suspect"}},
		{"Half", note("notes/a.md", long), note("notes/a.md", long[:850]), nil},
		{"Changed", note("notes/a.md", long), note("notes/a.md", strings.ToUpper(long)), nil},
		{"Emptied", note("notes/a.md", long), note("notes/a.md", ""), []string{"warning empty-source", "warning lineage-suspect"}},
		{"Database", database("notes/a.db", 40), database("notes/a.db", 19), []string{"warning lineage-suspect"}},
		{"Lines", lines(40), lines(19), []string{"warning lineage-suspect"}},
		{"HalfOfTheLines", lines(40), lines(20), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			s := a.withShelf("notes", "", append(notes(3), tt.before)...)
			a.again("")
			s.kept[tt.now.spec.Name] = tt.now
			want := bundle.Complete
			if tt.says != nil {
				want = bundle.Degraded
			}
			for range 2 {
				if r := a.again(""); r.Status != want || !slices.Equal(about(r, "notes"), tt.says) {
					t.Errorf("got %s, %v, want %s, %v", r.Status, r.Findings, want, tt.says)
				}
			}
		})
	}
	t.Run("Many", func(t *testing.T) { // one line for each thing that is said
		a := newAgent(t)
		all := notes(500)
		s := a.withShelf("notes", memory.Opaque, all...)
		first := a.again("")
		for _, k := range all {
			s.kept[k.spec.Name] = note(k.spec.Name, "")
		}
		r := a.again("")
		want := []string{"warning empty-source", "warning lineage-suspect"}
		if got := about(r, "notes"); r.Status != bundle.Degraded || !slices.Equal(got, want) {
			t.Errorf("got %s, %v, want %v", r.Status, r.Findings, want)
		}
		back := "lineage-suspect: " + first.Bundle + " 500 files notes merge folder "
		if !slices.ContainsFunc(r.Findings, func(f memory.Finding) bool { return strings.HasPrefix(f.Hint, back) }) {
			t.Errorf("got %v, want a hint that begins with %q", r.Findings, back)
		}
	})
}

// Who answers for a loss, and what is none.
func TestTrue_09_LossAnsweredFor(t *testing.T) {
	t.Run("Accepted", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		s.drop(8)
		a.again("")
		a.opts.AcceptLineage = []memory.Section{"notes"}
		r := a.again("")
		if u, why := a.unit(r, "notes"); r.Status != bundle.Complete || u == nil || !u.Accepted || u.Suspect || why != "" || !slices.Equal(about(r, "notes"), []string{"note lineage-accepted"}) {
			t.Errorf("got %s, %+v, %q, %v, want it accepted", r.Status, u, why, r.Findings)
		}
		a.opts.AcceptLineage = nil
		if r := a.again(""); r.Status != bundle.Complete || len(about(r, "notes")) > 0 {
			t.Errorf("afterwards: got %s, %v", r.Status, r.Findings)
		}
	})
	t.Run("AllAccepted", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		clear(s.kept)
		a.opts.AcceptLineage = []memory.Section{"notes"}
		if r := a.again(""); r.Status != bundle.Complete {
			t.Errorf("got %s, %v, want complete", r.Status, r.Findings)
		}
		a.opts.AcceptLineage = nil
		if r := a.again(""); r.Status != bundle.Complete {
			t.Errorf("afterwards: got %s, %v", r.Status, r.Findings)
		}
	})
	t.Run("Renamed", func(t *testing.T) { // another name is no loss
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		clear(s.kept)
		for _, k := range notes(9) {
			name := "notes/2026/" + memory.Section(k.spec.Name.Name())
			s.kept[name] = note(name, k.records[0])
		}
		if r := a.again(""); r.Status != bundle.Complete || len(about(r, "notes")) > 0 {
			t.Errorf("got %s, %v, want complete", r.Status, r.Findings)
		}
	})
	t.Run("OthersInTheirPlace", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		clear(s.kept)
		for i := range 9 {
			name := memory.Section(fmt.Sprintf("notes/template%d.md", i))
			s.kept[name] = note(name, "# a template")
		}
		if r := a.again(""); r.Status != bundle.Degraded || !slices.Equal(about(r, "notes"), []string{"warning source-lost"}) {
			t.Errorf("got %s, %v, want it suspect", r.Status, r.Findings)
		}
	})
	t.Run("ByARestore", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		clear(s.kept)
		a.opts.Restored = func(memory.SectionSpec, time.Time) (backup.Restored, bool) {
			return backup.Restored{Name: "the-restore"}, true
		}
		if r := a.again(""); r.Status != bundle.Complete || !slices.Equal(about(r, "notes"), []string{"note lineage-restored"}) {
			t.Errorf("got %s, %v, want one note", r.Status, r.Findings)
		}
	})
	t.Run("NotAskedFor", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.again("")
		clear(s.kept)
		if r := a.again("kb"); r.Status != bundle.Complete {
			t.Errorf("got %s, %v, want complete", r.Status, r.Findings)
		}
	})
	t.Run("LinesGoWithTheirFile", func(t *testing.T) { // one of two files, and most of the lines
		a := newAgent(t)
		big, small := log("notes/big"), log("notes/small")
		for i := range 8 {
			big.records = append(big.records, fmt.Sprintf(`{"more":%d}`, i))
		}
		big.held = 10
		s := a.withShelf("notes", "", big, small)
		a.again("")
		delete(s.kept, "notes/big")
		r := a.again("")
		if u, _ := a.unit(r, "notes"); u == nil || u.What != "lines" || u.Lost != 10 || u.Before != 12 {
			t.Errorf("got %+v, want 10 of 12 lines", u)
		}
	})
	t.Run("NothingElse", func(t *testing.T) { // the source is all that there is
		a := newAgent(t)
		s := a.withShelf("notes", memory.Opaque, notes(9)...)
		a.opts.Sources = a.opts.Sources[len(a.opts.Sources)-1:]
		a.again("")
		clear(s.kept)
		r := a.again("")
		if u, why := a.unit(r, "notes"); r.Status != bundle.Degraded || u == nil || why == "" {
			t.Errorf("got %s, %+v, want degraded", r.Status, u)
		}
	})
}

// Collections that a pattern matched come and go, and are counted by their source.
func TestTrue_09_SourceOfCollections(t *testing.T) {
	for _, tt := range []struct {
		loses   int
		suspect bool
		says    []string
	}{
		{1, false, []string{"note section-gone"}},
		{10, false, []string{"note section-gone"}},
		{11, true, []string{"warning source-lost"}},
		{19, true, []string{"warning source-lost"}},
	} {
		t.Run(fmt.Sprint(tt.loses), func(t *testing.T) {
			a := newAgent(t)
			var all []kept
			for i := range 20 {
				all = append(all, collection(memory.Section(fmt.Sprintf("webui/file-%02d", i))))
			}
			s := a.withShelf("webui", memory.Vectors, all...)
			a.opts.Matched = func(spec memory.SectionSpec) bool { return spec.Name.Subsystem() == "webui" }
			first := a.again("")
			s.drop(tt.loses)
			r := a.again("")
			if got := about(r, "webui"); !slices.Equal(got, tt.says) || (r.Status == bundle.Degraded) != tt.suspect {
				t.Errorf("got %s, %v, want %v", r.Status, r.Findings, tt.says)
			}
			for _, section := range r.Sections { // each that is there is whole
				if section.Lineage.Suspect {
					t.Errorf("%s is suspect", section.Section)
				}
			}
			if !tt.suspect {
				return
			}
			u, _ := a.unit(a.again(""), "webui") // and still
			want := bundle.UnitMeta{Unit: "webui", Before: 20, Lost: int64(tt.loses), What: "rows", Against: first.Bundle, Suspect: true}
			if u == nil || *u != want {
				t.Errorf("got %+v, want %+v", u, want)
			}
			a.opts.AcceptLineage = []memory.Section{"webui"}
			if r := a.again(""); r.Status != bundle.Complete {
				t.Errorf("accepted: got %s, %v", r.Status, r.Findings)
			}
		})
	}
}

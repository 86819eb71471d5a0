package backup_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// shelf is a store that has whatever lies in it: one without fixed sections.
type shelf struct {
	kept map[memory.Section]kept
	down error
}

// kept is one section of a shelf.
type kept struct {
	spec    memory.SectionSpec
	records []string
	held    int64 // what the capture says
}

type shelfSession struct{ s *shelf }

func (s *shelf) Open(context.Context, []memory.Section) (store.Session, error) {
	return shelfSession{s}, s.down
}

func (shelfSession) Close() error { return nil }

func (s shelfSession) Sections(context.Context) ([]memory.SectionSpec, error) {
	var all []memory.SectionSpec
	for _, k := range s.s.kept {
		all = append(all, k.spec)
	}
	slices.SortFunc(all, func(a, b memory.SectionSpec) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return all, nil
}

func (s shelfSession) Read(_ context.Context, section memory.Section) (*store.Reading, error) {
	k := s.s.kept[section]
	records := iter.Seq2[memory.Record, error](func(yield func(memory.Record, error) bool) {
		for _, r := range k.records {
			if !yield(memory.Record(r), nil) {
				return
			}
		}
	})
	return store.NewReading(records, func() memory.Capture {
		return memory.Capture{Before: k.held, After: k.held, Held: k.held, Method: "test"}
	}), nil
}

// database is a database of so many rows that is kept whole.
func database(name memory.Section, rows int64) kept {
	return kept{memory.SectionSpec{
		Name: name, Kind: memory.Opaque, Rows: rows, Locator: memory.Locator{Kind: memory.KindSQLite, Path: "/data/" + name.Name()},
	}, []string{"SQLite format 3\x00", "and\nmore"}, rows}
}

func file(name memory.Section) kept {
	return kept{memory.SectionSpec{
		Name: name, Kind: memory.Opaque, Rows: 1, Locator: memory.Locator{Kind: memory.KindFiles, Path: "/data/" + name.Name()},
	}, []string{"# a plan"}, 1}
}

func log(name memory.Section) kept {
	return kept{memory.SectionSpec{Name: name, Kind: memory.Lines}, []string{`{"n":1}`, `{"n":2}`}, 2}
}

func collection(name memory.Section) kept {
	return kept{memory.SectionSpec{
		Name: name, Kind: memory.Vectors, Dimension: 1, Collection: &memory.Collection{ID: "1", Name: name.Name()},
	}, []string{`{"id":"a","embedding":[1],"metadata":null,"document":null}`}, 1}
}

// withShelf gives the agent an extra subsystem of what is put into it.
func (a *agent) withShelf(sub memory.Subsystem, kind memory.Kind, all ...kept) *shelf {
	s := &shelf{kept: map[memory.Section]kept{}}
	for _, k := range all {
		s.kept[k.spec.Name] = k
	}
	a.opts.Sources = append(a.opts.Sources, backup.Source{Name: "shelf of " + string(sub), Store: s, Kind: kind, Subsystem: sub})
	return s
}

// again makes the next bundle of what is asked for; "" for all.
func (a *agent) again(only string) *backup.Receipt {
	a.t.Helper()
	a.opts.Only = nil
	if only != "" {
		a.opts.Only = []string{only}
	}
	a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
	r, err := backup.Run(a.t.Context(), a.opts)
	if err != nil {
		a.t.Fatal(err)
	}
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		a.t.Fatal(err)
	}
	if report, err := b.Verify(a.t.Context(), bundle.Full, bundle.VerifyOptions{}); err != nil || report.Refused() {
		a.t.Errorf("verify: got %v, %v, want no refusal", report.Findings, err)
	}
	return r
}

// told returns the findings about a section, as "level code".
func told(r *backup.Receipt, section memory.Section) (all []string) {
	for _, f := range r.Findings {
		if f.Section == section {
			all = append(all, string(f.Level)+" "+f.Code)
		}
	}
	return all
}

// ends checks what is said of a section, and whether the bundle is complete.
func (a *agent) ends(what string, r *backup.Receipt, section memory.Section, status bundle.Status, want ...string) {
	a.t.Helper()
	if got := told(r, section); r.Status != status || !slices.Equal(got, want) {
		a.t.Errorf("%s: got %s, %v, want %s, %v", what, r.Status, got, status, want)
	}
}

func TestOpaqueSections(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Opaque, database("state/app.db", 7), file("state/plan.md"))
	r := a.again("")
	if r.Status != bundle.Complete || r.Rows != 78 {
		t.Errorf("got %s, %d rows, want complete, 78", r.Status, r.Rows)
	}
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	k := b.Meta().Keepsake
	if got := k.Covers; !slices.Equal(got, []memory.Subsystem{"state"}) {
		t.Errorf("covers %v, want state", got)
	}
	// The rows are those that were captured, not those of the first look.
	grown := database("state/app.db", 7)
	grown.held = 9
	s.kept["state/app.db"] = grown
	r = a.again("state")
	if got := r.Sections[0]; got.Rows != 9 || got.Status != bundle.Pass || got.Lineage.RowsBefore != 7 || got.Lineage.Suspect {
		t.Errorf("got %+v, want 9 rows after 7", got)
	}
}

func TestOpaqueLineage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		now     kept
		suspect string
	}{
		{"Same", database("state/app.db", 10), ""},
		{"Half", database("state/app.db", 5), ""},
		{"LessThanHalf", database("state/app.db", 4), "has 4 rows, fewer than half of the 10 that it had"},
		{"None", database("state/app.db", 0), "has no rows, and had 10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			s := a.withShelf("state", memory.Opaque, database("state/app.db", 10))
			a.again("state")
			s.kept["state/app.db"] = tt.now
			r := a.again("state")
			if got := r.Sections[0]; got.Lineage.Suspect != (tt.suspect != "") || !strings.HasSuffix(got.Reason, tt.suspect) {
				t.Errorf("got %q, %+v, want %q", got.Reason, got.Lineage, tt.suspect)
			}
			if warned := slices.Contains(told(r, "state/app.db"), "warning empty-source"); warned != (tt.now.held == 0) {
				t.Errorf("got %v, want a word on emptiness: %t", r.Findings, tt.now.held == 0)
			}
		})
	}
}

// A file that has no byte is no database of seven rows.
func TestOpaqueWithoutBytes(t *testing.T) {
	a := newAgent(t)
	empty := database("state/app.db", 7)
	empty.records = nil
	a.withShelf("state", memory.Opaque, empty)
	if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, backup.ErrParity) {
		t.Errorf("got %v, want %v", err, backup.ErrParity)
	}
	a.nothingPublished()
	a.opts.AllowDegraded = true
	if r := a.again("state"); r.Status != bundle.Degraded {
		t.Errorf("allowed: got %s, want degraded", r.Status)
	}
}

// TestSectionGone: a section that nobody removes in passing is missed until its end
// is accepted; of others it is said once.
func TestSectionGone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   memory.Kind
		goes   kept
		stays  kept
		missed bool
	}{
		{"Collection", memory.Vectors, collection("state/goes"), collection("state/stays"), true},
		{"Database", memory.Opaque, database("state/goes", 7), database("state/stays", 7), true},
		{"File", memory.Opaque, file("state/goes"), file("state/stays"), false},
		{"Lines", "", log("state/goes"), log("state/stays"), false},
		{"DatabaseOfSeveral", memory.Opaque, database("state/goes", 7), log("state/stays"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			s := a.withShelf("state", tt.kind, tt.goes, tt.stays)
			first := a.again("")
			a.ends("there", first, "state/goes", bundle.Complete)
			delete(s.kept, "state/goes")
			if !tt.missed {
				a.ends("gone", a.again(""), "state/goes", bundle.Complete, "warning section-gone")
				a.ends("and again", a.again(""), "state/goes", bundle.Complete)
				return
			}
			for range 2 { // the comparison stays with the last good one
				r := a.again("")
				a.ends("gone", r, "state/goes", bundle.Degraded, "warning section-gone")
				a.missing(r, "state/goes", first)
				a.again("kb") // and what doesn't cover the subsystem hides nothing
			}
			a.opts.AcceptLineage = []memory.Section{"state/goes"}
			a.ends("accepted", a.again(""), "state/goes", bundle.Complete, "note lineage-accepted")
			a.opts.AcceptLineage = nil
			a.ends("afterwards", a.again(""), "state/goes", bundle.Complete)
		})
	}
}

// missing checks what a bundle says of a section that is gone.
func (a *agent) missing(r *backup.Receipt, section memory.Section, since *backup.Receipt) {
	a.t.Helper()
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		a.t.Fatal(err)
	}
	k := b.Meta().Keepsake
	i := slices.IndexFunc(k.Sections, func(s bundle.SectionMeta) bool { return s.Name == section })
	if i < 0 {
		a.t.Fatalf("the bundle says nothing of %s", section)
	}
	s := k.Sections[i]
	if !strings.HasPrefix(s.Failed, "it was in "+since.Bundle+", with ") || !s.Lineage.Suspect || s.Lineage.Against != since.Bundle {
		a.t.Errorf("the bundle says %q, %+v, want that it was in %s", s.Failed, s.Lineage, since.Bundle)
	}
	i = slices.IndexFunc(r.Sections, func(s backup.SectionReceipt) bool { return s.Section == section })
	if i < 0 || r.Has(section) || !strings.Contains(r.Sections[i].Reason, "is not there any more") {
		a.t.Errorf("the receipt says %+v", r.Sections)
	}
	back, on := "section-gone: "+since.Bundle, " "+string(section)
	if !slices.ContainsFunc(r.Findings, func(f memory.Finding) bool { return strings.HasPrefix(f.Hint, back) && strings.HasSuffix(f.Hint, on) }) {
		a.t.Errorf("got %v, want a hint back to %s", r.Findings, since.Bundle)
	}
}

// The only section of a subsystem: once its end is accepted, nothing of the
// subsystem is in the bundle but that it was looked for.
func TestLastSectionGone(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
	a.again("")
	clear(s.kept)
	a.ends("gone", a.again(""), "state/app.db", bundle.Degraded, "warning section-gone")
	a.opts.AcceptLineage = []memory.Section{"state/app.db"}
	a.ends("accepted", a.again(""), "state/app.db", bundle.Complete, "note lineage-accepted")
	a.opts.AcceptLineage = nil
	a.ends("afterwards", a.again(""), "state/app.db", bundle.Complete)
	s.kept["state/app.db"] = database("state/app.db", 7)
	a.ends("back", a.again(""), "state/app.db", bundle.Complete)
	clear(s.kept)
	a.ends("gone once more", a.again(""), "state/app.db", bundle.Degraded, "warning section-gone")
}

// One that comes back is compared as ever, and missed no more.
func TestSectionComesBack(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
	a.again("")
	clear(s.kept)
	a.again("")
	s.kept["state/app.db"] = database("state/app.db", 2)
	a.ends("fewer rows", a.again(""), "state/app.db", bundle.Degraded, "warning lineage-suspect")
	s.kept["state/app.db"] = database("state/app.db", 6)
	a.ends("back", a.again(""), "state/app.db", bundle.Complete)
}

// What was not looked for, never had rows, or could not be seen is not gone.
func TestNotGone(t *testing.T) {
	t.Run("Empty", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("state", memory.Opaque, database("state/app.db", 0))
		a.again("")
		clear(s.kept)
		a.ends("gone", a.again(""), "state/app.db", bundle.Complete)
	})
	t.Run("OnlyAnother", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("state", memory.Opaque, database("state/a", 7), database("state/b", 7))
		a.again("")
		delete(s.kept, "state/b")
		a.ends("only another", a.again("state/a"), "state/b", bundle.Complete)
		a.ends("all", a.again("state"), "state/b", bundle.Degraded, "warning section-gone")
	})
	t.Run("SafetyBundle", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
		a.again("")
		clear(s.kept)
		a.opts.Reason = bundle.ReasonPreRestore
		a.ends("before a restore", a.again(""), "state/app.db", bundle.Complete)
	})
	t.Run("Unreachable", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
		a.again("")
		s.down, a.opts.AllowDegraded = store.ErrUnreachable, true
		a.ends("down", a.again(""), "state/app.db", bundle.Degraded)
		s.down = nil
		clear(s.kept)
		a.ends("gone", a.again(""), "state/app.db", bundle.Degraded, "warning section-gone")
	})
	t.Run("ByARestore", func(t *testing.T) {
		a := newAgent(t)
		s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
		a.again("")
		clear(s.kept)
		a.opts.Restored = func(spec memory.SectionSpec, _ time.Time) (backup.Restored, bool) {
			return backup.Restored{Name: "the-restore"}, spec.Name == "state/app.db" && spec.Locator.Path == "/data/app.db"
		}
		a.ends("taken out", a.again(""), "state/app.db", bundle.Complete, "note lineage-restored")
	})
	t.Run("FixedSection", func(t *testing.T) { // lost is what it is, and not gone
		a := newAgent(t)
		a.withShelf(memory.KB, memory.Vectors, collection("kb/other"))
		a.again("")
		a.opts.Sources[0].Store, a.opts.AllowDegraded = &shelf{down: store.ErrUnreachable}, true
		a.ends("down", a.again(""), memory.KnowledgeBase, bundle.Degraded, "warning not-read")
	})
}

// A store that is to have collections, and has none, is the wrong one.
func TestNoCollectionAtAll(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("agents", memory.Vectors)
	if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, store.ErrAbsent) || !errors.Is(err, backup.ErrIncomplete) {
		t.Errorf("got %v, want %v", err, store.ErrAbsent)
	}
	a.nothingPublished()
	a.opts.AllowDegraded = true
	a.ends("allowed", a.again(""), "agents", bundle.Degraded, "warning not-read")
	a.opts.AllowDegraded = false
	s.kept["agents/a"] = collection("agents/a")
	a.ends("one", a.again(""), "agents", bundle.Complete)
	a.opts.Sources[len(a.opts.Sources)-1].Kind = "" // of files it says nothing
	clear(s.kept)
	a.ends("no files", a.again("kb"), "agents", bundle.Complete)
}

func TestAcceptWhatIsNotGone(t *testing.T) {
	a := newAgent(t)
	a.withShelf("state", memory.Opaque, database("state/app.db", 7))
	a.again("")
	a.opts.AcceptLineage = []memory.Section{"state/app.bd"}
	if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, backup.ErrNothingToAccept) {
		t.Errorf("got %v, want %v", err, backup.ErrNothingToAccept)
	}
}

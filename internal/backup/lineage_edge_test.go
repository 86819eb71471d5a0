package backup_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
)

// TestLineageOfNoRows: where there were none, none can be lost.
func TestLineageOfNoRows(t *testing.T) {
	a := newAgent(t)
	first := a.next()
	a.rebuild(0, 0)
	a.emptied(first)
	if err := os.Rename(first.Path, filepath.Join(a.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	a.opts.AcceptLineage = []memory.Section{memory.KnowledgeBase}
	a.next()
	a.opts.AcceptLineage = nil
	a.rebuild(0, 0)
	a.judged(a.next(), "")
	a.rebuild(0, 40)
	a.judged(a.next(), "")
}

// A collection that was made anew has no dimension yet, and one that was rescued
// may have no id.
func TestLineageOfWhatIsNotKnown(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Vectors, collection("state/notes"))
	a.again("state")
	empty := collection("state/notes")
	empty.records, empty.held, empty.spec.Dimension, empty.spec.Collection = nil, 0, 0, &memory.Collection{Name: "notes"}
	s.kept["state/notes"] = empty
	a.opts.AcceptLineage = []memory.Section{"state/notes"}
	for range 2 {
		r := a.again("state")
		if l := r.Sections[0].Lineage; l.Collection != memory.CollectionUnknown || l.DimensionBefore != 0 || slices.Contains(told(r, "state/notes"), "warning dimension-changed") {
			t.Errorf("got %+v, %v, want nothing said of what is not known", l, r.Findings)
		}
	}
}

// TestSuspectSaysWhereItWasRead: another place is the likeliest cause.
func TestSuspectSaysWhereItWasRead(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Opaque, database("state/app.db", 10))
	a.again("state")
	moved := database("state/app.db", 1)
	moved.spec.Locator.Path = "/elsewhere/app.db"
	s.kept["state/app.db"] = moved
	const want = "suspect: has 1 rows, fewer than half of the 10 that it had; it is read from sqlite:/elsewhere/app.db now, it was from sqlite:/data/app.db"
	if got := a.again("state").Sections[0].Reason; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A restore that left rows explains no section that is gone.
func TestGoneAfterARestoreThatLeftRows(t *testing.T) {
	a := newAgent(t)
	s := a.withShelf("state", memory.Opaque, database("state/app.db", 7))
	a.again("")
	clear(s.kept)
	a.opts.Restored = func(memory.SectionSpec, time.Time) (backup.Restored, bool) {
		return backup.Restored{Name: "the-restore", Rows: 1}, true
	}
	a.ends("gone", a.again(""), "state/app.db", bundle.Degraded, "warning section-gone")
}

// Of a source with fixed sections nobody says that all it has is backed up.
func TestFixedSectionsAreNotCovered(t *testing.T) {
	a := newAgent(t)
	a.opts.Sources[0].Subsystem = memory.KB
	b, err := bundle.Open(a.again("").Path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Meta().Keepsake.Covers; len(got) != 0 {
		t.Errorf("covers %v, want nothing", got)
	}
}

// TestTrue_09_DimensionChanged: all vectors are others, by another model's hand. That is
// suspect, until somebody says that the memory was embedded anew.
func TestTrue_09_DimensionChanged(t *testing.T) {
	for _, same := range []bool{true, false} {
		a := newAgent(t)
		first := a.next()
		if err := os.Remove(filepath.Join(a.dir, "collections.sqlite3")); err != nil {
			t.Fatal(err)
		}
		spec := memory.SectionSpec{Name: memory.KnowledgeBase, Kind: memory.Vectors, Dimension: 16, Rows: 40}
		if _, err := a.collections().Merge(t.Context(), spec, sample.Records(memory.KnowledgeBase, 40, 16, 1), store.MergeOptions{}); err != nil {
			t.Fatal(err)
		}
		if same {
			a.opts.Sources[0].Store = sameID{a.collections(), a.idOf(first)}
		}
		const why = "has embeddings of 16 numbers by another model, and had them of 8"
		for range 2 { // the next is held against the same bundle
			r := a.next()
			a.judged(r, why)
			if l := a.lineage(r); l.DimensionBefore != 8 || l.Against != first.Bundle {
				t.Errorf("got %+v, want 8 numbers before, in %s", l, first.Bundle)
			}
		}
		a.opts.AcceptLineage = []memory.Section{memory.KnowledgeBase}
		r := a.next()
		if l := a.lineage(r); r.Status != bundle.Complete || !l.Accepted {
			t.Errorf("accepted: got %s, %+v", r.Status, l)
		}
		if !slices.ContainsFunc(r.Findings, func(f memory.Finding) bool { return f.Code == "dimension-changed" }) {
			t.Errorf("got %v, want that the dimension is told", r.Findings)
		}
		a.opts.AcceptLineage = nil
		if l := a.lineage(a.next()); l.Suspect || l.Against != r.Bundle || l.DimensionBefore != 0 {
			t.Errorf("after that: got %+v", l)
		}
	}
}

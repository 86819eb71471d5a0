package backup_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
)

// next makes the next bundle, of the knowledge base alone.
func (a *agent) next() *backup.Receipt {
	a.t.Helper()
	a.opts.Only = []string{string(memory.KnowledgeBase)}
	a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
	r, err := backup.Run(a.t.Context(), a.opts)
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// rebuild makes the collection anew: rows from..to of the sample.
func (a *agent) rebuild(from, to int) {
	a.t.Helper()
	if err := os.Remove(filepath.Join(a.dir, "collections.sqlite3")); err != nil {
		a.t.Fatal(err)
	}
	a.put(a.collections(), from, to)
}

func (a *agent) put(target store.Target, from, to int) {
	a.t.Helper()
	spec := memory.SectionSpec{Name: memory.KnowledgeBase, Kind: memory.Vectors, Dimension: 8, Rows: int64(to - from)}
	if _, err := target.Merge(a.t.Context(), spec, part(from, to), store.MergeOptions{}); err != nil {
		a.t.Fatal(err)
	}
}

// part is rows from..to of the sample.
func part(from, to int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		n := 0
		for rec, err := range sample.Records(memory.KnowledgeBase, to, 8, 1) {
			if n++; n > from && !yield(rec, err) {
				return
			}
		}
	}
}

// lineage returns what a receipt says of the knowledge base, and checks that the
// bundle says the same.
func (a *agent) lineage(r *backup.Receipt) memory.Lineage {
	a.t.Helper()
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		a.t.Fatal(err)
	}
	got, written := *r.Sections[0].Lineage, b.Meta().Keepsake.Sections[0].Lineage
	if written.Suspect != got.Suspect || written.Accepted != got.Accepted || written.Against != got.Against {
		a.t.Errorf("the bundle says %+v, the receipt %+v", written, got)
	}
	if report, err := b.Verify(a.t.Context(), bundle.Full, bundle.VerifyOptions{}); err != nil || report.Refused() {
		a.t.Errorf("verify: got %v, %v, want no refusal", report.Findings, err)
	}
	return got
}

// overlap prints an overlap: "none" when it was not measured.
func overlap(l memory.Lineage) string {
	if l.Overlap == nil {
		return "none"
	}
	return strconv.FormatFloat(*l.Overlap, 'g', -1, 64)
}

// TestLineage goes through the borders of what is suspect. 40 rows were there.
func TestLineage(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to int  // rows that are there now
		same     bool // in the same collection
		overlap  string
		suspect  string
	}{
		{"AllThere", 0, 40, true, "none", ""},
		{"Grown", 0, 60, true, "none", ""},
		{"HalfInTheSame", 0, 20, true, "none", ""},
		{"LessThanHalfInTheSame", 0, 19, true, "0.475", "has 19 rows, fewer than half of the 40 that it had"},
		{"NoneInTheSame", 0, 0, true, "0", "has no rows, and had 40"},
		{"Rebuilt", 0, 40, false, "1", ""},
		{"RebuiltAndGrown", 0, 80, false, "1", ""},
		{"HalfOfTheIDs", 20, 80, false, "0.5", ""},
		{"LessThanHalfOfTheIDs", 21, 80, false, "0.475", "is another collection, and has 48 % of the ids of the one before"},
		{"OtherRows", 40, 80, false, "0", "is another collection, and has 0 % of the ids of the one before"},
		{"HalfInAnother", 0, 20, false, "0.5", ""},
		{"LessThanHalfInAnother", 0, 19, false, "0.475", "has 19 rows, fewer than half of the 40 that it had"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			first := a.next()
			if got := a.lineage(first); got != (memory.Lineage{Collection: "new"}) {
				t.Errorf("the first bundle: got %+v, want new", got)
			}
			a.rebuild(tt.from, tt.to)
			kin := "changed"
			if tt.same {
				a.opts.Sources[0].Store, kin = sameID{a.collections(), a.idOf(first)}, "same"
			}
			r := a.next()
			got := a.lineage(r)
			if got.Collection != kin || got.RowsBefore != 40 || got.Against != first.Bundle || overlap(got) != tt.overlap {
				t.Errorf("got %+v, overlap %s; want %s, 40 rows in %s, overlap %s", got, overlap(got), kin, first.Bundle, tt.overlap)
			}
			a.judged(r, tt.suspect)
		})
	}
}

// judged fails the test unless a bundle is suspect for that reason, or complete
// without one.
func (a *agent) judged(r *backup.Receipt, suspect string) {
	a.t.Helper()
	status, reason := bundle.Complete, ""
	if suspect != "" {
		status, reason = bundle.Degraded, "suspect: "+suspect
	}
	if s := r.Sections[0]; r.Status != status || s.Reason != reason || s.Lineage.Suspect != (suspect != "") {
		a.t.Errorf("got %s, %q, suspect %t; want %s, %q", r.Status, s.Reason, s.Lineage.Suspect, status, reason)
	}
	warned := slices.ContainsFunc(r.Findings, func(f memory.Finding) bool {
		return f.Code == "lineage-suspect" && f.Level == memory.Warning && strings.HasPrefix(f.Hint, "lineage-suspect: ") && strings.HasSuffix(f.Hint, " kb/knowledge-base")
	})
	if warned != (suspect != "") {
		a.t.Errorf("got %v, want a warning: %t", r.Findings, suspect != "")
	}
}

func (a *agent) idOf(r *backup.Receipt) string {
	a.t.Helper()
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		a.t.Fatal(err)
	}
	return b.Sections()[0].Collection.ID
}

// sameID gives the collection the id that it had: a file that is made anew has no
// other way to keep it.
type sameID struct {
	store.Store
	id string
}

type sameIDSession struct {
	store.Session
	id string
}

func (s sameID) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	session, err := s.Store.Open(ctx, sections)
	return sameIDSession{session, s.id}, err
}

func (s sameIDSession) Sections(ctx context.Context) ([]memory.SectionSpec, error) {
	specs, err := s.Session.Sections(ctx)
	for i := range specs {
		specs[i].Collection = &memory.Collection{ID: s.id, Name: specs[i].Collection.Name}
	}
	return specs, err
}

// TestLineageStaysWithTheLastGood: a suspect bundle is compared with by nobody,
// until it is accepted.
func TestLineageStaysWithTheLastGood(t *testing.T) {
	a := newAgent(t)
	good := a.next()
	a.rebuild(40, 50)
	const why = "has 10 rows, fewer than half of the 40 that it had"
	for range 2 {
		r := a.next()
		a.judged(r, why)
		if got := a.lineage(r).Against; got != good.Bundle {
			t.Errorf("compared with %s, want %s", got, good.Bundle)
		}
	}
	a.opts.AcceptLineage = []memory.Section{memory.KnowledgeBase}
	accepted := a.next()
	a.judged(accepted, "")
	if l := a.lineage(accepted); !l.Accepted || l.RowsBefore != 40 || overlap(l) != "0" {
		t.Errorf("accepted: got %+v, want accepted after 40 rows", l)
	}
	a.opts.AcceptLineage = nil
	r := a.next()
	a.judged(r, "")
	if l := a.lineage(r); l.Against != accepted.Bundle || l.RowsBefore != 10 || l.Accepted || l.Collection != "same" {
		t.Errorf("after it: got %+v, want compared with %s", l, accepted.Bundle)
	}
}

func TestAcceptWhatIsNotBackedUp(t *testing.T) {
	a := newAgent(t)
	a.opts.AcceptLineage = []memory.Section{"kb/knowledgebase"}
	if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, backup.ErrNothingToAccept) {
		t.Errorf("got %v, want %v", err, backup.ErrNothingToAccept)
	}
	a.nothingPublished()
}

// TestLineageOfOthers: only backups of this memory are compared with.
func TestLineageOfOthers(t *testing.T) {
	for name, other := range map[string]func(*backup.Options){
		"OtherMemory":  func(o *backup.Options) { o.MemoryID = "0b9bb8d2-6a3b-4d38-9e4e-2f1e1b6d2c11" },
		"SafetyBundle": func(o *backup.Options) { o.Reason = bundle.ReasonPreRestore },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			own := a.opts
			other(&a.opts)
			a.next()
			own.Bundle.Now = a.opts.Bundle.Now
			a.opts = own
			a.rebuild(40, 50)
			r := a.next()
			a.judged(r, "")
			if got := a.lineage(r); got.Collection != "new" {
				t.Errorf("got %+v, want new", got)
			}
		})
	}
	t.Run("NobodyKnowsWhose", func(t *testing.T) {
		a := newAgent(t)
		first := a.next()
		if err := os.Chmod(first.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{bundle.MetaFile, "SHA256SUMS"} {
			if err := os.Remove(filepath.Join(first.Path, name)); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.lineage(a.next()); got.Collection != "unknown" {
			t.Errorf("got %+v, want unknown", got)
		}
	})
	t.Run("SafetyBundleItself", func(t *testing.T) {
		a := newAgent(t)
		a.next()
		a.rebuild(40, 50)
		a.opts.Reason = bundle.ReasonPreRestore
		r := a.next()
		a.judged(r, "")
		if got := a.lineage(r); got.Collection != "unknown" {
			t.Errorf("got %+v, want unknown", got)
		}
	})
}

// TestLineageWithADamagedBundle: its meta still says how much there was; the ids are
// taken from it only if they are as they were sealed.
func TestLineageWithADamagedBundle(t *testing.T) {
	a := newAgent(t)
	first := a.next()
	file := filepath.Join(first.Path, filepath.FromSlash(first.Sections[0].File))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, whole[:len(whole)/2], 0o600)); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(first.Path, filepath.FromSlash(bundle.IndexPath(first.Sections[0].Section)))
	if err := os.Remove(index); err != nil { // it would say as much
		t.Fatal(err)
	}
	a.rebuild(0, 40)
	r := a.next()
	if s := r.Sections[0]; r.Status != bundle.Degraded || !strings.Contains(s.Reason, "nobody can say whether it has the ids") || s.Lineage.Overlap != nil {
		t.Errorf("got %s, %q, %+v, want degraded and no overlap", r.Status, s.Reason, s.Lineage)
	}
}

// TestLineageAfterARestore: what our own restore left is what the section is
// compared with.
func TestLineageAfterARestore(t *testing.T) {
	a := newAgent(t)
	first := a.next()
	small := newAgent(t)
	small.rebuild(40, 50)
	restored := backup.Restored{Name: "the-restore", Rows: 10, Bundle: small.next().Path}
	var since time.Time
	a.opts.Restored = func(spec memory.SectionSpec, at time.Time) (backup.Restored, bool) {
		since = at
		return restored, spec.Name == memory.KnowledgeBase
	}
	for _, tt := range []struct {
		name     string
		from, to int
		bundle   string
		suspect  string
	}{
		{"AsItLeftIt", 40, 50, restored.Bundle, ""},
		{"AndGrown", 40, 90, restored.Bundle, ""},
		{"BundleGone", 40, 50, filepath.Join(a.dir, "gone"), ""},
		{"OnlyTakenOut", 40, 50, "", ""},
		{"OtherRowsThanItPutIn", 46, 56, restored.Bundle, "has 10 rows, fewer than half of the 40 that it had"},
		{"FewerThanItLeft", 40, 44, "", "has 4 rows, fewer than half of the 40 that it had"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a.t = t
			restored.Bundle = tt.bundle
			a.rebuild(tt.from, tt.to)
			r := a.next()
			a.judged(r, tt.suspect)
			l := a.lineage(r)
			if tt.suspect == "" && (l.Restore != "the-restore" || l.RowsBefore != 10) || tt.suspect != "" && (l.Restore != "" || l.RowsBefore != 40) {
				t.Errorf("got %+v", l)
			}
			if l.Against != first.Bundle || !since.Equal(time.Date(2026, 11, 22, 9, 0, 1, 0, time.UTC)) {
				t.Errorf("compared with %s, asked since %s; want %s", l.Against, since, first.Bundle)
			}
			if tt.suspect == "" { // or the next would be compared with it
				if err := os.Rename(r.Path, filepath.Join(a.dir, tt.name)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestLineageOfAGraph: it has no collection, and may lose its rows all the same.
func TestLineageOfAGraph(t *testing.T) {
	a := newAgent(t)
	a.opts.Only = []string{"graph"}
	for _, tt := range []struct {
		rows    int
		suspect string
	}{{30, ""}, {15, "has lost 24 of the 30 rows that it had, and has others"}, {14, "has 14 rows, fewer than half of the 30 that it had"}} {
		if err := os.Remove(filepath.Join(a.dir, "graph.sqlite")); err != nil {
			t.Fatal(err)
		}
		a.fill(memory.Graph, a.graph(), tt.rows)
		a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
		r, err := backup.Run(t.Context(), a.opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Sections[0].Lineage.Suspect; got != (tt.suspect != "") || !strings.HasSuffix(r.Sections[0].Reason, tt.suspect) {
			t.Errorf("%d rows: got %t, %q, want %q", tt.rows, got, r.Sections[0].Reason, tt.suspect)
		}
		if tt.rows == 15 { // the comparison stays with 30
			if err := os.Rename(r.Path, filepath.Join(a.dir, "half")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

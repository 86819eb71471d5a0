package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// emptied makes a backup of a knowledge base that is another collection than in a bundle,
// and empty: it is refused, and the hint leads back to that bundle.
func (a *agent) emptied(good *backup.Receipt) {
	a.t.Helper()
	a.opts.Only = []string{string(memory.KnowledgeBase)}
	a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
	r, err := backup.Run(a.t.Context(), a.opts)
	if !errors.Is(err, backup.ErrEmptied) || !errors.Is(err, backup.ErrIncomplete) || r.Bundle != "" {
		a.t.Fatalf("got %v, %q, want %v", err, r.Bundle, backup.ErrEmptied)
	}
	var lost *backup.LossError
	want := "emptied: " + good.Bundle + " 40 rows kb merge file "
	if !errors.As(err, &lost) || !strings.HasPrefix(lost.Hint(), want) || !strings.HasSuffix(lost.Hint(), " kb/knowledge-base") {
		a.t.Errorf("the hint is %q, want one that begins with %q", lost.Hint(), want)
	}
}

func (a *agent) remove(name string) {
	a.t.Helper()
	if err := os.Remove(filepath.Join(a.dir, name)); err != nil {
		a.t.Fatal(err)
	}
}

// Another collection without a row is no memory: nothing is published.
func TestTrue_10_EmptiedCollection(t *testing.T) {
	t.Run("Refused", func(t *testing.T) {
		a := newAgent(t)
		good := a.next()
		a.rebuild(0, 0)
		for range 2 {
			a.emptied(good)
		}
	})
	t.Run("AllowDegraded", func(t *testing.T) {
		a := newAgent(t)
		good := a.again("")
		a.rebuild(0, 0)
		a.opts.AllowDegraded = true
		r := a.again("")
		a.ends("allowed", r, memory.KnowledgeBase, bundle.Degraded, "warning lineage-suspect")
		b, err := bundle.Open(r.Path, bundle.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		k := b.Meta().Keepsake
		if s := k.Section(memory.KnowledgeBase); s == nil || s.Failed == "" || s.Good() || s.Lineage.Against != good.Bundle || s.Lineage.RowsBefore != 40 {
			t.Errorf("the bundle says %+v", s)
		}
		if s := k.Section(memory.Graph); s == nil || !s.Good() || s.Rows != 30 {
			t.Errorf("the rest: the bundle says %+v", s)
		}
		a.opts.AllowDegraded = false
		a.emptied(good) // the comparison stays with the good one
	})
	t.Run("Accepted", func(t *testing.T) {
		a := newAgent(t)
		a.next()
		a.rebuild(0, 0)
		a.opts.AcceptLineage = []memory.Section{memory.KnowledgeBase}
		a.judged(a.next(), "")
		a.opts.AcceptLineage = nil
		a.judged(a.next(), "")
	})
	t.Run("OneRow", func(t *testing.T) { // that is suspect, and seen by who looks
		a := newAgent(t)
		a.next()
		a.rebuild(50, 51)
		a.judged(a.next(), "has 1 rows, fewer than half of the 40 that it had")
	})
	t.Run("ByARestore", func(t *testing.T) {
		a := newAgent(t)
		good := a.next()
		a.rebuild(0, 0)
		restored := backup.Restored{Name: "the-restore"}
		a.opts.Restored = func(memory.SectionSpec, time.Time) (backup.Restored, bool) { return restored, true }
		r := a.next()
		a.judged(r, "")
		if err := os.Rename(r.Path, filepath.Join(a.dir, "restored")); err != nil {
			t.Fatal(err)
		}
		restored.Rows = 10 // it left some: that explains no emptiness
		a.emptied(good)
	})
	t.Run("SafetyBundle", func(t *testing.T) { // keeps what there is
		a := newAgent(t)
		a.next()
		a.rebuild(0, 0)
		a.opts.Reason = bundle.ReasonPreRestore
		a.judged(a.next(), "")
	})
	t.Run("GraphHasNoIdentity", func(t *testing.T) {
		a := newAgent(t)
		a.again("")
		a.remove("graph.sqlite")
		a.fill(memory.Graph, a.graph(), 1)
		a.ends("all but gone", a.again(""), memory.Graph, bundle.Degraded, "warning lineage-suspect")
	})
}

// An error of what has to be there, and was, leads back; of what never was, it doesn't.
func TestTrue_12_AbsentLeadsBack(t *testing.T) {
	hint := func(a *agent) string {
		a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
		_, err := backup.Run(a.t.Context(), a.opts)
		var lost *backup.LossError
		if err == nil {
			a.t.Fatal("got no error")
		}
		if !errors.As(err, &lost) {
			return ""
		}
		return lost.Hint()
	}
	t.Run("WasThere", func(t *testing.T) {
		a := newAgent(t)
		first := a.again("")
		a.remove("collections.sqlite3")
		want := "absent-since: " + first.Bundle + " 40 rows kb merge file "
		if got := hint(a); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want one that begins with %q", got, want)
		}
	})
	t.Run("NeverWas", func(t *testing.T) {
		a := newAgent(t)
		a.remove("collections.sqlite3")
		if got := hint(a); got != "" {
			t.Errorf("got %q, want none", got)
		}
	})
	t.Run("Pattern", func(t *testing.T) { // all collections of a source
		a := newAgent(t)
		one, two := collection("agents/a"), collection("agents/b")
		s := a.withShelf("agents", memory.Vectors, one, two)
		first := a.again("")
		clear(s.kept)
		want := "absent-since: " + first.Bundle + " 2 rows agents merge "
		if got := hint(a); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want one that begins with %q", got, want)
		}
	})
	t.Run("Suspect", func(t *testing.T) {
		a := newAgent(t)
		first := a.next()
		a.rebuild(50, 60)
		want := "lineage-suspect: " + first.Bundle + " 40 rows kb merge file "
		if r := a.next(); !slices.ContainsFunc(r.Findings, func(f memory.Finding) bool { return strings.HasPrefix(f.Hint, want) }) {
			t.Errorf("got %v, want a hint that begins with %q", r.Findings, want)
		}
	})
}

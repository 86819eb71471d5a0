package chroma_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
)

func scratchSpec() memory.SectionSpec {
	return memory.SectionSpec{Name: section, Kind: memory.Vectors, Distance: "cosine"}
}

// mayDrop gets leave to drop what bears a disposable mark.
func mayDrop(t *testing.T, s *chroma.Server, at memory.Locator) guard.Permit {
	t.Helper()
	rules := guard.Rules{Now: time.Now, Audit: discard{}}
	permit, err := rules.AssertDestructiveTargetAllowed(t.Context(), guard.Request{
		Operation: guard.Prune, Target: guard.NewTarget(t.Context(), guard.Served, at, s), Reason: "made for a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return permit
}

// TestScratch: a scratch collection is disposable by its own mark, is filled as any
// other, and is gone after its drop.
func TestScratch(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	s := open(t, p.config(p.URL()))
	if err := s.MakeScratch(t.Context(), scratchSpec()); err != nil {
		t.Fatal(err)
	}
	seen := survey(t, s)
	if class, why := (guard.Rules{}).Classify(seen.Target); class != guard.Disposable || seen.Distance != "cosine" || seen.Rows != 0 {
		t.Errorf("got %s (%s), %+v", class, why, seen)
	}
	if got, _ := merge(t, s, scratchSpec(), fresh(t, 5)); got.Added != 5 || !got.Complete() {
		t.Errorf("fill: got %+v", got)
	}
	permit := mayDrop(t, s, seen.Locator)
	for range 2 { // twice is once
		if err := s.DropScratch(t.Context(), seen.Locator, permit); err != nil {
			t.Error(err)
		}
	}
	if survey(t, s).Exists {
		t.Error("it is still there")
	}
}

// TestScratchRefused: nothing that lives is taken for scratch, and none of it goes.
func TestScratchRefused(t *testing.T) {
	made := func(t *testing.T) (place, *chroma.Server, store.Survey) {
		p := newPlace(t, chromatest.Shared(t))
		s := open(t, p.config(p.URL()))
		if err := s.MakeScratch(t.Context(), scratchSpec()); err != nil {
			t.Fatal(err)
		}
		p.add(t, fresh(t, 3))
		return p, s, survey(t, s)
	}
	t.Run("NameTaken", func(t *testing.T) {
		p, rows := filled(t, 3)
		s := open(t, p.config(p.URL()))
		if err := s.MakeScratch(t.Context(), scratchSpec()); err == nil {
			t.Error("got no error")
		}
		if class, _ := (guard.Rules{}).Classify(survey(t, s).Target); class != guard.Production || p.count(t) != len(rows) {
			t.Errorf("it is %s now, with %d rows", class, p.count(t))
		}
	})
	t.Run("NoPermit", func(t *testing.T) {
		p, s, seen := made(t)
		if err := s.DropScratch(t.Context(), seen.Locator, guard.Permit{}); !errors.Is(err, guard.ErrNotPermitted) || p.count(t) != 3 {
			t.Errorf("got %v, and %d rows", err, p.count(t))
		}
	})
	t.Run("PermitOfAnother", func(t *testing.T) {
		p, s, seen := made(t)
		_, other, another := made(t)
		err := s.DropScratch(t.Context(), seen.Locator, mayDrop(t, other, another.Locator))
		if !errors.Is(err, guard.ErrNotPermitted) || p.count(t) != 3 {
			t.Errorf("got %v, and %d rows", err, p.count(t))
		}
	})
	t.Run("MarkGone", func(t *testing.T) { // it became somebody's memory meanwhile
		p, s, seen := made(t)
		permit := mayDrop(t, s, seen.Locator)
		p.annotate(t, map[string]any{"a": 1, guard.MarkKey: nil})
		if err := s.DropScratch(t.Context(), seen.Locator, permit); err == nil || p.count(t) != 3 {
			t.Errorf("got %v, and %d rows", err, p.count(t))
		}
	})
	t.Run("AnotherHasTheName", func(t *testing.T) {
		p, s, seen := made(t)
		permit := mayDrop(t, s, seen.Locator)
		p.Call(t, http.MethodDelete, p.collections()+"/"+seen.Locator.Collection, nil, nil)
		p.create(t, "l2")
		p.add(t, fresh(t, 3))
		if err := s.DropScratch(t.Context(), seen.Locator, permit); err == nil || p.count(t) != 3 {
			t.Errorf("got %v, and %d rows", err, p.count(t))
		}
	})
}

// TestSearch: a row is its own nearest; what can't be answered is an error.
func TestSearch(t *testing.T) {
	p, rows := filled(t, 30)
	s := open(t, p.config(p.URL()))
	var vectors [][]float32
	for _, bits := range columns(t, rows)["embeddings"] {
		vectors = append(vectors, floats(t, bits))
	}
	got, err := s.Search(t.Context(), section, vectors, 3)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("got %d answers, %v", len(got), err)
	}
	for i, want := range ids(t, rows) {
		if len(got[i]) != 3 || got[i][0] != want {
			t.Errorf("nearest to row %d: got %q, want %q first", i, got[i], want)
		}
	}
	if _, err := s.Search(t.Context(), section, [][]float32{{1}}, 3); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("another dimension: got %v", err)
	}
	q := newPlace(t, chromatest.Shared(t))
	if _, err := open(t, q.config(q.URL())).Search(t.Context(), section, vectors, 3); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("no collection: got %v", err)
	}
}

func floats(t *testing.T, text json.RawMessage) (out []float32) {
	t.Helper()
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

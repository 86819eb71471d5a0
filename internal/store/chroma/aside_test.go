package chroma_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// TestLateWriters has a client go on writing into the collection that it knows the
// id of, before the swap (after the safety copy) and after it.
func TestLateWriters(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(testing.TB) *chromatest.Server
	}{
		{"Current", chromatest.Shared},
		{"Old", func(t testing.TB) *chromatest.Server { return chromatest.Start(t, chromatest.Old()) }},
	} {
		t.Run(tt.name, func(t *testing.T) { lateWriters(t, tt.start(t)) })
	}
}

func lateWriters(t *testing.T, server *chromatest.Server) {
	p := newPlace(t, server)
	p.create(t, "l2")
	all := storetest.Vectors("old", 60, true)
	p.add(t, all[:40])
	id := p.id(t)
	s := open(t, p.config(p.URL()))
	_, safety := exported(t, s)
	p.write(t, id, all[40:43])
	rows := storetest.Vectors("new", 50, true) // all ids of the old ones, but those that come last
	done, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), leaveFor(t, s, guard.ReplaceOperation(memory.Memories)), sequence(safety))
	if err != nil {
		t.Fatal(err)
	}
	wantFinding(t, done.Findings, "late-rows", "3 rows of "+asideOf)
	p.wantLive(t, rows)
	if got := findings(t, s); len(got) > 0 {
		t.Errorf("got %v, want nothing yet: those three were told at the replace", got)
	}
	wantAside(t, s, 43, 0, false)

	p.write(t, id, all[45:47]) // the live one has these ids
	wantFinding(t, findings(t, s), "late-rows", "2 rows were written into "+asideOf)
	wantAside(t, s, 45, 2, false)
	p.write(t, id, all[55:60]) // and these it lacks
	wantFinding(t, findings(t, s), "late-rows", "7 rows were written into "+asideOf)
	wantAside(t, s, 50, 7, true)
}

// wantAside wants one collection to be kept aside, of so many rows.
func wantAside(t *testing.T, s *chroma.Server, rows, late int64, more bool) {
	t.Helper()
	asides, err := s.Asides(t.Context())
	if err != nil || len(asides) != 1 {
		t.Fatalf("got %+v, %v, want one", asides, err)
	}
	a := asides[0]
	if a.Section != section || a.Plan != plan || a.Locator.Collection != asideOf || a.Parked || !a.When.Equal(swapOptions().Now) {
		t.Errorf("got %+v", a)
	}
	if a.Rows != rows || a.Late != late {
		t.Errorf("got %d rows, %d of them late, want %d, %d", a.Rows, a.Late, rows, late)
	}
	if got, err := s.HoldsMore(t.Context(), a.Locator); got != more || err != nil {
		t.Errorf("got holds more: %t, %v, want %t", got, err, more)
	}
}

// findings is what a session has to say.
func findings(t *testing.T, s *chroma.Server) []memory.Finding {
	t.Helper()
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	inspector, ok := session.(store.Inspector)
	if !ok {
		t.Fatal("the session is no Inspector")
	}
	return inspector.Findings()
}

func wantFinding(t *testing.T, findings []memory.Finding, code, message string) {
	t.Helper()
	if len(findings) != 1 || findings[0].Code != code || findings[0].Level != memory.Warning ||
		!strings.Contains(findings[0].Message, message) || findings[0].Section != section || findings[0].Hint == "" {
		t.Errorf("got %+v, want a warning %s: %s", findings, code, message)
	}
}

// TestLateRowsAfterDeletes deletes rows of what is kept aside: as long as one of
// its last rows is there, later ones can be told.
func TestLateRowsAfterDeletes(t *testing.T) {
	all := storetest.Vectors("old", 60, true)
	last := ids(t, all[24:40])
	for _, tt := range []struct {
		name    string
		deleted []string
		moved   []memory.Record // deleted, and written again before the late ones
		again   []memory.Record // written after them
		late    int64
		code    string
	}{
		{"None", nil, nil, nil, 3, "late-rows"},
		{"Last", last[10:], nil, nil, 3, "late-rows"},
		{"AllButOne", append(last[:4:4], last[5:]...), nil, nil, 3, "late-rows"},
		{"LastCameAgain", last[15:], nil, all[39:40], 4, "late-rows"},
		{"FirstOfThemCameAgain", last[:1], nil, all[24:25], 4, "late-rows"},
		{"FirstOfThemMoved", nil, all[24:25], nil, 4, "late-rows"},
		{"AllOfThem", last, nil, nil, -1, "late-rows-unknown"},
		{"Everything", ids(t, all[:43]), nil, nil, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, "l2")
			p.add(t, all[:40])
			id := p.id(t)
			p.replaced(t, storetest.Vectors("new", 20, true), swapOptions())
			if tt.moved != nil {
				p.delete(t, id, ids(t, tt.moved)...)
				p.write(t, id, tt.moved)
			}
			p.write(t, id, all[40:43])
			if tt.deleted != nil {
				p.delete(t, id, tt.deleted...)
			}
			if tt.again != nil {
				p.write(t, id, tt.again)
			}
			s := open(t, p.config(p.URL()))
			asides, err := s.Asides(t.Context())
			if err != nil || len(asides) != 1 || asides[0].Late != tt.late {
				t.Fatalf("got %+v, %v, want %d late rows", asides, err, tt.late)
			}
			if codes := codesOf(findings(t, s)); strings.Join(codes, " ") != tt.code {
				t.Errorf("got findings %v, want %q", codes, tt.code)
			}
			// Where nobody can say which came later, any that the live one lacks counts.
			if more, err := s.HoldsMore(t.Context(), asides[0].Locator); err != nil || more != (tt.late != 0) {
				t.Errorf("got holds more: %t, %v", more, err)
			}
		})
	}
}

// TestDrop deletes what is kept aside, with leave, and nothing else.
func TestDrop(t *testing.T) {
	p, _ := filled(t, 30)
	id := p.id(t)
	rows := storetest.Vectors("new", 20, true)
	done := p.replaced(t, rows, swapOptions())
	s := open(t, p.config(p.URL()))
	wantRefused := func(t *testing.T, at memory.Locator, permit guard.Permit, want error) {
		t.Helper()
		before := p.state(t)
		if err := s.Drop(t.Context(), at, permit); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if after := p.state(t); after != before {
			t.Errorf("got  %s\nwant %s", after, before)
		}
	}
	aside := *done.Aside
	permit := pruneOf(t, s, aside)
	t.Run("ErrZeroPermit", func(t *testing.T) { wantRefused(t, aside, guard.Permit{}, guard.ErrNotPermitted) })
	t.Run("ErrAnotherTarget", func(t *testing.T) {
		wantRefused(t, survey(t, s).Locator, permit, guard.ErrNotPermitted)
	})
	t.Run("ErrAnotherOperation", func(t *testing.T) {
		wantRefused(t, aside, leaveFor(t, s, guard.ReplaceOperation(memory.Memories)), guard.ErrNotPermitted)
	})
	t.Run("ErrHoldsMore", func(t *testing.T) {
		p.write(t, id, storetest.Vectors("old", 31, true)[30:])
		wantRefused(t, aside, permit, chroma.ErrHoldsMore)
	})
	t.Run("ErrName", func(t *testing.T) { // it was renamed, and another has its name
		p.Call(t, http.MethodPut, p.collections()+"/"+id, map[string]any{"new_name": "elsewhere"}, nil)
		p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": asideOf}, nil)
		wantRefused(t, aside, permit, store.ErrAbsent)
		p.Call(t, http.MethodDelete, p.collections()+"/"+asideOf, nil, nil)
		p.Call(t, http.MethodPut, p.collections()+"/"+id, map[string]any{"new_name": asideOf}, nil)
	})
	t.Run("Dropped", func(t *testing.T) {
		p.delete(t, id, "row-000030")
		if err := s.Drop(t.Context(), aside, permit); err != nil {
			t.Fatal(err)
		}
		p.wantNames(t, name)
		p.wantLive(t, rows)
		wantRefused(t, aside, permit, store.ErrAbsent)
	})
}

// pruneOf gets leave from the guard to drop what a finished plan left.
func pruneOf(t *testing.T, s *chroma.Server, at memory.Locator) guard.Permit {
	t.Helper()
	rules := guard.Rules{Now: time.Now, Audit: discard{}}
	permit, err := rules.AssertDestructiveTargetAllowed(t.Context(), guard.Request{
		Operation: guard.Prune, Target: guard.NewTarget(t.Context(), guard.Served, at, s), Reason: "a week is over",
	})
	if err != nil {
		t.Fatal(err)
	}
	if permit.Class() != guard.Own {
		t.Errorf("got class %s, want own", permit.Class())
	}
	return permit
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// TestDropKilled kills a drop at each of its requests; another ends it.
func TestDropKilled(t *testing.T) {
	server := chromatest.Shared(t)
	rows := storetest.Vectors("new", 12, true)
	var aside memory.Locator
	prepare := func(t *testing.T) place {
		p := newPlace(t, server)
		p.create(t, "l2")
		p.add(t, storetest.Vectors("old", 9, true))
		aside = *p.replaced(t, rows, swapOptions()).Aside
		return p
	}
	drop := func(t *testing.T, s *chroma.Server, p place) error {
		t.Helper()
		at := aside
		at.Address = s.Address()
		direct := open(t, p.config(p.URL()))
		rules := guard.Rules{Now: time.Now, Audit: discard{}}
		permit, err := rules.AssertDestructiveTargetAllowed(t.Context(), guard.Request{
			Operation: guard.Prune, Target: guard.NewTarget(t.Context(), guard.Served, at, witness{direct}), Reason: "a week is over",
		})
		if err != nil {
			return err
		}
		return s.Drop(t.Context(), at, permit)
	}
	check := func(t *testing.T, p place) {
		if _, left := p.all(t)[asideOf]; left {
			if err := drop(t, open(t, p.config(p.URL())), p); err != nil {
				t.Fatal(err)
			}
		}
		p.wantNames(t, name)
		p.wantLive(t, rows)
	}
	undertaking{prepare, drop, check}.killed(t, false)
}

// TestDropLeavesNoArrays drops rows with arrays, and the rows that come next have
// none of them.
func TestDropLeavesNoArrays(t *testing.T) {
	p := newPlace(t, chromatest.Start(t))
	p.create(t, "l2")
	id := p.id(t)
	p.add(t, []memory.Record{memory.Record(`{"id":"a","embedding":[1,2],"metadata":null,"document":null}`)})
	done := p.replaced(t, []memory.Record{memory.Record(`{"id":"b","embedding":[1,2],"metadata":null,"document":null}`)}, swapOptions())
	late := memory.Record(`{"id":"b","embedding":[1,2],"metadata":{"tags":["x","y"]},"document":null}`)
	p.write(t, id, []memory.Record{late})
	s := open(t, p.config(p.URL()))
	if err := s.Drop(t.Context(), *done.Aside, pruneOf(t, s, *done.Aside)); err != nil {
		t.Fatal(err)
	}
	p.add(t, []memory.Record{memory.Record(`{"id":"c","embedding":[1,2],"metadata":{"n":1},"document":null}`)})
	if row := p.dump(t, p.id(t))["c"]; strings.Contains(row, "tags") {
		t.Errorf("got %s, want no arrays of the row that was dropped", row)
	}
}

package chroma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// TestSwap replaces a section by what was exported elsewhere.
func TestSwap(t *testing.T) {
	for _, tt := range []struct {
		name, space string
		start       func(testing.TB) *chromatest.Server
	}{
		{"L2", "l2", chromatest.Shared},
		{"Cosine", "cosine", chromatest.Shared},
		{"OldServer", "l2", func(t testing.TB) *chromatest.Server { return chromatest.Start(t, chromatest.Old()) }},
		{"OldServerCosine", "cosine", func(t testing.TB) *chromatest.Server { return chromatest.Start(t, chromatest.Old()) }},
	} {
		t.Run(tt.name, func(t *testing.T) { swaps(t, tt.start(t), tt.space) })
	}
}

func swaps(t *testing.T, server *chromatest.Server, space string) {
	from, p := newPlace(t, server), newPlace(t, server)
	from.create(t, space)
	from.annotate(t, map[string]any{"what": "a memory", "n": 1, "f": 2.0})
	from.add(t, storetest.Vectors("new", 120, space == "l2"))
	spec, rows := exported(t, open(t, from.config(from.URL())))

	p.create(t, space)
	p.annotate(t, map[string]any{"mine": true})
	p.add(t, storetest.Vectors("old", 90, space == "l2"))
	id := p.id(t)
	old := p.dump(t, id)
	s := open(t, p.config(p.URL()))
	_, safety := exported(t, s)
	done, err := trade(t, s, spec, rows, swapOptions(), leaveFor(t, s, guard.ReplaceOperation(memory.Memories)), sequence(safety))
	if err != nil {
		t.Fatal(err)
	}
	if done.Rows != 120 || len(done.Findings) > 0 {
		t.Errorf("got %+v, want 120 rows and nothing to tell", done)
	}
	p.wantLive(t, rows)
	p.wantNames(t, name, asideOf)
	live, aside := p.all(t)[name], p.all(t)[asideOf]
	if want := map[string]any{"what": "a memory", "n": 1.0, "f": 2.0}; !maps.Equal(live.Metadata, want) {
		t.Errorf("got metadata %v, want %v", live.Metadata, want)
	}
	if got, _ := exported(t, s); !sameSettings(t, got.Collection, spec.Collection) {
		t.Errorf("got  %s\nwant %s", got.Collection.Configuration, spec.Collection.Configuration)
	}
	if aside.ID != id || !maps.Equal(p.dump(t, id), old) || aside.Metadata["mine"] != true {
		t.Errorf("got %v aside, want the old collection with all its rows", aside)
	}
	wantMark(t, aside, guard.Mark{Kind: guard.MarkAside, ID: id, Plan: plan, Finished: true})
	if done.Aside == nil || done.Aside.Collection != asideOf || done.Aside.CollectionID != id {
		t.Errorf("got the old one at %v, want %s", done.Aside, asideOf)
	}
}

func sameSettings(t testing.TB, a, b *memory.Collection) bool {
	t.Helper()
	var is, was any
	if json.Unmarshal(a.Configuration, &is) != nil || json.Unmarshal(b.Configuration, &was) != nil {
		t.Fatalf("configurations are no JSON: %s, %s", a.Configuration, b.Configuration)
	}
	return fmt.Sprint(is) == fmt.Sprint(was)
}

func wantMark(t testing.TB, c there, want guard.Mark) {
	t.Helper()
	var got guard.Mark
	text, _ := c.Metadata[guard.MarkKey].(string)
	if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
		t.Errorf("got mark %q, want %+v", text, want)
	}
}

// TestSwapIntoNothing replaces a section that does not exist.
func TestSwapIntoNothing(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	rows := storetest.Vectors("new", 40, true)
	done := p.replaced(t, rows, swapOptions())
	if done.Rows != 40 || done.Aside != nil || len(done.Findings) > 0 {
		t.Errorf("got %+v, want 40 rows and nothing aside", done)
	}
	p.wantLive(t, rows)
	p.wantNames(t, name)
	id := p.id(t)
	if again := p.replaced(t, rows, swapOptions()); again.Rows != 40 || again.Aside != nil || p.id(t) != id {
		t.Errorf("the same plan again: got %+v, want nothing changed", again)
	}
	if _, ok := p.all(t)[name].Metadata[guard.MarkKey]; ok {
		t.Error("what lives bears a mark")
	}
}

// TestSwapTakesTheShapeOfTheLiveOne where the bundle does not describe it.
func TestSwapTakesTheShapeOfTheLiveOne(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "cosine")
	p.annotate(t, map[string]any{"mine": 1})
	p.add(t, storetest.Vectors("old", 10, false))
	p.replaced(t, storetest.Vectors("new", 10, false), swapOptions())
	if got := survey(t, open(t, p.config(p.URL()))); got.Distance != "cosine" || string(got.Collection.Metadata) != `{"mine":1}` {
		t.Errorf("got %s, %s, want the live one's", got.Distance, got.Collection.Metadata)
	}
}

// TestSwapTwice replaces by two plans, and by the first one with other records,
// twice.
func TestSwapTwice(t *testing.T) {
	p, _ := filled(t, 20)
	plans := []string{plan, "plan-8", plan, plan}
	for i, n := range []int{30, 25, 5, 7} {
		opts, rows := swapOptions(), storetest.Vectors("new", n, true)
		opts.Plan = plans[i]
		if done := p.replaced(t, rows, opts); done.Aside == nil || done.Rows != int64(n) {
			t.Errorf("got %+v, want %d rows, and the old one aside", done, n)
		}
		p.wantLive(t, rows)
	}
	sizes := map[int]int{}
	for _, c := range p.all(t) {
		sizes[len(p.dump(t, c.ID))]++
	}
	if want := map[int]int{20: 1, 30: 1, 25: 1, 5: 1, 7: 1}; !maps.Equal(sizes, want) {
		t.Errorf("got collections of %v rows, want %v", sizes, want)
	}
}

// TestSwapNames wants the names of what is made to be allowed, however long the
// name and the plan are.
func TestSwapNames(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	long := strings.Repeat("a.b-", 127) + "memo"
	config := p.config(p.URL())
	config.Collections = map[memory.Section]string{section: long}
	s := open(t, config)
	rows := storetest.Vectors("a", 3, true)
	merge(t, s, memory.SectionSpec{}, rows)
	for _, plan := range []string{"-p-", strings.Repeat("x", 300)} {
		opts := swapOptions()
		opts.Plan = plan
		done, err := trade(t, s, memory.SectionSpec{}, rows[:2], opts, leaveFor(t, s, opts.Operation), nil)
		if err != nil || done.Rows != 2 || done.Aside == nil {
			t.Errorf("got %+v, %v, want 2 rows", done, err)
		}
	}
}

// TestSwapPermit commits without leave: nothing is touched.
func TestSwapPermit(t *testing.T) {
	p, rows := filled(t, 20)
	elsewhere, _ := filled(t, 3)
	s := open(t, p.config(p.URL()))
	staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows[:5]), swapOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Close()
	before := p.state(t)
	for name, permit := range map[string]guard.Permit{
		"Zero":             {},
		"AnotherTarget":    leaveFor(t, open(t, elsewhere.config(elsewhere.URL())), guard.ReplaceOperation(memory.Memories)),
		"AnotherOperation": leaveFor(t, s, guard.Undo),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, guard.ErrNotPermitted) {
				t.Errorf("got %v, want ErrNotPermitted", err)
			}
			if after := p.state(t); after != before {
				t.Errorf("got  %s\nwant %s", after, before)
			}
		})
	}
}

// TestSwapMoved commits when another collection is there than was surveyed.
func TestSwapMoved(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(t *testing.T, p place)
	}{
		{"Another", func(t *testing.T, p place) { p.getOrCreate(t) }},
		{"None", func(*testing.T, place) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, rows := filled(t, 20)
			s := open(t, p.config(p.URL()))
			permit := leaveFor(t, s, guard.ReplaceOperation(memory.Memories))
			staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows[:5]), swapOptions())
			if err != nil {
				t.Fatal(err)
			}
			defer staged.Close()
			p.Call(t, http.MethodDelete, p.collections()+"/"+name, nil, nil)
			tt.then(t, p)
			before := p.state(t)
			if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, store.ErrMoved) {
				t.Errorf("got %v, want ErrMoved", err)
			}
			if after := p.state(t); after != before {
				t.Errorf("got  %s\nwant %s", after, before)
			}
		})
	}
}

// TestSwapMovedAtTheLastMoment has another collection get the name when the swap
// has just been noted: it is not touched, and no swap has begun.
func TestSwapMovedAtTheLastMoment(t *testing.T) {
	p, rows := filled(t, 20)
	before := ""
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch {
		case r.Method == http.MethodPut && bytes.Contains(r.Body, []byte(`\"phase\":\"begun\"`)) && before == "":
			p.Call(t, http.MethodPut, p.collections()+"/"+p.id(t), map[string]any{"new_name": "elsewhere"}, nil)
			p.getOrCreate(t)
			before = p.state(t)
		case renames(r, asideOf):
			t.Error("what another made was renamed")
		}
		return chromatest.Fault{}
	})
	s := open(t, p.config(proxy.URL()))
	permit := permitVia(t, p, guard.ReplaceOperation(memory.Memories), s.Address())
	if _, err := trade(t, s, memory.SectionSpec{}, rows[:5], swapOptions(), permit, nil); !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	if after := p.state(t); after != before {
		t.Errorf("got  %s\nwant %s", after, before)
	}
	if seen := survey(t, s); seen.Unfinished != "" {
		t.Errorf("got plan %q unfinished", seen.Unfinished)
	}
}

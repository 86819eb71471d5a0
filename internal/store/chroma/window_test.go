package chroma_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// renames reports whether a request gives a collection that name.
func renames(r chromatest.Request, to string) bool {
	return r.Method == http.MethodPut && bytes.Contains(r.Body, []byte(`"new_name":"`+to+`"`))
}

// inWindow is a proxy that calls do while the name is free: each time that the new
// collection is about to get it, so many times.
func inWindow(t testing.TB, p place, times int64, do func()) *chromatest.FaultProxy {
	var n atomic.Int64
	return chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if renames(r, name) && n.Add(1) <= times {
			do()
		}
		return chromatest.Fault{}
	})
}

// TestWindow has an agent get or create its collection while the name is free.
func TestWindow(t *testing.T) {
	rows := storetest.Vectors("new", 30, true)
	later := storetest.Vectors("agent", 40, true)[25:] // 5 of these ids are in the bundle
	for _, tt := range []struct {
		name   string
		times  int64
		write  []memory.Record
		parked int
		want   []memory.Record
		left   bool // rows that could not be taken over
	}{
		{"Empty", 1, nil, 1, rows, false},
		{"WithRows", 1, later, 1, slices.Concat(rows, later[5:]), false},
		{"Thrice", 3, nil, 3, rows, false},
		{"OfAnotherDimension", 1, []memory.Record{memory.Record(`{"id":"x","embedding":[1,2]}`)}, 1, rows, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := filled(t, 20)
			id := p.id(t)
			proxy := inWindow(t, p, tt.times, func() {
				if made := p.getOrCreate(t); tt.write != nil {
					p.write(t, made, tt.write)
				}
			})
			s := open(t, p.config(proxy.URL()))
			done, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), permitVia(t, p, guard.ReplaceOperation(memory.Memories), s.Address()), nil)
			if err != nil {
				t.Fatal(err)
			}
			p.wantLive(t, tt.want)
			if n := len(p.dump(t, id)); n != 20 || done.Aside == nil || done.Aside.CollectionID != id {
				t.Errorf("got the old one at %v with %d rows, want all 20", done.Aside, n)
			}
			wantParked(t, p, tt.parked, len(tt.write))
			if seen := survey(t, s); seen.Unfinished != "" {
				t.Errorf("got plan %q unfinished", seen.Unfinished)
			}
			codes := codesOf(done.Findings)
			if n := count(codes, "parked"); n != tt.parked || (count(codes, "rows-left-aside") > 0) != tt.left {
				t.Errorf("got findings %v, want %d of what was parked", done.Findings, tt.parked)
			}
		})
	}
}

// TestWindowRowsLost has the server acknowledge an agent's row that is to be taken
// over, and not keep it: the swap does not end, and the same plan ends it.
func TestWindowRowsLost(t *testing.T) {
	p, _ := filled(t, 20)
	rows, agent := storetest.Vectors("new", 30, true), storetest.Vectors("agent", 31, true)[30:]
	var once atomic.Bool
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch {
		case renames(r, name) && !once.Swap(true):
			p.write(t, p.getOrCreate(t), agent)
		case r.Op == "add" && bytes.Contains(r.Body, []byte("row-000030")):
			return chromatest.Fault{Status: http.StatusCreated, Text: "{}"}
		}
		return chromatest.Fault{}
	})
	s := open(t, p.config(proxy.URL()))
	_, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), permitVia(t, p, guard.ReplaceOperation(memory.Memories), s.Address()), nil)
	if err == nil || !strings.Contains(err.Error(), "not listed afterwards") || survey(t, s).Unfinished != plan {
		t.Errorf("got %v, want an error, and the swap to be unfinished", err)
	}
	p.replaced(t, rows, swapOptions())
	p.wantLive(t, slices.Concat(rows, agent))
}

// wantParked wants so many collections that an agent made to be kept with their rows.
func wantParked(t *testing.T, p place, want, rows int) {
	t.Helper()
	got := 0
	for _, c := range p.all(t) {
		if !strings.HasPrefix(c.Name, name+"-parking-"+plan) {
			continue
		}
		got++
		wantMark(t, c, guard.Mark{Kind: guard.MarkAside, ID: c.ID, Plan: plan, Finished: true})
		if n := len(p.dump(t, c.ID)); n != rows {
			t.Errorf("got %d rows parked, want %d", n, rows)
		}
	}
	if got != want {
		t.Errorf("got %d collections parked, want %d", got, want)
	}
}

func codesOf(findings []memory.Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func count(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// TestWindowKilled kills the replace at each request of its commit while an agent
// makes a collection, with a row, in the window.
func TestWindowKilled(t *testing.T) {
	server := chromatest.Shared(t)
	rows := storetest.Vectors("new", 12, true)
	agent := storetest.Vectors("agent", 13, true)[12:]
	for n := int64(1); ; n++ {
		p := newPlace(t, server)
		p.create(t, "l2")
		p.add(t, storetest.Vectors("old", 6, true))
		// The client dies at its n-th request from the first rename on; the agent
		// acts when the old one has lost its name.
		k := &swapKilledAt{n: n}
		proxy := chromatest.Proxy(t, server, func(r chromatest.Request) chromatest.Fault {
			if k.seen.Load() == 0 && !renames(r, asideOf) {
				return chromatest.Fault{}
			}
			if k.seen.Load() < n && renames(r, name) && p.all(t)[name].ID == "" && len(p.all(t)) == 2 {
				p.write(t, p.getOrCreate(t), agent)
			}
			return k.decide(r)
		})
		config := p.config(proxy.URL())
		config.Tries = 1
		_, _ = trade(t, open(t, config), memory.SectionSpec{}, rows, swapOptions(), permitVia(t, p, guard.ReplaceOperation(memory.Memories), proxy.URL()), nil)
		over := k.seen.Load() < n
		s := open(t, p.config(p.URL()))
		if _, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), leaveFor(t, s, guard.ReplaceOperation(memory.Memories)), nil); err != nil {
			t.Fatalf("killed at request %d: %v", n, err)
		}
		live := rows
		if len(p.all(t)) == 3 {
			live = slices.Concat(rows, agent)
			wantParked(t, p, 1, 1)
		}
		p.wantLive(t, live)
		if aside := p.all(t)[asideOf]; len(p.dump(t, aside.ID)) != 6 {
			t.Error("the old one is not whole")
		}
		if t.Failed() {
			t.Fatalf("killed at request %d", n)
		}
		if over {
			return
		}
	}
}

// TestUnfinished looks at a place in which a swap was begun and not ended.
func TestUnfinished(t *testing.T) {
	rows := storetest.Vectors("new", 12, true)
	for _, tt := range []struct {
		name string
		fail func(chromatest.Request) bool
		then func(*testing.T, place)
	}{
		{"OldInPlace", func(r chromatest.Request) bool { return renames(r, asideOf) }, nil},
		{"NameFree", func(r chromatest.Request) bool { return renames(r, name) }, nil},
		{"IntruderInPlace", func(r chromatest.Request) bool { return renames(r, name) }, func(t *testing.T, p place) { p.getOrCreate(t) }},
		{"ShadowGone", func(r chromatest.Request) bool { return renames(r, name) }, func(t *testing.T, p place) {
			p.Call(t, http.MethodDelete, p.collections()+"/"+name+"-shadow-"+plan, nil, nil)
		}},
		{"NewInPlace", func(r chromatest.Request) bool {
			return r.Method == http.MethodPut && bytes.Contains(r.Body, []byte(`\"phase\":\"done\"`))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := filled(t, 9)
			s := open(t, p.config(p.URL()))
			p.broken(t, rows, tt.fail)
			if tt.then != nil {
				tt.then(t, p)
			}
			if seen := survey(t, s); seen.Unfinished != plan {
				t.Errorf("got plan %q unfinished, want %q", seen.Unfinished, plan)
			}
			_, _, err := tryRead(t, s)
			if !errors.Is(err, store.ErrUnfinished) || errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), plan) {
				t.Errorf("got %v, want ErrUnfinished of the plan", err)
			}
			other := swapOptions()
			other.Plan = "plan-8"
			if _, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), other); !errors.Is(err, store.ErrUnfinished) {
				t.Errorf("another plan: got %v, want ErrUnfinished", err)
			}
			p.replaced(t, rows, swapOptions())
			p.wantLive(t, rows)
			if seen := survey(t, s); seen.Unfinished != "" {
				t.Errorf("got plan %q unfinished", seen.Unfinished)
			}
			if aside := p.all(t)[asideOf]; len(p.dump(t, aside.ID)) != 9 {
				t.Error("the old one is not whole")
			}
		})
	}
}

// broken begins a replace and has a request of it fail, with all later ones.
func (p place) broken(t *testing.T, rows []memory.Record, fails func(chromatest.Request) bool) {
	t.Helper()
	var dead atomic.Bool
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if fails(r) {
			dead.Store(true)
		}
		return chromatest.Fault{Reset: dead.Load()}
	})
	config := p.config(proxy.URL())
	config.Tries = 1
	s := open(t, config)
	_, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), permitVia(t, p, guard.ReplaceOperation(memory.Memories), s.Address()), nil)
	if err == nil || !dead.Load() {
		t.Fatalf("got %v, want the replace to break off", err)
	}
}

// TestFillingIsNotUnfinished has a shadow that is filled beside what lives.
func TestFillingIsNotUnfinished(t *testing.T) {
	p, rows := filled(t, 9)
	s := open(t, p.config(p.URL()))
	staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows[:4]), swapOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Close()
	if seen := survey(t, s); seen.Unfinished != "" || seen.Rows != 9 {
		t.Errorf("got %+v, want the live one and nothing unfinished", seen)
	}
	got, _ := read(t, s)
	equalRows(t, got, rows)
}

// TestNoSource reads from no collection that a replace is filling; from one that a
// finished replace set aside it does, when somebody names it.
func TestNoSource(t *testing.T) {
	p, rows := filled(t, 9)
	s := open(t, p.config(p.URL()))
	p.replaced(t, rows[:3], swapOptions())
	other := swapOptions()
	other.Plan = "plan-8"
	staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows[:4]), other)
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Close()
	for name, want := range map[string]error{asideOf: nil, name + "-shadow-plan-8": store.ErrUnreadable} {
		config := p.config(p.URL())
		config.Collections = map[memory.Section]string{section: name}
		got, _, err := tryRead(t, open(t, config))
		if !errors.Is(err, want) || want == nil && len(got) != 9 {
			t.Errorf("%s: got %d rows, %v, want %v", name, len(got), err, want)
		}
	}
}

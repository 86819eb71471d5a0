package chroma_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// swapKilledAt is a proxy that dies at request n: with it (the server does not hear
// it) or after it (the server has done it, and nobody heard). changes tells
// whether that request changes anything.
type swapKilledAt struct {
	n       int64
	after   bool
	seen    atomic.Int64
	changes atomic.Bool
}

func (k *swapKilledAt) decide(r chromatest.Request) chromatest.Fault {
	switch n := k.seen.Add(1); {
	case n < k.n:
		return chromatest.Fault{}
	case n == k.n:
		k.changes.Store(changes(r))
		return chromatest.Fault{Reset: true, Forward: k.after && k.changes.Load()}
	}
	return chromatest.Fault{Reset: true}
}

// changes reports whether a request changes anything.
func changes(r chromatest.Request) bool {
	return r.Method != http.MethodGet && r.Op != "get"
}

// killed calls do with a server that dies at each of its requests in turn, before
// and after it is done, each time in a place of its own, then checks the place.
func killed(t *testing.T, prepare func(*testing.T) place, do func(*testing.T, *chroma.Server, place) error, check func(*testing.T, place)) {
	t.Helper()
	steps := 0
	for n := int64(1); ; n++ {
		k := &swapKilledAt{n: n}
		if !kill(t, k, prepare, do, check) {
			break
		}
		if steps++; k.changes.Load() {
			kill(t, &swapKilledAt{n: n, after: true}, prepare, do, check)
		}
		if t.Failed() {
			t.Fatalf("killed at request %d", n)
		}
	}
	if steps < 10 {
		t.Errorf("got %d requests, want more", steps)
	}
}

func kill(t *testing.T, k *swapKilledAt, prepare func(*testing.T) place, do func(*testing.T, *chroma.Server, place) error, check func(*testing.T, place)) bool {
	t.Helper()
	p := prepare(t)
	k.seen.Store(0)
	proxy := chromatest.Proxy(t, p.Server, k.decide)
	config := p.config(proxy.URL())
	config.Tries, config.BatchRows = 1, 10
	err := do(t, open(t, config), p)
	if k.seen.Load() < k.n {
		if err != nil {
			t.Errorf("nothing was killed: %v", err)
		}
		return false
	}
	check(t, p)
	return true
}

// TestSwapKilled kills a replace at each of its requests. The same plan, staged and
// committed by another process, always ends in the same state.
func TestSwapKilled(t *testing.T) {
	server := chromatest.Shared(t)
	old, rows := storetest.Vectors("old", 18, true), storetest.Vectors("new", 25, true)
	replace := func(t *testing.T, s *chroma.Server, p place) error {
		t.Helper()
		permit := permitVia(t, p, guard.MemoriesReplace, s.Address())
		_, err := trade(t, s, memory.SectionSpec{}, rows, swapOptions(), permit, nil)
		return err
	}
	for _, tt := range []struct {
		name string
		old  []memory.Record
		want []string
	}{
		{"Live", old, []string{name, asideOf}},
		{"Absent", nil, []string{name}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prepare := func(t *testing.T) place {
				p := newPlace(t, server)
				if tt.old != nil {
					p.create(t, "l2")
					p.annotate(t, map[string]any{"mine": 1})
					p.add(t, tt.old)
				}
				return p
			}
			killed(t, prepare, replace, func(t *testing.T, p place) {
				s := open(t, p.config(p.URL()))
				if err := replace(t, s, p); err != nil {
					t.Fatal(err)
				}
				p.wantLive(t, rows)
				p.wantNames(t, tt.want...)
				if seen := survey(t, s); seen.Unfinished != "" {
					t.Errorf("got plan %q unfinished", seen.Unfinished)
				}
				if tt.old == nil {
					return
				}
				aside := p.all(t)[asideOf]
				if len(p.dump(t, aside.ID)) != len(old) {
					t.Errorf("got %d rows aside, want %d", len(p.dump(t, aside.ID)), len(old))
				}
				wantMark(t, aside, guard.Mark{Kind: guard.MarkAside, ID: aside.ID, Plan: plan, Finished: true})
				if live := p.all(t)[name]; len(live.Metadata) != 1 || live.Metadata["mine"] != 1.0 {
					t.Errorf("got metadata %v, want the bundle's", live.Metadata)
				}
			})
		})
	}
}

// permitVia gets leave for what stands there now, as a client at another address
// sees it. The guard asks the real server.
func permitVia(t *testing.T, p place, op guard.Operation, address string) guard.Permit {
	t.Helper()
	direct := open(t, p.config(p.URL()))
	seen := survey(t, direct)
	seen.Locator.Address = address
	seen.Target = guard.NewTarget(t.Context(), seen.Locator, witness{direct})
	return storetest.Permit(t, op, section, seen)
}

// witness asks a server behind a proxy.
type witness struct{ server *chroma.Server }

func (w witness) Look(ctx context.Context, l memory.Locator) (guard.Sighting, error) {
	l.Address = w.server.Address()
	return w.server.Look(ctx, l)
}

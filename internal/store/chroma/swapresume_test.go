package chroma_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// swapKilledAt is a proxy that dies at request n: with it (the server does not hear
// it) or after it (the server has done it, and nobody heard).
type swapKilledAt struct {
	n     int64
	after bool
	seen  atomic.Int64
}

func (k *swapKilledAt) decide(chromatest.Request) chromatest.Fault {
	n := k.seen.Add(1)
	return chromatest.Fault{Reset: n >= k.n, Forward: n == k.n && k.after}
}

// undertaking is something to be killed at its requests, each time in a place of
// its own.
type undertaking struct {
	prepare func(*testing.T) place
	do      func(*testing.T, *chroma.Server, place) error
	check   func(*testing.T, place) // after it was killed
}

// killed kills it at each request that changes anything, before it is done and
// after. A kill at any other request leaves what the last such one left; with
// every they are made too.
func (u undertaking) killed(t *testing.T, every bool) {
	t.Helper()
	requests := u.count(t)
	for i, changes := range requests {
		n := int64(i + 1)
		if changes || every {
			u.kill(t, &swapKilledAt{n: n})
		}
		if changes {
			u.kill(t, &swapKilledAt{n: n, after: true})
		}
		if t.Failed() {
			t.Fatalf("killed at request %d of %d", n, len(requests))
		}
	}
}

// count goes through with it and says of each request whether it changes anything.
func (u undertaking) count(t *testing.T) []bool {
	t.Helper()
	var mu sync.Mutex
	var requests []bool
	p := u.prepare(t)
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, r.Method != http.MethodGet && r.Op != "get")
		return chromatest.Fault{}
	})
	if err := u.do(t, u.through(t, p, proxy), p); err != nil {
		t.Fatalf("nothing was killed: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(requests) < 10 || !slices.Contains(requests, true) {
		t.Errorf("got %d requests, want more", len(requests))
	}
	return requests
}

func (u undertaking) through(t *testing.T, p place, proxy *chromatest.FaultProxy) *chroma.Server {
	t.Helper()
	config := p.config(proxy.URL())
	config.Tries, config.BatchRows = 1, 10
	return open(t, config)
}

func (u undertaking) kill(t *testing.T, k *swapKilledAt) {
	t.Helper()
	p := u.prepare(t)
	err := u.do(t, u.through(t, p, chromatest.Proxy(t, p.Server, k.decide)), p)
	if k.seen.Load() < k.n || err == nil {
		t.Errorf("got %v after %d requests, want it to be killed at request %d", err, k.seen.Load(), k.n)
	}
	u.check(t, p)
}

// TestSwapKilled kills a replace at each of its requests. The same plan, staged and
// committed by another process, always ends in the same state.
func TestSwapKilled(t *testing.T) {
	server := chromatest.Shared(t)
	old, rows := storetest.Vectors("old", 18, true), storetest.Vectors("new", 25, true)
	replace := func(t *testing.T, s *chroma.Server, p place) error {
		t.Helper()
		permit := permitVia(t, p, guard.ReplaceOperation(memory.Memories), s.Address())
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
			check := func(t *testing.T, p place) {
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
			}
			undertaking{prepare, replace, check}.killed(t, tt.old != nil)
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
	seen.Target = guard.NewTarget(t.Context(), guard.Served, seen.Locator, witness{direct})
	return storetest.Permit(t, op, section, seen)
}

// witness asks a server behind a proxy.
type witness struct{ server *chroma.Server }

func (w witness) Look(ctx context.Context, l memory.Locator) (guard.Sighting, error) {
	l.Address = w.server.Address()
	return w.server.Look(ctx, l)
}

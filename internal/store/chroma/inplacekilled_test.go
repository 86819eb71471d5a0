package chroma_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// TestInPlaceKilled ends the process at every request of a commit, and at every
// write once the server has done it, and does the same again.
func TestInPlaceKilled(t *testing.T) {
	server := chromatest.Shared(t)
	rows := storetest.Vectors("a", 32, true)
	records := mixed(t, rows)
	allowed := map[record.Digest]bool{}
	for _, rec := range append(slices.Clone(rows), records...) {
		allowed[digest(t, rec)] = true
	}
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprintf("Done=%t", done), func(t *testing.T) {
			n := 1
			for killedAt(t, newPlace(t, server), n, done, rows, records, allowed) {
				n++
			}
			if n < 8 {
				t.Errorf("got %d requests, want more to be killed at", n)
			}
		})
	}
}

// killer lets n requests begin and none after them.
type killer struct {
	mu       sync.Mutex
	done     bool // the last one is done, and nobody hears of it; only writes count
	n, seen  int
	on, dead bool
}

func (k *killer) decide(r chromatest.Request) chromatest.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.on || k.done && r.Op != "add" && r.Op != "delete" {
		return chromatest.Fault{Reset: k.dead}
	}
	k.seen++
	last := k.seen == k.n
	k.dead = k.dead || last
	return chromatest.Fault{Reset: k.dead, Forward: last && k.done}
}

func (k *killer) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.on = true
}

func (k *killer) killed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// killedAt breaks a replace off at request n, looks, and does it again. It
// reports whether there was such a request.
func killedAt(t *testing.T, p place, n int, done bool, rows, records []memory.Record, allowed map[record.Digest]bool) bool {
	t.Helper()
	p.create(t, "l2")
	p.add(t, rows)
	k := &killer{n: n, done: done}
	proxy := chromatest.Proxy(t, p.Server, k.decide)
	config := p.config(proxy.URL())
	config.BatchRows, config.PageRows, config.Tries = 5, 16, 1
	s := open(t, config)
	staged, permit := stage(t, s, memory.SectionSpec{}, records), leave(t, s, operation)
	k.start()
	_, err := staged.Commit(t.Context(), permit, sequence(rows))
	killed := k.killed()
	if (err != nil) != killed {
		t.Fatalf("request %d: got %v, want an error: %t", n, err, killed)
	}
	again := open(t, p.config(p.URL()))
	got, _ := read(t, again)
	wantAllowed(t, n, got, rows, records, allowed)
	replaceInPlace(t, again, memory.SectionSpec{}, records)
	wantRows(t, again, records, "l2")
	if t.Failed() {
		t.Fatalf("killed at request %d", n)
	}
	return killed
}

// wantAllowed wants every row to be an old or a new one, and none to be gone that
// the records don't hold, before all of these are in.
func wantAllowed(t *testing.T, n int, got, rows, records []memory.Record, allowed map[record.Digest]bool) {
	t.Helper()
	there := map[string]bool{}
	for _, rec := range got {
		if there[id(t, rec)] = true; !allowed[digest(t, rec)] {
			t.Errorf("request %d: got a row that is neither old nor new: %.200s", n, rec)
		}
	}
	wanted := ids(t, records)
	gone := slices.DeleteFunc(ids(t, rows), func(id string) bool { return there[id] || slices.Contains(wanted, id) })
	missing := slices.DeleteFunc(wanted, func(id string) bool { return there[id] })
	if len(gone) > 0 && len(missing) > 0 {
		t.Errorf("request %d: rows %v were deleted before rows %v were in", n, gone, missing)
	}
	old := ids(t, rows)
	if between := slices.DeleteFunc(missing, func(id string) bool { return !slices.Contains(old, id) }); len(between) > 5 {
		t.Errorf("request %d: %d rows are gone at once, want no more than a batch", n, len(between))
	}
}

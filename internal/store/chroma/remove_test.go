package chroma_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

var operation = guard.ReplaceOperation(memory.Memories)

// leave is a permit for op on what stands there now.
func leave(t testing.TB, s *chroma.Server, op guard.Operation) guard.Permit {
	t.Helper()
	return permitFor(t, op, survey(t, s))
}

func permitFor(t testing.TB, op guard.Operation, seen store.Survey) guard.Permit {
	t.Helper()
	rules := guard.Rules{
		Environment: guard.ReadEnvironment(func(key string) (string, bool) { return "true", key == guard.EnvAllow }),
		Now:         time.Now, Audit: io.Discard, Ledger: guard.DirLedger{Dir: t.TempDir()},
	}
	agreement := guard.Agreement{Operation: op, Plan: "plan", Bundle: "seal", Losses: []guard.Loss{{Target: seen.Target}}}
	token, _, err := rules.Issue(rand.Reader, agreement)
	if err != nil {
		t.Fatal(err)
	}
	permit, err := rules.AssertDestructiveTargetAllowed(t.Context(), guard.Request{
		Operation: op, Subsystem: section.Subsystem(), Mode: "replace", Target: seen.Target,
		Confirmation: guard.Confirmation{Token: token, Agreement: agreement},
	})
	if err != nil {
		t.Fatal(err)
	}
	return permit
}

func remove(t testing.TB, s *chroma.Server, rows []memory.Record) (store.Removal, heard) {
	t.Helper()
	got, h, err := tryRemove(t, s, rows, leave(t, s, operation))
	if err != nil {
		t.Fatal(err)
	}
	return got, h
}

func tryRemove(t testing.TB, s *chroma.Server, rows []memory.Record, permit guard.Permit) (store.Removal, heard, error) {
	t.Helper()
	h := heard{map[store.Outcome][]string{}, map[string]string{}}
	got, err := s.Remove(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), permit,
		store.RemoveOptions{Operation: operation, Report: h.hear})
	return got, h, err
}

// TestRemove takes a merge back, but for the rows that changed since, some at a
// time, and again.
func TestRemove(t *testing.T) {
	for _, space := range []string{"l2", "cosine"} {
		t.Run(space, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, space)
			stay := storetest.Vectors("stay", 900, space == "l2")[700:]
			rows := storetest.Vectors("a", 700, space == "l2")
			p.add(t, stay)
			p.add(t, rows)
			changed := map[int][2]string{
				100: {"document", `"other"`}, 200: {"metadata", `{"seed":"b"}`},
				300: {"embedding", "[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0]"}, 301: {"metadata", "null"},
			}
			kept := slices.Clone(stay)
			for i, to := range changed {
				p.remove(t, storetest.ID(i))
				kept = append(kept, change(t, rows[i], to[0], to[1]))
				p.add(t, kept[len(kept)-1:])
			}
			p.remove(t, storetest.ID(400))
			rows = append(rows, change(t, stay[100], "embedding", "null")) // was rejected, its like lives
			proxy := chromatest.Proxy(t, p.Server, nil)
			config := p.config(proxy.URL())
			config.BatchRows = 100
			s := open(t, config)
			got, h := remove(t, s, rows)
			if want := (store.Removal{Removed: 695, Kept: 5, Gone: 1, Rows: 204}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if n := proxy.Count(http.MethodPost, "delete"); n < 7 || n > 9 {
				t.Errorf("got %d deletions, want about 7 of at most 100 rows", n)
			}
			if h.reasons["row-000100"] != "document differs" || len(h.outcomes[store.Removed]) != 1 || len(h.outcomes[store.Differs]) != 5 {
				t.Errorf("got %v, %v", h.outcomes, h.reasons)
			}
			wantRows(t, s, kept, space)
			if got, _ := remove(t, s, rows); got != (store.Removal{Kept: 5, Gone: 696, Rows: 204}) {
				t.Errorf("again: got %+v, want nothing removed", got)
			}
			wantRows(t, s, kept, space)
		})
	}
}

// wantRows wants the collection to hold just those rows, in any order.
func wantRows(t testing.TB, s *chroma.Server, want []memory.Record, space string) {
	t.Helper()
	got, h := compare(t, s, memory.SectionSpec{Distance: space}, want)
	if n := int64(len(want)); got.Live != n || got.Same != n {
		t.Errorf("got %+v, %v, want the same %d rows", got, h.reasons, n)
	}
}

// TestRemoveLive keeps all of a row that became unreadable, and takes one that
// goes meanwhile for gone.
func TestRemoveLive(t *testing.T) {
	p, rows := filled(t, 100)
	var gone sync.Once
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch {
		case r.Op == "get" && strings.Contains(string(r.Body), `"row-000050"`) && strings.Contains(string(r.Body), "embeddings"):
			return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error finding id"}`}
		case r.Op == "get" && strings.Contains(string(r.Body), `"row-000020"`):
			gone.Do(func() { p.remove(t, "row-000020") })
		}
		return chromatest.Fault{}
	})
	got, h := remove(t, open(t, p.config(proxy.URL())), rows)
	if want := (store.Removal{Removed: 98, Kept: 1, Gone: 1, Rows: 1}); got != want {
		t.Errorf("got %+v, %v, want %+v", got, h.reasons, want)
	}
}

// TestRemoveFaults makes each fault at each deletion, once.
func TestRemoveFaults(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	rows := storetest.Vectors("a", 90, true)
	for fault, what := range mending {
		if fault == "Hang" || fault == "Cut" || fault == "Trash" {
			continue // the answer to a deletion is not looked at
		}
		t.Run(fault, func(t *testing.T) {
			p.database = p.Database(t)
			p.create(t, "l2")
			p.add(t, rows)
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "delete" && r.N <= 2 {
					return what
				}
				return chromatest.Fault{}
			})
			config := p.config(proxy.URL())
			config.BatchRows, config.PageRows = 30, 30
			if got, _ := remove(t, open(t, config), rows); got != (store.Removal{Removed: 90}) {
				t.Errorf("got %+v, want 90 removed", got)
			}
		})
	}
}

// TestRemoveWithoutLeave touches nothing.
func TestRemoveWithoutLeave(t *testing.T) {
	p, rows := filled(t, 20)
	other, _ := filled(t, 1)
	proxy := chromatest.Proxy(t, p.Server, nil)
	s := open(t, p.config(proxy.URL()))
	moved := leave(t, s, operation)
	for _, tt := range []struct {
		name   string
		permit guard.Permit
	}{
		{"ErrZero", guard.Permit{}},
		{"ErrOperation", leave(t, s, guard.Undo)},
		{"ErrTarget", leave(t, open(t, other.config(proxy.URL())), operation)},
	} {
		t.Run(tt.name, func(t *testing.T) { wantNoLeave(t, p, s, proxy, rows, tt.permit) })
	}
	t.Run("ErrMadeAnew", func(t *testing.T) {
		p.Call(t, http.MethodDelete, p.collections()+"/"+name, nil, nil)
		p.create(t, "l2")
		p.add(t, rows)
		wantNoLeave(t, p, s, proxy, rows, moved)
	})
}

func wantNoLeave(t *testing.T, p place, s *chroma.Server, proxy *chromatest.FaultProxy, rows []memory.Record, permit guard.Permit) {
	t.Helper()
	before := p.state(t)
	got, _, err := tryRemove(t, s, rows, permit)
	if !errors.Is(err, guard.ErrNotPermitted) || got != (store.Removal{}) {
		t.Errorf("got %+v, %v, want ErrNotPermitted", got, err)
	}
	if after := p.state(t); after != before || proxy.Count(http.MethodPost, "delete") != 0 {
		t.Error("a removal without leave touched the place")
	}
}

// TestRemoveFromNothing counts what is gone, and makes nothing.
func TestRemoveFromNothing(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	s := open(t, p.config(p.URL()))
	if got, _ := remove(t, s, storetest.Vectors("a", 7, true)); got != (store.Removal{Gone: 7}) {
		t.Errorf("got %+v, want 7 gone", got)
	}
	if state := p.state(t); state != "[[]]" {
		t.Errorf("got %s, want no collection", state)
	}
}

package chroma_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// T3 reads 50 pages of two rows, with something wrong at each of them.
const pages = 50

// paged is a collection of 50 pages.
type paged struct {
	place

	all      []memory.Record
	at, page map[string]int // of each row, from 0
}

func newPaged(t *testing.T) *paged {
	t.Helper()
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "l2")
	return paging(t, p)
}

// paging fills the collection of a place.
func paging(t *testing.T, p place) *paged {
	t.Helper()
	rows := storetest.Vectors("a", 2*pages, true)
	p.add(t, rows)
	g := &paged{place: p, all: rows, at: map[string]int{}, page: map[string]int{}}
	for i, id := range ids(t, rows) {
		g.at[id], g.page[id] = i, i/2
	}
	return g
}

// through returns a server behind a proxy, that is asked for pages of two rows.
func (g *paged) through(t *testing.T, tries int, silence, pause time.Duration, decide func(r chromatest.Request, page int) chromatest.Fault) *chroma.Server {
	t.Helper()
	proxy := chromatest.Proxy(t, g.Server, func(r chromatest.Request) chromatest.Fault {
		list := asked(t, r)
		if r.Op != "get" || len(list) == 0 {
			return chromatest.Fault{}
		}
		return decide(r, g.page[list[0]])
	})
	config := g.config(proxy.URL())
	config.PageRows, config.ReadTimeout = 2, silence
	config.Tries, config.Pause = tries, pause
	return open(t, config)
}

// TestT3 wants no false success: with any fault at any page, for good, there is an
// error, or the capture is not complete and says which rows; and with any fault
// that passes, all rows.
func TestT3(t *testing.T) {
	g := newPaged(t)
	t.Run("ForGood", func(t *testing.T) {
		for name, fault := range map[string]chromatest.Fault{
			"429":      {Status: http.StatusTooManyRequests},
			"Reset":    {Reset: true},
			"Cut":      {Cut: true},
			"Timeout":  {Hang: true},
			"Repeated": {Rewrite: chromatest.RepeatRow(1)},
			"PageAgain": {Rewrite: chromatest.Instead(
				`{"ids":["before"],"embeddings":[[1,2,3,4,5,6,7,8]],"documents":[null],"metadatas":[null],"uris":[null]}`)},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g.forGood(t, fault)
			})
		}
	})
	t.Run("Passing", g.passing)
	t.Run("RowsMissing", g.rowsMissing)
	t.Run("RowsFailing", g.rowsFailing)
}

// forGood makes a fault at one page after the other, whenever that is asked for.
func (g *paged) forGood(t *testing.T, fault chromatest.Fault) {
	t.Helper()
	var at atomic.Int64
	s := g.through(t, 2, 60*time.Millisecond, time.Millisecond, func(r chromatest.Request, page int) chromatest.Fault {
		if asksRows(r) && page == int(at.Load()) {
			return fault
		}
		return chromatest.Fault{}
	})
	for page := range pages {
		at.Store(int64(page))
		rows, capture, err := tryRead(t, s)
		if !errors.Is(err, store.ErrUnreachable) && !errors.Is(err, store.ErrUnreadable) || len(rows) > 2*page {
			t.Errorf("page %d: got %d rows, %+v, %v, want an error after the pages before", page, len(rows), capture, err)
		}
	}
}

// passing makes a fault at every page, each time once, and at what confirms it.
func (g *paged) passing(t *testing.T) {
	faults := maps.Clone(mending)
	faults["Empty"] = chromatest.Fault{Rewrite: chromatest.Instead(`{"ids":[],"embeddings":[],"documents":[],"metadatas":[],"uris":[]}`)}
	faults["RowLess"] = chromatest.Fault{Rewrite: chromatest.DropRow(0)}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var vectors, others sync.Map
			var made atomic.Int64
			s := g.through(t, 6, 100*time.Millisecond, time.Millisecond, func(r chromatest.Request, page int) chromatest.Fault {
				before := &others
				if asksRows(r) {
					before = &vectors
				}
				if _, again := before.LoadOrStore(page, true); again {
					return chromatest.Fault{}
				}
				made.Add(1)
				return fault
			})
			got, capture := read(t, s)
			slices.SortFunc(got, func(a, b memory.Record) int { return g.at[id(t, a)] - g.at[id(t, b)] })
			equalRows(t, got, g.all)
			if !capture.Complete() || made.Load() < 2*pages {
				t.Errorf("got %+v after %d faults, want complete after %d", capture, made.Load(), 2*pages)
			}
		})
	}
}

// rowsMissing leaves rows out of every page, for good: each is counted.
func (g *paged) rowsMissing(t *testing.T) {
	for missing, left := range map[int]func(at int) bool{
		pages:     func(at int) bool { return at%2 == 0 },
		2 * pages: func(int) bool { return true },
	} {
		s := g.through(t, 2, 10*time.Second, time.Millisecond, func(r chromatest.Request, _ int) chromatest.Fault {
			list := asked(t, r)
			if !asksRows(r) {
				return chromatest.Fault{}
			}
			return chromatest.Fault{Rewrite: func(body []byte) (_ []byte, err error) {
				for i := len(list) - 1; i >= 0 && err == nil; i-- { // answers are in the order of rows, as the questions are
					if left(g.at[list[i]]) {
						body, err = chromatest.DropRow(i)(body)
					}
				}
				return body, err
			}}
		})
		got, capture, err := tryRead(t, s)
		if err != nil || capture.Missing != int64(missing) || len(got) != 2*pages-missing || capture.Complete() {
			t.Errorf("got %d rows, %+v, %v, want %d missing", len(got), capture, err, missing)
		}
	}
}

// rowsFailing has the server fail on the first row of every page: each of them is
// found, by its id, and all the others are whole.
func (g *paged) rowsFailing(t *testing.T) {
	var bad []string
	whole := map[string]memory.Record{}
	for i, rec := range g.all {
		if i%2 == 0 {
			bad = append(bad, id(t, rec))
		} else {
			whole[id(t, rec)] = rec
		}
	}
	for _, tt := range []struct {
		name                 string
		all                  bool
		salvaged, unreadable []string
	}{{"Vectors", false, bad, nil}, {"AtAll", true, nil, bad}} {
		t.Run(tt.name, func(t *testing.T) {
			s := g.through(t, 2, 10*time.Second, time.Millisecond, func(r chromatest.Request, _ int) chromatest.Fault {
				if (tt.all || asksRows(r)) && anyOf(asked(t, r), bad) {
					return chromatest.Fault{Status: http.StatusInternalServerError, Text: "Error finding id"}
				}
				return chromatest.Fault{}
			})
			got, capture, err := tryRead(t, s)
			if err != nil {
				t.Fatal(err)
			}
			var salvaged []string
			for _, rec := range got {
				switch want, ok := whole[id(t, rec)]; {
				case !ok:
					salvaged = append(salvaged, id(t, rec))
					if !bytes.Contains(rec, []byte(`"embedding":null`)) {
						t.Errorf("got %.100s, want no vector", rec)
					}
				case digest(t, rec) != digest(t, want):
					t.Errorf("got %.300s, want %.300s", rec, want)
				}
			}
			if !slices.Equal(salvaged, tt.salvaged) || !slices.Equal(capture.Unreadable, append([]string{}, tt.unreadable...)) ||
				capture.Salvaged != int64(len(tt.salvaged)) || capture.Complete() || len(got) != pages+len(tt.salvaged) {
				t.Errorf("got %d rows, %d salvaged, %+v", len(got), len(salvaged), capture)
			}
		})
	}
}

// TestT3Killed kills a real server at a page: for good, which is an error, and to
// start it again, after which all rows are there.
func TestT3Killed(t *testing.T) {
	server := chromatest.Start(t)
	p := newPlace(t, server)
	p.create(t, "l2")
	g := paging(t, p)
	at := []int{0, pages / 2, pages - 1}
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		at = slices.Collect(func(yield func(int) bool) {
			for i := 0; i < pages && yield(i); i++ {
			}
		})
	}
	for _, page := range at {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("Page%d/Again=%t", page, again), func(t *testing.T) {
				var once sync.Once
				s := g.through(t, 7, 10*time.Second, 200*time.Millisecond, func(r chromatest.Request, now int) chromatest.Fault {
					if asksRows(r) && now == page {
						once.Do(func() {
							if again {
								server.Restart(t)
							} else {
								server.Kill()
							}
						})
					}
					return chromatest.Fault{}
				})
				got, capture, err := tryRead(t, s)
				if !again {
					if !errors.Is(err, store.ErrUnreachable) {
						t.Errorf("got %d rows, %+v, %v, want ErrUnreachable", len(got), capture, err)
					}
					server.Restart(t)
					return
				}
				if err != nil || !capture.Complete() {
					t.Fatalf("got %+v, %v, want complete", capture, err)
				}
				equalRows(t, got, g.all)
			})
		}
	}
}

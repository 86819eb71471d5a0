package chroma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// asksRows reports whether a request gets rows, with their vectors.
func asksRows(r chromatest.Request) bool {
	return r.Op == "get" && bytes.Contains(r.Body, []byte(`"embeddings"`))
}

// asked returns the ids that a request asks for.
func asked(t testing.TB, r chromatest.Request) []string {
	t.Helper()
	if r.Op != "get" {
		return nil
	}
	var body struct{ IDs []string }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Errorf("request is no JSON: %v", err)
	}
	return body.IDs
}

// TestPaging reads 6,000 rows in pages, two at a time, never by offset.
func TestPaging(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "l2")
	rows := storetest.Vectors("a", 6000, true)
	p.add(t, rows)
	var active, most, largest atomic.Int64
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if bytes.Contains(r.Body, []byte("offset")) || bytes.Contains(r.Body, []byte("limit")) {
			t.Errorf("a request by offset: %.100s", r.Body)
		}
		if !asksRows(r) {
			return chromatest.Fault{}
		}
		largest.Store(max(largest.Load(), int64(len(asked(t, r)))))
		most.Store(max(most.Load(), active.Add(1)))
		return chromatest.Fault{Rewrite: func(b []byte) ([]byte, error) { active.Add(-1); return b, nil }}
	})
	got, capture := read(t, open(t, p.config(proxy.URL())))
	equalRows(t, got, rows)
	if !capture.Complete() || capture.Held != 6000 {
		t.Errorf("got %+v, want 6000 held", capture)
	}
	if largest.Load() != 1000 || most.Load() > 2 {
		t.Errorf("got pages of %d rows, %d at once, want 1000 and at most 2", largest.Load(), most.Load())
	}
}

// TestByteCap reads rows of a third of the cap among small ones: pages are halved,
// and the one row that is larger than the cap comes by itself.
func TestByteCap(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "l2")
	const limit = 256 << 10
	rows := storetest.Vectors("a", 40, true)
	for i := 20; i < 28; i++ {
		size := 90 << 10
		if i == 23 {
			size = 700 << 10
		}
		text := strings.Repeat("x", size)
		rows[i] = fmt.Appendf(nil, `{"id":"large-%d","embedding":[1,2,3,4,5,6,7,8],"metadata":null,"document":%q}`, i, text)
	}
	p.add(t, rows)
	var mu sync.Mutex
	smallest := map[string]int{} // the smallest answer that held a large row
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		list := asked(t, r)
		return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, id := range list {
				if n := smallest[id]; strings.HasPrefix(id, "large") && (n == 0 || len(body) < n) {
					smallest[id] = len(body)
				}
			}
			return body, nil
		}}
	})
	config := p.config(proxy.URL())
	config.PageBytes = limit
	got, capture := read(t, open(t, config))
	equalRows(t, got, rows)
	if !capture.Complete() {
		t.Errorf("got %+v, want complete", capture)
	}
	for id, n := range smallest {
		if n > limit && id != "large-23" || n > 701<<10 {
			t.Errorf("row %s came in an answer of %d bytes, want at most %d", id, n, limit)
		}
	}
}

// TestMemoryOfIDs opens a section of many rows, as far as its listing says.
func TestMemoryOfIDs(t *testing.T) {
	const rows, most = 300_000, 64 // bytes a row
	p, _ := filled(t, 1)
	list := []byte(`{"ids":[`)
	for i := range rows {
		list = fmt.Appendf(list, `"%08x-0000-4000-8000-%012x",`, i, i)
	}
	list = append(list[:len(list)-1], `],"include":[]}`...)
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch r.Op {
		case "get":
			return chromatest.Fault{Rewrite: func([]byte) ([]byte, error) { return list, nil }}
		case "count":
			return chromatest.Fault{Rewrite: chromatest.CountOf(rows)}
		}
		return chromatest.Fault{}
	})
	before := heap()
	session, err := open(t, p.config(proxy.URL())).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	grown := heap() - before
	if each := grown / rows; each > most {
		t.Errorf("got %d bytes a row, want at most %d", each, most)
	}
	specs, err := session.Sections(t.Context())
	if err != nil || specs[0].Rows != rows {
		t.Errorf("got %v, %v, want %d rows", specs, err, rows)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(list)
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMeanwhile changes the collection between two pages.
func TestMeanwhile(t *testing.T) {
	p, rows := filled(t, 300)
	late := storetest.Vectors("late", 310, true)[300:]
	all := ids(t, rows)
	readAlready, notYet := all[5], all[280:285]
	var once sync.Once
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		// When this page is asked for, the first has been used. While it waits, the
		// two after it may come; the last can't.
		if asksRows(r) && slices.Contains(asked(t, r), all[120]) {
			once.Do(func() {
				p.remove(t, append(slices.Clone(notYet), readAlready)...)
				p.add(t, late)
			})
		}
		return chromatest.Fault{}
	})
	config := p.config(proxy.URL())
	config.PageRows = 40
	got, capture := read(t, open(t, config))
	want := slices.Concat(rows[:280], rows[285:], late)
	equalRows(t, got, want)
	if capture.Before != 300 || capture.After != 304 || capture.Held != 294 || capture.Added != 10 ||
		capture.Removed != 6 || !capture.Complete() {
		t.Errorf("got %+v, want 300 before, 304 after, 294 held, 10 added, 6 removed", capture)
	}
}

// TestRowNotGiven has the server leave a row out that it lists: once, which a
// second question mends, and every time; or until it is removed after all.
func TestRowNotGiven(t *testing.T) {
	p, rows := filled(t, 200)
	for _, tt := range []struct {
		name             string
		times            int64
		missing, removed int64
	}{
		{"Once", 1, 0, 0},
		{"Always", 1 << 30, 1, 0},
		{"UntilItIsRemoved", 1 << 30, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			target := id(t, rows[70])
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				at := slices.Index(asked(t, r), target)
				if !asksRows(r) || at < 0 || n.Add(1) > tt.times {
					return chromatest.Fault{}
				}
				if n.Load() == 2 && tt.removed > 0 {
					p.remove(t, target)
					return chromatest.Fault{}
				}
				return chromatest.Fault{Rewrite: chromatest.DropRow(at)}
			})
			config := p.config(proxy.URL())
			config.PageRows = 32
			got, capture := read(t, open(t, config))
			if capture.Missing != tt.missing || capture.Removed != tt.removed || int64(len(got)) != 200-tt.missing-tt.removed ||
				capture.Complete() != (tt.missing == 0) {
				t.Errorf("got %d rows, %+v, want %d missing, %d removed", len(got), capture, tt.missing, tt.removed)
			}
		})
	}
}

// TestWrongRows has the server give rows that were not asked for or come twice.
func TestWrongRows(t *testing.T) {
	p, rows := filled(t, 100)
	stranger := `{"ids":["stranger"],"embeddings":[[1,2,3,4,5,6,7,8]],"documents":[null],"metadatas":[null],"uris":[null]}`
	other := strings.Replace(stranger, "stranger", id(t, rows[60]), 1)
	for _, tt := range []struct {
		name    string
		rewrite func([]byte) ([]byte, error)
		want    string
	}{
		{"ErrRepeated", chromatest.RepeatRow(3), "twice"},
		{"ErrStranger", chromatest.Instead(stranger), "not asked for"},
		{"ErrOfAnotherPage", chromatest.Instead(other), "not asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if asksRows(r) && asked(t, r)[0] == id(t, rows[0]) {
					return chromatest.Fault{Rewrite: tt.rewrite}
				}
				return chromatest.Fault{}
			})
			config := p.config(proxy.URL())
			config.PageRows = 32
			_, _, err := tryRead(t, open(t, config))
			if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrUnreadable with %q", err, tt.want)
			}
		})
	}
}

// TestListingCutShort has the server list fewer ids than it counts.
func TestListingCutShort(t *testing.T) {
	p, _ := filled(t, 100)
	var n atomic.Int64
	for _, tt := range []struct {
		name  string
		times int64
		fails bool
	}{{"Once", 1, false}, {"Always", 1 << 30, true}} {
		t.Run(tt.name, func(t *testing.T) {
			n.Store(0)
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "get" && !asksRows(r) && n.Add(1) <= tt.times {
					return chromatest.Fault{Rewrite: chromatest.DropRow(99)}
				}
				return chromatest.Fault{}
			})
			got, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if tt.fails != (err != nil) || err == nil && len(got) != 100 {
				t.Errorf("got %d rows, %v, want an error: %t", len(got), err, tt.fails)
			}
			if tt.fails && !strings.Contains(err.Error(), "counts 100 rows, but lists 99") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWrongCount has the server count otherwise than it lists.
func TestWrongCount(t *testing.T) {
	p, _ := filled(t, 30)
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "count" {
			return chromatest.Fault{Rewrite: chromatest.CountOf(31)}
		}
		return chromatest.Fault{}
	})
	_, _, err := tryRead(t, open(t, p.config(proxy.URL())))
	if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), "counts 31 rows, but lists 30") {
		t.Errorf("got %v, want ErrUnreadable", err)
	}
}

// TestLostIndex takes the vector index away under a stopped server: what is in
// its queue still has vectors, the rest is read without.
func TestLostIndex(t *testing.T) {
	server := chromatest.Start(t)
	p := newPlace(t, server)
	p.Call(t, http.MethodPost, p.collections(), map[string]any{
		"name": name, "configuration": map[string]any{"hnsw": map[string]any{"space": "l2", "sync_threshold": 100}},
	}, nil)
	rows := storetest.Vectors("a", 150, true)
	p.add(t, rows[:100])
	p.add(t, rows[100:])
	if n := p.count(t); n != 150 {
		t.Fatalf("got %d rows, want 150", n)
	}
	server.Kill()
	folders, err := filepath.Glob(filepath.Join(server.Dir(), "*-*-*-*-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("got index folders %v, %v, want one", folders, err)
	}
	if err := os.RemoveAll(folders[0]); err != nil {
		t.Fatal(err)
	}
	server.Restart(t)
	got, capture := read(t, open(t, p.config(p.URL())))
	without := 0
	for _, rec := range got {
		if bytes.Contains(rec, []byte(`"embedding":null`)) {
			without++
		}
	}
	if len(got) != 150 || without == 0 || without == 150 || capture.Salvaged != int64(without) || capture.Complete() {
		t.Errorf("got %d rows, %d without a vector, %+v", len(got), without, capture)
	}
	wantDocuments(t, got, rows)
}

// wantDocuments wants the rows to have the documents of want, whatever else.
func wantDocuments(t *testing.T, got, want []memory.Record) {
	t.Helper()
	documents := map[string]string{}
	for _, rec := range want {
		_, document, _ := strings.Cut(string(rec), `"metadata"`)
		documents[id(t, rec)] = document
	}
	for _, rec := range got {
		if _, document, _ := strings.Cut(string(rec), `"metadata"`); document != documents[id(t, rec)] {
			t.Fatalf("got %s, want %s", document, documents[id(t, rec)])
		}
	}
}

// TestUnreadable has the server fail on some rows whatever is asked of them.
func TestUnreadable(t *testing.T) {
	p, rows := filled(t, 100)
	bad := ids(t, rows[40:42])
	for _, tt := range []struct {
		name       string
		fails      func(r chromatest.Request) bool
		rows       int
		salvaged   int64
		unreadable []string
	}{
		{"WithVectors", func(r chromatest.Request) bool {
			return asksRows(r) && anyOf(asked(t, r), bad)
		}, 100, 2, []string{}},
		{"AtAll", func(r chromatest.Request) bool {
			return r.Op == "get" && anyOf(asked(t, r), bad)
		}, 98, 0, bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if tt.fails(r) {
					return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error finding id"}`}
				}
				return chromatest.Fault{}
			})
			got, capture := read(t, open(t, p.config(proxy.URL())))
			if len(got) != tt.rows || capture.Salvaged != tt.salvaged || !slices.Equal(capture.Unreadable, tt.unreadable) ||
				capture.Missing != 0 || capture.Complete() {
				t.Errorf("got %d rows, %+v", len(got), capture)
			}
		})
	}
	t.Run("ErrEveryOne", func(t *testing.T) {
		proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
			if r.Op == "get" && len(asked(t, r)) > 0 {
				return chromatest.Fault{Status: 500, Text: "Error finding id"}
			}
			return chromatest.Fault{}
		})
		got, _, err := tryRead(t, open(t, p.config(proxy.URL())))
		if !errors.Is(err, store.ErrUnreadable) || len(got) != 0 {
			t.Errorf("got %d rows, %v, want ErrUnreadable", len(got), err)
		}
	})
}

func anyOf(list, of []string) bool {
	return slices.ContainsFunc(list, func(id string) bool { return slices.Contains(of, id) })
}

// TestOverflownVector has a row whose vector the server can only print as nulls.
func TestOverflownVector(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "cosine")
	p.add(t, []memory.Record{
		memory.Record(`{"id":"huge","embedding":[3e38,3e38],"metadata":{"a":1},"document":"x"}`),
		memory.Record(`{"id":"plain","embedding":[1,2],"metadata":null,"document":null}`),
	})
	got, capture := read(t, open(t, p.config(p.URL())))
	if want := `{"id":"huge","embedding":null,"metadata":{"a":1},"document":"x"}`; string(got[0]) != want {
		t.Errorf("got %s, want %s", got[0], want)
	}
	if len(got) != 2 || capture.Salvaged != 1 || capture.Complete() {
		t.Errorf("got %d rows, %+v, want one of two salvaged", len(got), capture)
	}
}

// TestAbsent wants no difference between a section that is not configured and
// one that has no collection, and none of them to be an error at Open.
func TestAbsent(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	session, err := open(t, p.config(p.URL())).Open(t.Context(), []memory.Section{section, memory.KnowledgeBase})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, s := range []memory.Section{section, memory.KnowledgeBase} {
		if _, err := session.Read(t.Context(), s); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("read %s: got %v, want ErrAbsent", s, err)
		}
	}
}

// TestSecondReading begins with a listing of its own.
func TestSecondReading(t *testing.T) {
	p, rows := filled(t, 20)
	session, err := open(t, p.config(p.URL())).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, want := range []int64{20, 19} {
		reading, err := session.Read(t.Context(), section)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range reading.All() {
			if err != nil {
				t.Fatal(err)
			}
		}
		capture, err := reading.Capture()
		if err != nil || capture.Before != want || !capture.Complete() {
			t.Errorf("got %+v, %v, want %d before", capture, err, want)
		}
		p.Try(t, http.MethodPost, p.rows(t, "delete"), map[string]any{"ids": []string{id(t, rows[0])}})
	}
}

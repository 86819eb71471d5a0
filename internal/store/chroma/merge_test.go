package chroma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// TestMergeTwice sends nothing the second time.
func TestMergeTwice(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	proxy := chromatest.Proxy(t, p.Server, nil)
	s := open(t, p.config(proxy.URL()))
	rows := storetest.Vectors("a", 2300, true)
	result, _ := merge(t, s, memory.SectionSpec{Distance: "l2"}, rows)
	if result.Added != 2300 || result.Same != 2300 || !result.Created {
		t.Errorf("got %+v, want 2300 added to a new collection", result)
	}
	adds := proxy.Count(http.MethodPost, "add")
	if adds != 3 {
		t.Errorf("got %d adds, want 3 of at most 1000 rows", adds)
	}
	result, _ = merge(t, s, memory.SectionSpec{Distance: "l2"}, rows)
	if n := proxy.Count(http.MethodPost, "add"); n != adds || result.Added != 0 || result.Same != 2300 {
		t.Errorf("got %d more adds, %+v, want none", n-adds, result)
	}
	for _, op := range []string{"upsert", "update", "delete"} {
		if n := proxy.Count(http.MethodPost, op); n != 0 {
			t.Errorf("got %d requests %s, want none", n, op)
		}
	}
}

// TestEmbeddingsOnTheWire sends them as base64 where the server says that it
// takes that, else as the bundle has them.
func TestEmbeddingsOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		name, checks, want string
	}{
		{"Base64", `{"max_batch_size":5461,"supports_base64_encoding":true}`, `"embeddings":["`},
		{"Numbers", `{"max_batch_size":5461,"supports_base64_encoding":false}`, `"embeddings":[[`},
		{"NothingPromised", `{}`, `"embeddings":[[`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "add" && !bytes.Contains(r.Body, []byte(tt.want)) {
					t.Errorf("got %.300s, want %s", r.Body, tt.want)
				}
				if r.Op == "pre-flight-checks" {
					return chromatest.Fault{Rewrite: chromatest.Instead(tt.checks)}
				}
				return chromatest.Fault{}
			})
			s := open(t, p.config(proxy.URL()))
			rows := storetest.Vectors("a", 50, true)
			result, _ := merge(t, s, memory.SectionSpec{}, rows)
			if result.Added != 50 || result.Same != 50 {
				t.Errorf("got %+v, want 50 added and the same", result)
			}
			got, _ := read(t, s)
			equalRows(t, got, rows)
		})
	}
}

// TestBatches keeps within rows, bytes, and what the server says it takes.
func TestBatches(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	largest, most := 0, 0
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "pre-flight-checks" {
			return chromatest.Fault{Rewrite: chromatest.Instead(`{"max_batch_size":30,"supports_base64_encoding":true}`)}
		}
		var body struct{ IDs []string }
		if r.Op == "add" && json.Unmarshal(r.Body, &body) == nil && r.N == 1 { // the others come at once
			largest, most = max(largest, len(r.Body)), max(most, len(body.IDs))
		}
		return chromatest.Fault{}
	})
	config := p.config(proxy.URL())
	config.BatchBytes = 64 << 10
	s := open(t, config)
	merge(t, s, memory.SectionSpec{}, storetest.Vectors("a", 100, true))
	if n := proxy.Count(http.MethodPost, "add"); n != 4 || most != 30 {
		t.Errorf("got %d adds of %d rows, want 4 of at most 30", n, most)
	}
	large := make([]memory.Record, 10)
	for i := range large {
		large[i] = fmt.Appendf(nil, `{"id":"l%d","embedding":[1,2,3,4,5,6,7,8],"document":%q}`, i, strings.Repeat("y", 40<<10))
	}
	merge(t, s, memory.SectionSpec{}, large)
	if n := proxy.Count(http.MethodPost, "add"); n != 14 {
		t.Errorf("got %d adds, want 10 more: one for each row", n)
	}
}

// TestTooLarge has the server take no more than so many bytes at once.
func TestTooLarge(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	const limit = 8 << 10
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" && len(r.Body) > limit {
			return chromatest.Fault{Status: http.StatusRequestEntityTooLarge, Text: "length limit exceeded"}
		}
		return chromatest.Fault{}
	})
	rows := storetest.Vectors("a", 200, true)
	huge := fmt.Appendf(nil, `{"id":"huge","embedding":[1,2,3,4,5,6,7,8],"document":%q}`, strings.Repeat("z", limit))
	result, h := merge(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, slices.Insert(slices.Clone(rows), 100, memory.Record(huge)))
	if result.Added != 200 || result.Same != 200 || result.Rejected != 1 || result.Complete() {
		t.Errorf("got %+v, want 200 added and one rejected", result)
	}
	if got, want := h.reasons["huge"], "the server refused it: 413 length limit exceeded"; got != want {
		t.Errorf("got reason %q, want %q", got, want)
	}
}

// TestRejected puts rows that the server will not take among others.
func TestRejected(t *testing.T) {
	good := storetest.Vectors("a", 100, true)
	for _, tt := range []struct{ name, row, reason string }{
		{"ErrNested", `{"id":"bad","embedding":[1,2,3,4,5,6,7,8],"metadata":{"a":{"b":1}}}`, "422 ChromaError: Failed to deserialize"},
		{"ErrMixedArray", `{"id":"bad","embedding":[1,2,3,4,5,6,7,8],"metadata":{"a":[1,"x"]}}`, "422"},
		{"ErrSparse", `{"id":"bad","embedding":[1,2,3,4,5,6,7,8],"metadata":{"v":{"#type":"sparse_vector","indices":[1],"values":[0.5]}}}`, "501"},
		{"ErrKey", `{"id":"bad","embedding":[1,2,3,4,5,6,7,8],"metadata":{"$x":1}}`, "400 InvalidArgumentError"},
		{"ErrDimension", `{"id":"bad","embedding":[1,2,3],"metadata":null}`, "vector has 3 numbers, not 8"},
		{"ErrSalvaged", `{"id":"bad","embedding":null,"metadata":null}`, "vector was not readable when it was backed up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			s := open(t, p.config(p.URL()))
			rows := slices.Insert(slices.Clone(good), 37, memory.Record(tt.row))
			result, h := merge(t, s, memory.SectionSpec{Dimension: 8}, rows)
			if result.Added != 100 || result.Same != 100 || result.Rejected != 1 || result.Missing != 0 {
				t.Errorf("got %+v, want 100 added and one rejected", result)
			}
			if got := h.reasons["bad"]; !strings.Contains(got, tt.reason) {
				t.Errorf("got reason %q, want %q", got, tt.reason)
			}
			got, _ := read(t, s)
			equalRows(t, got, good)
		})
	}
}

// TestRecords ends a merge at records that a bundle's check would have refused.
func TestRecords(t *testing.T) {
	row := func(id string) memory.Record {
		return memory.Record(`{"id":"` + id + `","embedding":[1,2],"metadata":null,"document":null}`)
	}
	for _, tt := range []struct {
		name string
		rows []memory.Record
		want string
	}{
		{"ErrTwice", []memory.Record{row("a"), row("b"), row("a")}, `record 3: row "a" comes twice`},
		{"ErrNoID", []memory.Record{row("a"), row("")}, "record 2: offset 6: id is empty"},
		{"ErrNoJSON", []memory.Record{memory.Record("x")}, "record 1: offset 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			_, _, err := tryMerge(t, open(t, p.config(p.URL())), memory.SectionSpec{}, tt.rows)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n := p.count(t); n != 0 {
				t.Errorf("got %d rows in the collection, want none", n)
			}
		})
	}
}

// TestChangingRecords wants the second pass to yield what the first one did.
func TestChangingRecords(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	s := open(t, p.config(p.URL()))
	rows := storetest.Vectors("a", 20, true)
	for _, tt := range []struct {
		name   string
		second []memory.Record
		want   string
	}{
		{"ErrFewer", rows[:9], "10 at first and 9 the second time"},
		{"ErrOther", rows[10:], "was not among the records at first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pass := rows[:10]
			_, err := s.Merge(t.Context(), memory.SectionSpec{Name: section}, func(yield func(memory.Record, error) bool) {
				sequence(pass)(yield)
				pass = tt.second
			}, store.MergeOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMismatch refuses a collection of another shape before any write.
func TestMismatch(t *testing.T) {
	p, rows := filled(t, 10)
	proxy := chromatest.Proxy(t, p.Server, nil)
	s := open(t, p.config(proxy.URL()))
	for _, tt := range []struct {
		name string
		spec memory.SectionSpec
		want string
	}{
		{"ErrDimension", memory.SectionSpec{Dimension: 9}, "its dimension is 8, the records' is 9"},
		{"ErrDistance", memory.SectionSpec{Dimension: 8, Distance: "cosine"}, "its distance is l2, the records' is cosine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tryMerge(t, s, tt.spec, append(rows[:10:10], memory.Record(`{"id":"new","embedding":[1,2,3,4,5,6,7,8]}`)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n := proxy.Count(http.MethodPost, "add"); n != 0 || p.count(t) != 10 {
				t.Errorf("got %d adds and %d rows, want nothing written", n, p.count(t))
			}
		})
	}
}

// TestFaultsOfAdding makes each fault at each add, once.
func TestFaultsOfAdding(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	rows := storetest.Vectors("a", 90, true)
	for fault, what := range mending {
		if fault == "Hang" || fault == "Cut" || fault == "Trash" {
			continue // the answer to an add is not looked at
		}
		t.Run(fault, func(t *testing.T) {
			p.database = p.Database(t)
			for n := 1; n <= 3; n++ {
				proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
					if r.Op == "add" && r.N == n {
						return what
					}
					return chromatest.Fault{}
				})
				config := p.config(proxy.URL())
				config.BatchRows = 10
				result, _ := merge(t, open(t, config), memory.SectionSpec{}, rows[:30*n])
				if result.Added != 30 || result.Same != int64(30*n) {
					t.Errorf("fault at add %d: got %+v, want 30 added", n, result)
				}
			}
		})
	}
}

// TestServerGivesUp has the server refuse all adds from the third on.
func TestServerGivesUp(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" && r.N >= 3 {
			return chromatest.Fault{Status: 503, Text: "memory limit"}
		}
		return chromatest.Fault{}
	})
	config := p.config(proxy.URL())
	config.BatchRows, config.Tries = 10, 2
	rows := storetest.Vectors("a", 100, true)
	result, _, err := tryMerge(t, open(t, config), memory.SectionSpec{}, rows)
	if err == nil || errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "add rows: 503 memory limit") {
		t.Errorf("got %v, want what the server said", err)
	}
	if n := p.count(t); int64(n) != result.Added || n != 20 {
		t.Errorf("got %d rows and %+v, want 20 and the result to say so", n, result)
	}
	result, _ = merge(t, open(t, p.config(p.URL())), memory.SectionSpec{}, rows)
	if result.Added != 80 || result.Same != 100 {
		t.Errorf("got %+v, want the other 80 added", result)
	}
}

func TestNotConfigured(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	s := open(t, p.config(p.URL()))
	if _, err := s.Survey(t.Context(), memory.KnowledgeBase); err == nil || !strings.Contains(err.Error(), "no collection is configured") {
		t.Errorf("got %v", err)
	}
	_, err := s.Merge(t.Context(), memory.SectionSpec{Name: memory.KnowledgeBase}, sequence(nil), store.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "no collection is configured") {
		t.Errorf("got %v", err)
	}
}

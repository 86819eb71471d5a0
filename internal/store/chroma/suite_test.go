package chroma_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

func TestSuite(t *testing.T) {
	current, old := chromatest.Shared, func(t testing.TB) *chromatest.Server {
		return chromatest.Start(t, chromatest.Old())
	}
	for _, tt := range []struct {
		name, space string
		tolerance   float64
		rows        int
		start       func(testing.TB) *chromatest.Server
	}{
		{"L2", "l2", 0, 1100, current},
		{"Cosine", "cosine", 5e-7, 300, current},
		{"IP", "ip", 0, 150, current},
		{"OldServer", "l2", 0, 300, old},
	} {
		t.Run(tt.name, func(t *testing.T) {
			suite(t, tt.start(t), tt.space, tt.tolerance, tt.rows)
		})
	}
}

func suite(t *testing.T, server *chromatest.Server, space string, tolerance float64, rows int) {
	storetest.Run(t, storetest.Factory{
		New: func(t *testing.T) storetest.Fixture { return fixture(t, server, space) },
		Unreachable: func(t *testing.T) (store.Store, store.Target, memory.Section) {
			p := newPlace(t, server)
			proxy := chromatest.Proxy(t, server, func(chromatest.Request) chromatest.Fault {
				return chromatest.Fault{Reset: true}
			})
			s := open(t, p.config(proxy.URL()))
			return s, s, section
		},
		OneRefused: func(t *testing.T) (store.Store, memory.Section, memory.Section) { return oneRefused(t, server) },
		Rejects:    true,
		KeepsAside: true,
		InPlace:    rows > 1000, // the others differ in how vectors are compared, which the swap tries
		Tolerance:  tolerance,
		Rows:       rows,
		Leaks: []goleak.Option{
			goleak.IgnoreAnyFunction("keepsake/internal/store/chroma/chromatest.(*life).run"),
		},
	})
}

// oneRefused is a place with a second collection, whose rows can't be counted.
func oneRefused(t *testing.T, server *chromatest.Server) (st store.Store, good, bad memory.Section) {
	t.Helper()
	p := newPlace(t, server)
	p.create(t, "l2")
	p.add(t, storetest.Vectors("a", 5, true))
	var made struct{ ID string }
	p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": "broken"}, &made)
	proxy := chromatest.Proxy(t, server, func(r chromatest.Request) chromatest.Fault {
		if strings.Contains(r.Path, made.ID) {
			return chromatest.Fault{Status: http.StatusInternalServerError}
		}
		return chromatest.Fault{}
	})
	config := p.config(proxy.URL())
	config.Collections[memory.Summaries] = "broken"
	return open(t, config), section, memory.Summaries
}

func fixture(t *testing.T, server *chromatest.Server, space string) storetest.Fixture {
	t.Helper()
	p := newPlace(t, server)
	s := open(t, p.config(p.URL()))
	var made atomic.Bool
	return storetest.Fixture{
		Store: s, Target: s,
		Spec: memory.SectionSpec{Name: section, Kind: memory.Vectors, Dimension: storetest.Dimension, Distance: space},
		Put: func(t *testing.T, rows []memory.Record) {
			if !made.Swap(true) {
				p.create(t, space)
			}
			p.add(t, rows)
		},
		Delete: func(t *testing.T, ids []string) { p.remove(t, ids...) },
		State:  p.state,
	}
}

// state is all that the database holds. Maps come in any order from the server.
func (p place) state(t *testing.T) string {
	t.Helper()
	var found []map[string]any
	p.Call(t, http.MethodGet, p.collections(), nil, &found)
	state := []any{found}
	for _, collection := range found {
		var rows any
		path := fmt.Sprintf("%s/%s/get", p.collections(), collection["id"])
		p.Call(t, http.MethodPost, path, map[string]any{"include": []string{"embeddings", "documents", "metadatas", "uris"}}, &rows)
		state = append(state, rows)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

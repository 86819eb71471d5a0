package chroma_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

func TestMain(m *testing.M) { chromatest.Main(m) }

const (
	section = memory.Memories
	name    = "memories"
)

// place is a database on a server, which tests look at and write to behind the
// store's back.
type place struct {
	*chromatest.Server
	database string
}

func newPlace(t testing.TB, s *chromatest.Server) place {
	t.Helper()
	chromatest.NoLeaks(t)
	return place{s, s.Database(t)}
}

// config reaches the place at url, which may be a proxy's.
func (p place) config(url string) chroma.Config {
	return chroma.Config{
		BaseURL:     url,
		Database:    p.database,
		Collections: map[memory.Section]string{section: name},
		Now:         time.Now,
		Pause:       time.Millisecond,
	}
}

func open(t testing.TB, config chroma.Config) *chroma.Server {
	t.Helper()
	s, err := chroma.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p place) collections() string { return chromatest.Collections(p.database) }

// create makes the collection with that distance.
func (p place) create(t testing.TB, space string) {
	t.Helper()
	p.Call(t, http.MethodPost, p.collections(), map[string]any{
		"name": name, "configuration": map[string]any{"hnsw": map[string]string{"space": space}},
	}, nil)
}

// look returns the collection as the server describes it.
func (p place) look(t testing.TB) map[string]any {
	t.Helper()
	var found map[string]any
	p.Call(t, http.MethodGet, p.collections()+"/"+name, nil, &found)
	return found
}

func (p place) rows(t testing.TB, operation string) string {
	t.Helper()
	id, ok := p.look(t)["id"].(string)
	if !ok {
		t.Fatal("the collection has no id")
	}
	return p.collections() + "/" + id + "/" + operation
}

// add adds rows as they are; the collection is there.
func (p place) add(t testing.TB, rows []memory.Record) {
	t.Helper()
	path := p.rows(t, "add")
	for len(rows) > 0 {
		n := min(len(rows), 2000)
		p.Call(t, http.MethodPost, path, columns(t, rows[:n]), nil)
		rows = rows[n:]
	}
}

func columns(t testing.TB, rows []memory.Record) map[string][]json.RawMessage {
	t.Helper()
	c := map[string][]json.RawMessage{}
	for _, rec := range rows {
		var row map[string]json.RawMessage
		if err := json.Unmarshal(rec, &row); err != nil {
			t.Fatal(err)
		}
		for column, key := range map[string]string{"ids": "id", "embeddings": "embedding", "documents": "document", "metadatas": "metadata"} {
			c[column] = append(c[column], row[key])
		}
	}
	return c
}

func (p place) remove(t testing.TB, ids ...string) {
	t.Helper()
	p.Call(t, http.MethodPost, p.rows(t, "delete"), map[string]any{"ids": ids}, nil)
}

// filled makes a place with a collection of n rows.
func filled(t testing.TB, n int) (place, []memory.Record) {
	t.Helper()
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "l2")
	rows := storetest.Vectors("a", n, true)
	p.add(t, rows)
	return p, rows
}

// equalRows wants got to be want, by their digests, in the same order.
func equalRows(t testing.TB, got, want []memory.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d rows, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if digest(t, got[i]) != digest(t, want[i]) {
			t.Fatalf("row %d:\ngot  %.300s\nwant %.300s", i, got[i], want[i])
		}
	}
}

func digest(t testing.TB, rec memory.Record) record.Digest {
	t.Helper()
	var scanner record.Scanner
	v, err := scanner.Vector(rec)
	if err != nil {
		t.Fatalf("%v: %.200s", err, rec)
	}
	sum, err := scanner.VectorDigest(rec, v)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// count is what the server counts.
func (p place) count(t testing.TB) int {
	t.Helper()
	var n int
	p.Call(t, http.MethodGet, p.rows(t, "count"), nil, &n)
	return n
}

// read reads the section to its end.
func read(t testing.TB, s *chroma.Server) ([]memory.Record, memory.Capture) {
	t.Helper()
	rows, capture, err := tryRead(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return rows, capture
}

func tryRead(t testing.TB, s *chroma.Server) ([]memory.Record, memory.Capture, error) {
	t.Helper()
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		return nil, memory.Capture{}, err
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		return nil, memory.Capture{}, err
	}
	var rows []memory.Record
	for rec, err := range reading.All() {
		if err != nil {
			return rows, memory.Capture{}, err
		}
		rows = append(rows, append(memory.Record(nil), rec...))
	}
	capture, err := reading.Capture()
	return rows, capture, err
}

// heard is what a merge reported.
type heard struct {
	outcomes map[store.Outcome][]string
	reasons  map[string]string // by id
}

func merge(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) (store.Result, heard) {
	t.Helper()
	result, h, err := tryMerge(t, s, spec, rows)
	if err != nil {
		t.Fatal(err)
	}
	return result, h
}

func tryMerge(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) (store.Result, heard, error) {
	t.Helper()
	spec.Name, spec.Kind = section, memory.Vectors
	h := heard{map[store.Outcome][]string{}, map[string]string{}}
	result, err := s.Merge(t.Context(), spec, sequence(rows), store.MergeOptions{Report: func(e store.Event) error {
		h.outcomes[e.Outcome] = append(h.outcomes[e.Outcome], e.ID)
		h.reasons[e.ID] = e.Reason
		return nil
	}})
	return result, h, err
}

func sequence(rows []memory.Record) func(func(memory.Record, error) bool) {
	return func(yield func(memory.Record, error) bool) {
		for _, rec := range rows {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// id returns the id of a record.
func id(t testing.TB, rec memory.Record) string {
	t.Helper()
	var scanner record.Scanner
	v, err := scanner.Vector(rec)
	if err != nil {
		t.Fatalf("%v: %.200s", err, rec)
	}
	return string(v.Key)
}

func ids(t testing.TB, rows []memory.Record) []string {
	t.Helper()
	list := make([]string, len(rows))
	for i, rec := range rows {
		list[i] = id(t, rec)
	}
	return list
}

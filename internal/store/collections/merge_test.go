package collections_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
)

var whole = &memory.Collection{
	ID:            "0b9bb8d2-6a3b-4d38-9e4e-2f1e1b6d2c11",
	Name:          name,
	Metadata:      memory.RawJSON(`{ "hnsw:space": "cosine",  "b": 1, "a": 1.50 }`),
	Schema:        memory.RawJSON(`{"keys":{"#embedding":{}}}`),
	Configuration: memory.RawJSON(`{"hnsw":{"space":"cosine","ef_search":100}}`),
}

// All that a bundle says of a collection comes back as it was, byte for byte.
func TestKeepsCollection(t *testing.T) {
	for _, test := range []struct {
		name       string
		collection *memory.Collection
	}{
		{"Whole", whole},
		{"Bare", &memory.Collection{ID: "x", Name: name}},
		{"EmptyObjects", &memory.Collection{ID: "x", Name: name, Metadata: memory.RawJSON(`{}`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := fresh(t)
			want := spec(1024)
			want.Distance, want.Collection = "cosine", test.collection
			merge(t, s, want)
			session, err := s.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			specs, err := session.Sections(t.Context())
			if err != nil || len(specs) != 1 {
				t.Fatalf("got %v, %v, want one section", specs, err)
			}
			got := specs[0]
			if !reflect.DeepEqual(got.Collection, test.collection) || got.Distance != "cosine" || got.Dimension != 1024 {
				t.Errorf("got  %+v of %+v\nwant %+v", got, got.Collection, test.collection)
			}
			survey, err := s.Survey(t.Context(), section)
			if err != nil || !reflect.DeepEqual(survey.Collection, test.collection) || survey.Locator != got.Locator {
				t.Errorf("survey: got %+v, %v", survey, err)
			}
			if got.Locator.CollectionID != test.collection.ID || got.Locator.Collection != name {
				t.Errorf("got locator %+v", got.Locator)
			}
		})
	}
}

// A mark stays with the collection that bears it: it is seen by a survey, which
// the guard asks, and neither exported nor imported.
func TestMarkIsNoMemory(t *testing.T) {
	s, path := fresh(t)
	with := spec(2)
	with.Collection = &memory.Collection{ID: "x", Name: name, Metadata: memory.RawJSON(`{"b":1,"keepsake:mark":"{}","a":2}`)}
	metadata := func() (exported, surveyed string) {
		session, err := s.Open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		specs, err := session.Sections(t.Context())
		if err != nil || len(specs) != 1 {
			t.Fatalf("got %v, %v, want one section", specs, err)
		}
		survey, err := s.Survey(t.Context(), section)
		if err != nil {
			t.Fatal(err)
		}
		return string(specs[0].Collection.Metadata), string(survey.Collection.Metadata)
	}
	merge(t, s, with)
	const rest = `{"a":2,"b":1}`
	if exported, surveyed := metadata(); exported != rest || surveyed != rest {
		t.Errorf("import: got %s and %s, want %s", exported, surveyed, rest)
	}
	const marked = `{"a":2,"b":1,"keepsake:mark":"{}"}`
	do(t, raw(t, path), `UPDATE collections SET metadata = ?`, marked)
	if exported, surveyed := metadata(); exported != rest || surveyed != marked {
		t.Errorf("export: got %s and %s, want %s and %s", exported, surveyed, rest, marked)
	}
}

// A section can be restored beside itself: the second collection gets its own id.
func TestIDTakenInTheFile(t *testing.T) {
	s, _ := fresh(t)
	first, second := spec(2), spec(2)
	first.Collection, second.Collection = whole, whole
	second.Name = memory.Summaries
	merge(t, s, first)
	merge(t, s, second)
	a, err := s.Survey(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Survey(t.Context(), memory.Summaries)
	if err != nil {
		t.Fatal(err)
	}
	if a.Collection.ID != whole.ID || b.Collection.ID == whole.ID || b.Collection.ID == "" {
		t.Errorf("got ids %q and %q, want the bundle's and another", a.Collection.ID, b.Collection.ID)
	}
}

func TestRefusesSpec(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(*memory.SectionSpec)
		want string
	}{
		{"Kind", func(s *memory.SectionSpec) { s.Kind = memory.Elements }, `it is of kind "graph"`},
		{"Dimension", func(s *memory.SectionSpec) { s.Dimension = 3 }, "dimension 3"},
		{"NegativeDimension", func(s *memory.SectionSpec) { s.Dimension = -1 }, "its dimension is -1"},
		{"Distance", func(s *memory.SectionSpec) { s.Distance = "cosine" }, "its distance is cosine"},
		{"UnknownDistance", func(s *memory.SectionSpec) { s.Distance = "hamming" }, `its distance "hamming"`},
		{"Metadata", func(s *memory.SectionSpec) { s.Collection = &memory.Collection{Metadata: memory.RawJSON("{")} }, "metadata is not JSON"},
		{"Section", func(s *memory.SectionSpec) { s.Name = "kb/other" }, "no collection is configured"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			before := state(t, path)
			wrong := spec(2)
			test.make(&wrong)
			result, err := at(path).Merge(t.Context(), wrong, sequence(line("new", []float32{1, 2}, "null", "null")), store.MergeOptions{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if result.Added != 0 || result.Created {
				t.Errorf("got %+v, want nothing done", result)
			}
			if after := state(t, path); after != before {
				t.Errorf("the file changed:\ngot  %s\nwant %s", after, before)
			}
		})
	}
}

// The dimension of a collection that is new and says nothing is its first row's.
func TestFirstRowFixesDimension(t *testing.T) {
	s, _ := fresh(t)
	rows := []memory.Record{
		memory.Record(`{"id":"salvaged","embedding":null,"metadata":null,"document":"kept elsewhere"}`),
		line("first", []float32{1, 2, 3}, "null", "null"),
		line("short", []float32{1, 2}, "null", "null"),
	}
	result, err := s.Merge(t.Context(), spec(0), sequence(rows...), store.MergeOptions{})
	if err != nil || result.Added != 1 || result.Rejected != 2 {
		t.Fatalf("got %+v, %v, want one added, two rejected", result, err)
	}
	if survey, err := s.Survey(t.Context(), section); err != nil || survey.Dimension != 3 {
		t.Errorf("got %+v, %v, want dimension 3", survey, err)
	}
}

func TestRejected(t *testing.T) {
	for _, test := range []struct {
		name, line, id, reason string
	}{
		{"NoVector", `{"id":"x","embedding":null,"metadata":null,"document":null}`, "x", "it has no vector"},
		{"EmptyVector", `{"id":"x","embedding":[],"metadata":null,"document":null}`, "x", "its vector is empty"},
		{"OtherDimension", `{"id":"x","embedding":[1,2,3],"metadata":null,"document":null}`, "x", "dimension 3, the collection's have 2"},
		{"Infinity", `{"id":"x","embedding":[1,1e39],"metadata":null,"document":null}`, "", "no finite float32"},
		{"NaN", `{"id":"x","embedding":[1,NaN],"metadata":null,"document":null}`, "", "offset"},
		{"NoID", `{"id":"","embedding":[1,2],"metadata":null,"document":null}`, "", "id is empty"},
		{"NoRow", `hello`, "", "offset 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := fresh(t)
			good := line("good", []float32{1, 2}, "null", "null")
			var told []store.Event
			result, err := s.Merge(t.Context(), spec(2), sequence(memory.Record(test.line), good), store.MergeOptions{
				Report: func(e store.Event) error {
					e.Record = append(memory.Record(nil), e.Record...)
					told = append(told, e)
					return nil
				},
			})
			if err != nil || result.Complete() {
				t.Fatalf("got %+v, %v, want an incomplete merge without an error", result, err)
			}
			if want := (store.Result{Records: 2, Added: 1, Same: 1, Rejected: 1, Created: true, After: 1, Proof: store.ProofFull}); result != want {
				t.Errorf("got  %+v\nwant %+v", result, want)
			}
			if len(told) != 2 || told[0].Outcome != store.Rejected || string(told[0].Record) != test.line || told[0].ID == "" {
				t.Fatalf("got events %+v, want the rejected row first", told)
			}
			if !strings.Contains(told[0].Reason, test.reason) || test.id != "" && told[0].ID != test.id {
				t.Errorf("got %q of %q, want %q of %q", told[0].Reason, told[0].ID, test.reason, test.id)
			}
		})
	}
}

// What was under way when a merge ended is not in, and the result says so.
func TestEndsInTheMiddle(t *testing.T) {
	broken := errors.New("the bundle broke")
	for _, test := range []struct {
		name string
		stop func(cancel context.CancelFunc, yield func(memory.Record, error) bool)
		want error
	}{
		{"Error", func(_ context.CancelFunc, yield func(memory.Record, error) bool) { yield(nil, broken) }, broken},
		{"Cancelled", func(cancel context.CancelFunc, yield func(memory.Record, error) bool) {
			cancel()
			yield(line("late", []float32{1, 2}, "null", "null"), nil)
		}, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result, err := at(path).Merge(ctx, spec(2), func(yield func(memory.Record, error) bool) {
				if yield(line("new", []float32{1, 2}, "null", "null"), nil) {
					test.stop(cancel, yield)
				}
			}, store.MergeOptions{})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if want := (store.Result{Records: 1, Before: 3, After: 3, Proof: store.ProofFull}); result != want {
				t.Errorf("got  %+v\nwant %+v", result, want)
			}
			if rows, _ := read(t, at(path)); len(rows) != 3 {
				t.Errorf("got %d rows, want the 3 that were there", len(rows))
			}
		})
	}
}

// The dimension may be fixed by another process after the merge has begun.
func TestDimensionFixedMeanwhile(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(0))
	row := line("late", []float32{1, 2}, "null", "null")
	result, err := s.Merge(t.Context(), spec(0), func(yield func(memory.Record, error) bool) {
		do(t, raw(t, path), `UPDATE collections SET dimension = 3`)
		yield(row, nil)
	}, store.MergeOptions{})
	if err != nil || result.Rejected != 1 || result.Added != 0 {
		t.Errorf("got %+v, %v, want the row rejected", result, err)
	}
}

// Ids are unique in a collection: of two rows of one id the first is kept.
func TestSameIDTwice(t *testing.T) {
	s, _ := fresh(t)
	rows := sequence(line("a", []float32{1, 2}, "null", "null"), line("a", []float32{3, 4}, "null", "null"))
	result, err := s.Merge(t.Context(), spec(2), rows, store.MergeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (store.Result{Records: 2, Added: 1, Same: 1, Differs: 1, Created: true, After: 1, Proof: store.ProofFull}); result != want {
		t.Errorf("got  %+v\nwant %+v", result, want)
	}
}

// One id may live in several collections of a file.
func TestCollectionsApart(t *testing.T) {
	s, _ := fresh(t)
	other := spec(3)
	other.Name = memory.Summaries
	merge(t, s, spec(2), line("a", []float32{1, 2}, "null", "null"))
	merge(t, s, other, line("a", []float32{3, 4, 5}, "null", "null"), line("b", []float32{3, 4, 5}, "null", "null"))
	if rows, _ := read(t, s); len(rows) != 1 || digest(t, rows[0]) != digest(t, line("a", []float32{1, 2}, "null", "null")) {
		t.Errorf("got %s, want the one row of %s", rows, section)
	}
	session, err := s.Open(t.Context(), []memory.Section{memory.Summaries})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 || specs[0].Rows != 2 || specs[0].Dimension != 3 {
		t.Errorf("got %+v, %v, want only what was asked for", specs, err)
	}
	if _, err := session.Read(t.Context(), section); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent for a section that was not asked for", err)
	}
}

// Two merges into one new file, at once: the union, and each says the truth.
func TestMergesAtOnce(t *testing.T) {
	_, path := fresh(t)
	const n, shared = 3000, 1000
	results := make([]store.Result, 2)
	var group sync.WaitGroup
	for i := range results {
		var rows []memory.Record
		for j := range n {
			id := fmt.Sprintf("own-%d-%d", i, j)
			if j < shared {
				id = fmt.Sprintf("shared-%d", j)
			}
			rows = append(rows, line(id, []float32{float32(j), 1}, `{"n":1}`, "null"))
		}
		group.Go(func() {
			var err error
			patient := collections.New(collections.Config{
				Path: path, Collections: map[memory.Section]string{section: name}, BusyTimeout: time.Minute,
			})
			if results[i], err = patient.Merge(t.Context(), spec(2), sequence(rows...), store.MergeOptions{}); err != nil {
				t.Errorf("merge %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if got, want := results[0].Added+results[1].Added, int64(2*n-shared); got != want {
		t.Errorf("got %d rows added by both, want %d", got, want)
	}
	for i, result := range results {
		if !result.Complete() || result.Same != n {
			t.Errorf("merge %d: got %+v, want it complete", i, result)
		}
	}
	if rows, capture := read(t, at(path)); len(rows) != 2*n-shared || !capture.Complete() {
		t.Errorf("got %d rows, %+v, want %d", len(rows), capture, 2*n-shared)
	}
}

package chroma_test

import (
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/storetest"
)

const plan = "plan-7"

func swapOptions() store.StageOptions {
	return store.StageOptions{
		Plan: plan, Operation: guard.ReplaceOperation(memory.Memories), Now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	}
}

// there is a collection as the server lists it.
type there struct {
	ID, Name string
	Metadata map[string]any
}

// all lists the collections of the place by their names.
func (p place) all(t testing.TB) map[string]there {
	t.Helper()
	var found []there
	p.Call(t, http.MethodGet, p.collections(), nil, &found)
	named := map[string]there{}
	for _, f := range found {
		named[f.Name] = f
	}
	return named
}

// dump returns the rows of a collection as the server gives them, by their ids.
func (p place) dump(t testing.TB, id string) map[string]string {
	t.Helper()
	var columns struct {
		IDs                              []string
		Embeddings, Documents, Metadatas []any
	}
	p.Call(t, http.MethodPost, p.collections()+"/"+id+"/get",
		map[string]any{"include": []string{"embeddings", "documents", "metadatas"}}, &columns)
	rows := map[string]string{}
	for i, id := range columns.IDs {
		text, err := json.Marshal([]any{columns.Embeddings[i], columns.Documents[i], columns.Metadatas[i]})
		if err != nil {
			t.Fatal(err)
		}
		rows[id] = string(text)
	}
	return rows
}

// write adds rows to a collection by its id, as a client does that holds it.
func (p place) write(t testing.TB, id string, rows []memory.Record) {
	t.Helper()
	p.Call(t, http.MethodPost, p.collections()+"/"+id+"/add", columns(t, rows), nil)
}

// delete deletes rows of a collection by its id.
func (p place) delete(t testing.TB, id string, rows ...string) {
	t.Helper()
	p.Call(t, http.MethodPost, p.collections()+"/"+id+"/delete", map[string]any{"ids": rows}, nil)
}

// getOrCreate is what an agent does that needs its collection.
func (p place) getOrCreate(t testing.TB) string {
	t.Helper()
	var made there
	p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": name, "get_or_create": true}, &made)
	return made.ID
}

// wantLive wants the section to hold rows and no others.
func (p place) wantLive(t testing.TB, rows []memory.Record) {
	t.Helper()
	if n := p.count(t); n != len(rows) {
		t.Errorf("got %d rows that live, want %d", n, len(rows))
	}
	result, h := merge(t, open(t, p.config(p.URL())), memory.SectionSpec{}, rows)
	if result.Added != 0 || result.Same != int64(len(rows)) {
		t.Errorf("got %+v, %v, want all rows to be there and the same", result, h.reasons)
	}
}

// wantNames wants these collections and no others.
func (p place) wantNames(t testing.TB, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(p.all(t)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got collections %q, want %q", got, want)
	}
}

// asideOf is the name that the old collection of the plan gets.
const asideOf = name + "-aside-20260701T120000-" + plan

// trade is a replace of the section, all the way.
func trade(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record, opts store.StageOptions, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	t.Helper()
	spec.Name, spec.Kind = section, memory.Vectors
	staged, err := s.Stage(t.Context(), spec, sequence(rows), opts)
	if err != nil {
		return store.Committed{}, err
	}
	return finish(t, staged, permit, safety)
}

func finish(t testing.TB, staged store.Staged, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	t.Helper()
	defer func() {
		if err := staged.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	if err := staged.Check(t.Context()); err != nil {
		return store.Committed{}, err
	}
	return staged.Commit(t.Context(), permit, safety)
}

// leaveFor gets leave for what stands there now.
func leaveFor(t *testing.T, s *chroma.Server, op guard.Operation) guard.Permit {
	t.Helper()
	return storetest.Permit(t, op, section, survey(t, s))
}

// replaced replaces the section of a place by rows and wants no trouble.
func (p place) replaced(t *testing.T, rows []memory.Record, opts store.StageOptions) store.Committed {
	t.Helper()
	s := open(t, p.config(p.URL()))
	done, err := trade(t, s, memory.SectionSpec{}, rows, opts, leaveFor(t, s, opts.Operation), nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// exported reads the section's spec and rows, as a backup does.
func exported(t testing.TB, s *chroma.Server) (memory.SectionSpec, []memory.Record) {
	t.Helper()
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got %+v, %v", specs, err)
	}
	rows, _ := read(t, s)
	return specs[0], rows
}

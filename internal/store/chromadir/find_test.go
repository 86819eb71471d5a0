package chromadir_test

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chroma/swapmark"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// annotate puts metadata on a collection, made by its id, and returns the id.
func annotate(t *testing.T, s *chromatest.Server, database, name string, metadata func(id string) map[string]any) string {
	t.Helper()
	var found struct{ ID string }
	s.Call(t, http.MethodGet, chromatest.Collections(database)+"/"+name, nil, &found)
	s.Call(t, http.MethodPut, chromatest.Collections(database)+"/"+found.ID, map[string]any{"new_metadata": metadata(found.ID)}, nil)
	return found.ID
}

// TestDiscover finds the collections that a pattern takes, by the server and in its
// directory alike, and none that a swap or a drill left; of that a mark speaks, and
// never a name.
func TestDiscover(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			s := chromatest.Start(t, options...)
			long := "papers-" + strings.Repeat("x", 300)
			for _, name := range []string{"papers-1", "papers-2", "notes", long, "papers-shadow-3", "papers-drill", "papers-live"} {
				send(t, s, create(t, s, name, nil)+"add", storetest.Vectors("a", 3, true))
			}
			annotate(t, s, database, "papers-drill", func(id string) map[string]any {
				return map[string]any{guard.MarkKey: guard.Mark{Kind: guard.MarkDisposable, ID: id}.Encode()}
			})
			takes := func(name string) bool { ok, _ := path.Match("papers-*", name); return ok }
			named := map[memory.Section]string{"x/live": "papers-live"}
			server, err := chroma.New(chroma.Config{BaseURL: s.URL(), Collections: named, Others: "research", Takes: takes})
			if err != nil {
				t.Fatal(err)
			}
			dir := chromadir.New(chromadir.Config{Path: s.Dir(), TempDir: t.TempDir(), Collections: named, Others: "research", Takes: takes})
			for way, from := range map[string]store.Store{"Server": server, "Directory": dir} {
				got := read(t, from)
				var sections []memory.Section
				for _, spec := range got.specs {
					sections = append(sections, spec.Name)
				}
				want := []memory.Section{"research/papers-1", "research/papers-2", "research/papers-shadow-3", store.SectionOf("research", long), "x/live"}
				if !slices.Equal(sections, want) {
					t.Errorf("%s: got %q, want %q", way, sections, want)
				}
				if long != got.specs[3].Collection.Name {
					t.Errorf("%s: the long one is of %q, want its whole name", way, got.specs[3].Collection.Name)
				}
				told := map[string]bool{}
				for _, f := range got.findings {
					told[f.Code+" "+strings.Fields(f.Message)[1]] = true
				}
				if want := map[string]int{"Server": 2, "Directory": 1}[way]; len(told) != want {
					t.Errorf("%s: got findings %v, want %d collections left out", way, slices.Collect(maps.Keys(told)), want)
				}
			}
		})
	}
}

// TestUnfinishedSwap: what has the name of a collection while a swap is under way
// is not read.
func TestUnfinishedSwap(t *testing.T) {
	s := chromatest.Shared(t)
	database := s.Database(t)
	for _, name := range []string{"rows", "rows-other"} {
		send(t, s, createIn(t, s, database, name, nil)+"add", storetest.Vectors("a", 3, true))
	}
	dir := chromadir.New(chromadir.Config{Path: s.Dir(), Database: database, TempDir: t.TempDir(), Collections: sectionsOf("rows", "rows-other")})
	note := func(phase, id string) map[string]any {
		return map[string]any{swapmark.Key: `{"version":1,"plan":"plan-7","name":"rows","id":"` + id + `","role":"old","phase":"` + phase + `"}`}
	}
	for _, tt := range []struct {
		name string
		note func(id string) map[string]any
		want error
	}{
		{"Begun", func(id string) map[string]any { return note("begun", id) }, store.ErrUnfinished},
		{"Done", func(id string) map[string]any { return note("done", id) }, nil},
		{"Copied", func(string) map[string]any { return note("begun", "another") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			annotate(t, s, database, "rows-other", tt.note)
			session, err := dir.Open(t.Context(), []memory.Section{sectionOf("rows")})
			if err == nil {
				_, err = session.Read(t.Context(), sectionOf("rows"))
			}
			if !errors.Is(err, tt.want) || tt.want != nil && !strings.Contains(err.Error(), "plan plan-7") {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if session != nil {
				defer session.Close()
			}
			other, err := dir.Open(t.Context(), []memory.Section{sectionOf("rows-other")})
			if err != nil {
				t.Fatalf("a collection of another name: %v", err)
			}
			defer other.Close()
		})
	}
}

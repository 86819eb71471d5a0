package chroma_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

var replaceOptions = store.StageOptions{Plan: "plan", Operation: operation, InPlace: true}

func stage(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) store.Staged {
	t.Helper()
	spec.Name, spec.Kind = section, memory.Vectors
	staged, err := s.Stage(t.Context(), spec, sequence(rows), replaceOptions)
	if err == nil {
		err = staged.Check(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return staged
}

// replaceInPlace goes all the way.
func replaceInPlace(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) store.Committed {
	t.Helper()
	done, err := stage(t, s, spec, rows).Commit(t.Context(), leave(t, s, operation), nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// mixed makes of rows records of which a fourth each is the same, another, and
// gone; as many are new.
func mixed(t testing.TB, rows []memory.Record) []memory.Record {
	t.Helper()
	var records []memory.Record
	for i, rec := range rows {
		switch i % 4 {
		case 0, 1:
			records = append(records, rec)
		case 2:
			part := [][2]string{{"document", `"other"`}, {"metadata", `{"seed":"b"}`}, {"embedding", "[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.5]"}}[i/4%3]
			records = append(records, change(t, rec, part[0], part[1]))
		}
	}
	return append(records, fresh(t, len(rows)/4)...)
}

// TestInPlace makes the rows those of the records, keeps the collection's id, and
// writes no more than it must.
func TestInPlace(t *testing.T) {
	for _, space := range []string{"l2", "cosine"} {
		t.Run(space, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, space)
			rows := storetest.Vectors("a", 1200, space == "l2")
			p.add(t, rows)
			records, before := mixed(t, rows), p.id(t)
			proxy := chromatest.Proxy(t, p.Server, nil)
			s := open(t, p.config(proxy.URL()))
			done := replaceInPlace(t, s, memory.SectionSpec{Dimension: 8, Distance: space}, records)
			if done.Rows != 1200 || done.Aside != nil || len(done.Findings) > 0 {
				t.Errorf("got %+v, want 1200 rows and nothing else", done)
			}
			if after := p.id(t); after != before {
				t.Errorf("got collection %s, want the same: %s", after, before)
			}
			wantRows(t, s, records, space)
			adds, deletions := proxy.Count(http.MethodPost, "add"), proxy.Count(http.MethodPost, "delete")
			if adds != 3 || deletions != 2 {
				t.Errorf("got %d adds, %d deletions, want one add of the new, and two around a deletion", adds, deletions)
			}
			replaceInPlace(t, s, memory.SectionSpec{Distance: space}, records)
			if a, d := proxy.Count(http.MethodPost, "add"), proxy.Count(http.MethodPost, "delete"); a != adds || d != deletions {
				t.Errorf("again: got %d adds and %d deletions more, want none", a-adds, d-deletions)
			}
			for _, op := range []string{"upsert", "update"} {
				if n := proxy.Count(http.MethodPost, op); n != 0 {
					t.Errorf("got %d requests %s, want none", n, op)
				}
			}
		})
	}
}

// TestInPlaceWithoutLeave touches nothing.
func TestInPlaceWithoutLeave(t *testing.T) {
	p, rows := filled(t, 20)
	other, _ := filled(t, 1)
	s := open(t, p.config(p.URL()))
	records := mixed(t, rows)
	moved := leave(t, s, operation)
	refused := func(t *testing.T, permit guard.Permit) {
		t.Helper()
		staged, before := stage(t, s, memory.SectionSpec{}, records), p.state(t)
		for _, safety := range []iter.Seq2[memory.Record, error]{nil, sequence(rows)} {
			if _, err := staged.Commit(t.Context(), permit, safety); !errors.Is(err, guard.ErrNotPermitted) {
				t.Errorf("got %v, want ErrNotPermitted", err)
			}
		}
		if p.state(t) != before {
			t.Error("a commit without leave touched the place")
		}
	}
	t.Run("ErrZero", func(t *testing.T) { refused(t, guard.Permit{}) })
	t.Run("ErrOperation", func(t *testing.T) { refused(t, leave(t, s, guard.Undo)) })
	t.Run("ErrTarget", func(t *testing.T) { refused(t, leave(t, open(t, other.config(p.URL())), operation)) })
	t.Run("ErrMadeAnew", func(t *testing.T) {
		p.Call(t, http.MethodDelete, p.collections()+"/"+name, nil, nil)
		p.create(t, "l2")
		p.add(t, rows)
		refused(t, moved)
	})
	t.Run("ErrAbsent", func(t *testing.T) {
		p.Call(t, http.MethodDelete, p.collections()+"/"+name, nil, nil)
		refused(t, guard.Permit{})
	})
}

// TestInPlaceUnfinished leaves a section alone that is being swapped.
func TestInPlaceUnfinished(t *testing.T) {
	p, rows := filled(t, 5)
	s := open(t, p.config(p.URL()))
	staged, permit := stage(t, s, memory.SectionSpec{}, rows[:3]), leave(t, s, operation)
	p.annotate(t, map[string]any{swapKey: fmt.Sprintf(
		`{"version":1,"plan":"other","name":%q,"id":%q,"role":"new","phase":"begun"}`, name, p.id(t))})
	_, commit := staged.Commit(t.Context(), permit, nil)
	_, again := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), replaceOptions)
	_, _, taken := tryRemove(t, s, rows, permit)
	for what, err := range map[string]error{"commit": commit, "stage": again, "remove": taken} {
		if !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("%s: got %v, want ErrUnfinished", what, err)
		}
	}
	if n := p.count(t); n != 5 {
		t.Errorf("got %d rows, want all 5", n)
	}
}

// TestInPlaceMoved compares the ids with the safety copy before the first write.
func TestInPlaceMoved(t *testing.T) {
	p, rows := filled(t, 20)
	s := open(t, p.config(p.URL()))
	records := mixed(t, rows)
	broken := errors.New("the disk is gone")
	for _, tt := range []struct {
		name   string
		safety iter.Seq2[memory.Record, error]
		want   error
		text   string
	}{
		{"ErrCame", sequence(rows[:19]), store.ErrMoved, "20 rows, of which it holds 19"},
		{"ErrEmpty", sequence(nil), store.ErrMoved, "20 rows, of which it holds 0"},
		{"ErrGone", sequence(append(rows[:20:20], fresh(t, 1)...)), store.ErrMoved, `row "fresh-0" is gone`},
		{"ErrOther", sequence(append(rows[:19:19], fresh(t, 1)...)), store.ErrMoved, `row "fresh-0" is gone`},
		{"ErrTwice", sequence(append(rows[:19:19], rows[3])), nil, "comes twice"},
		{"ErrBroken", func(yield func(memory.Record, error) bool) {
			if yield(rows[0], nil) {
				yield(nil, broken)
			}
		}, broken, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := p.state(t)
			_, err := stage(t, s, memory.SectionSpec{}, records).Commit(t.Context(), leave(t, s, operation), tt.safety)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v, %q", err, tt.want, tt.text)
			}
			if p.state(t) != before {
				t.Error("it touched the place")
			}
		})
	}
	changed := change(t, rows[0], "document", `"an agent changed it"`)
	p.remove(t, id(t, changed))
	p.add(t, []memory.Record{changed})
	if _, err := stage(t, s, memory.SectionSpec{}, records).Commit(t.Context(), leave(t, s, operation), sequence(rows)); err != nil {
		t.Errorf("got %v, want only ids to be compared", err)
	}
	wantRows(t, s, records, "l2")
}

// TestInPlaceRefused has the server refuse a record that takes a live row's
// place: the row is still there.
func TestInPlaceRefused(t *testing.T) {
	for _, tt := range []struct{ name, id string }{{"Live", "row-000015"}, {"New", "new"}} {
		t.Run(tt.name, func(t *testing.T) {
			p, rows := filled(t, 20)
			s := open(t, p.config(p.URL()))
			bad := fmt.Appendf(nil, `{"id":%q,"embedding":[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0],"metadata":{"a":{"b":1}},"document":null}`, tt.id)
			records := append(slices.Clone(rows[:15]), bad)
			_, err := stage(t, s, memory.SectionSpec{}, records).Commit(t.Context(), leave(t, s, operation), sequence(rows))
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("row %q cannot be put in", tt.id)) {
				t.Errorf("got %v, want the row to be named", err)
			}
			wantRows(t, s, rows, "l2")
		})
	}
}

// TestInPlaceLeftovers puts rows where a dropped collection has left arrays: they
// come back as keys of the new ones, unless these are put in once more.
func TestInPlaceLeftovers(t *testing.T) {
	server := chromatest.Start(t)
	p := newPlace(t, server)
	p.create(t, "l2")
	rows := storetest.Vectors("a", 40, true)
	p.add(t, rows[:20])
	other := newPlace(t, server)
	other.create(t, "l2")
	arrays := fresh(t, 30)
	for i, rec := range arrays {
		arrays[i] = change(t, rec, "metadata", `{"left":[1,2,3]}`)
	}
	other.add(t, arrays)
	other.Call(t, http.MethodDelete, other.collections()+"/"+name, nil, nil)
	proxy := chromatest.Proxy(t, server, nil)
	s := open(t, p.config(proxy.URL()))
	replaceInPlace(t, s, memory.SectionSpec{}, rows)
	wantRows(t, s, rows, "l2")
	if proxy.Count(http.MethodPost, "delete") == 0 {
		t.Error("nothing had to be put in once more: the test shows nothing")
	}
}

// TestInPlaceReadBack wants what was put in to be there.
func TestInPlaceReadBack(t *testing.T) {
	p, rows := filled(t, 20)
	records := mixed(t, rows)
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op != "get" {
			return chromatest.Fault{}
		}
		return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
			return []byte(strings.ReplaceAll(string(body), `fresh: document 2,`, `fresh: document 2 `)), nil
		}}
	})
	s := open(t, p.config(proxy.URL()))
	_, err := stage(t, s, memory.SectionSpec{}, records).Commit(t.Context(), leave(t, s, operation), nil)
	if err == nil || !strings.Contains(err.Error(), `1 rows are not what was put in: row "fresh-2": document differs`) {
		t.Errorf("got %v, want the row to be named", err)
	}
}

// TestInPlaceUnreadable replaces a row that the server can't give, and puts it
// in again when it goes before it was read back.
func TestInPlaceUnreadable(t *testing.T) {
	p, rows := filled(t, 20)
	records := append(slices.Clone(rows), fresh(t, 3)...)
	var mu sync.Mutex
	replaced, gone := false, false
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(string(r.Body), `"row-000015"`) {
			return chromatest.Fault{}
		}
		switch {
		case r.Op == "delete":
			replaced = true
		case r.Op == "get" && !replaced:
			return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error finding id"}`}
		case r.Op == "get" && replaced && !gone:
			gone = true
			p.remove(t, "row-000015")
		}
		return chromatest.Fault{}
	})
	s := open(t, p.config(proxy.URL()))
	if done := replaceInPlace(t, s, memory.SectionSpec{}, records); done.Rows != 23 || !gone {
		t.Errorf("got %+v, row gone meanwhile: %t, want 23 rows", done, gone)
	}
	wantRows(t, s, records, "l2")
}

// TestInPlaceLate keeps rows that an agent adds meanwhile, and tells of them.
func TestInPlaceLate(t *testing.T) {
	p, rows := filled(t, 20)
	records, late := mixed(t, rows), change(t, rows[0], "id", `"late"`)
	var once sync.Once
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" {
			once.Do(func() { p.add(t, []memory.Record{late}) })
		}
		return chromatest.Fault{}
	})
	s := open(t, p.config(proxy.URL()))
	done := replaceInPlace(t, s, memory.SectionSpec{}, records)
	if done.Rows != 21 || len(done.Findings) != 1 || done.Findings[0].Code != "late-rows" {
		t.Errorf("got %+v, want one late row to be told", done)
	}
	wantRows(t, s, append(records, late), "l2")
}

// TestStageInPlace refuses what could not be put in, before any write.
func TestStageInPlace(t *testing.T) {
	p, rows := filled(t, 10)
	s := open(t, p.config(p.URL()))
	bad := func(text string) []memory.Record { return append(rows[:10:10], memory.Record(text)) }
	for _, tt := range []struct {
		name string
		spec memory.SectionSpec
		rows []memory.Record
		want string
	}{
		{"ErrDimension", memory.SectionSpec{Dimension: 9}, rows, "its dimension is 8, the records' is 9"},
		{"ErrDistance", memory.SectionSpec{Distance: "cosine"}, rows, "its distance is l2, the records' is cosine"},
		{"ErrSalvaged", memory.SectionSpec{}, bad(`{"id":"x","embedding":null,"metadata":null}`), `row "x" cannot be put in, nor 0 others: vector was not readable`},
		{"ErrShort", memory.SectionSpec{}, bad(`{"id":"x","embedding":[1.0],"metadata":null}`), "vector has 1 numbers, not 8"},
		{"ErrTwice", memory.SectionSpec{}, append(rows[:10:10], rows[2]), "record 11: row"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := p.state(t)
			tt.spec.Name = section
			staged, err := s.Stage(t.Context(), tt.spec, sequence(tt.rows), replaceOptions)
			if staged != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %q", staged, err, tt.want)
			}
			if p.state(t) != before {
				t.Error("it touched the place")
			}
		})
	}
	t.Run("ErrStaged", func(t *testing.T) {
		pass := rows
		staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, func(yield func(memory.Record, error) bool) {
			sequence(pass)(yield)
			pass = rows[:9]
		}, replaceOptions)
		if err != nil {
			t.Fatal(err)
		}
		if err := staged.Check(t.Context()); !errors.Is(err, store.ErrStaged) {
			t.Errorf("got %v, want ErrStaged", err)
		}
	})
}

// TestInPlaceSettings sets the metadata where that is possible, and says where
// the collection is not the bundle's.
func TestInPlaceSettings(t *testing.T) {
	mark := map[string]any{guard.MarkKey: "m"}
	for _, tt := range []struct {
		name          string
		has           map[string]any
		from          *memory.Collection
		want          map[string]any
		finding, what string
	}{
		{"NoBundle", map[string]any{"a": 1}, nil, map[string]any{"a": 1}, "", ""},
		{"Same", map[string]any{"a": 1}, &memory.Collection{Metadata: memory.RawJSON(`{"a":1}`)}, map[string]any{"a": 1}, "", ""},
		{"Set", map[string]any{"a": 1, "b": "x"}, &memory.Collection{Metadata: memory.RawJSON(`{"a":2.5}`)}, map[string]any{"a": 2.5}, "", ""},
		{"Cleared", map[string]any{"a": 1, "b": "x"}, &memory.Collection{}, nil, "", ""},
		{"OwnStays", mark, &memory.Collection{Metadata: memory.RawJSON(`{"a":1}`)}, map[string]any{guard.MarkKey: "m", "a": 1}, "", ""},
		{"OwnAloneStays", mark, &memory.Collection{}, mark, "", ""},
		{"Array", map[string]any{"a": 1}, &memory.Collection{Metadata: memory.RawJSON(`{"a":[1]}`)}, map[string]any{"a": 1}, "collection-settings", "more than text and numbers"},
		{"Index", map[string]any{"a": 1}, &memory.Collection{Metadata: memory.RawJSON(`{"a":2,"hnsw:M":99}`)}, map[string]any{"a": 1}, "collection-settings", "index has other settings"},
		{
			"Configuration",
			map[string]any{"a": 1},
			&memory.Collection{Metadata: memory.RawJSON(`{"a":2}`), Configuration: memory.RawJSON(`{"hnsw":{"space":"l2","ef_search":7,"new":1},"spann":null}`)},
			map[string]any{"a": 2},
			"collection-settings", "hnsw.ef_search",
		},
		{
			"EmbeddingFunction",
			map[string]any{"a": 1},
			&memory.Collection{Metadata: memory.RawJSON(`{"a":1}`), Configuration: memory.RawJSON(`{"embedding_function":{"type":"known"}}`)},
			map[string]any{"a": 1},
			"collection-settings", "embedding_function",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, rows := filled(t, 8)
			p.annotate(t, tt.has)
			done := replaceInPlace(t, open(t, p.config(p.URL())), memory.SectionSpec{Collection: tt.from}, mixed(t, rows))
			if got := fmt.Sprint(p.look(t)["metadata"]); tt.want == nil && got != "<nil>" || tt.want != nil && got != fmt.Sprint(tt.want) {
				t.Errorf("got metadata %s, want %v", got, tt.want)
			}
			switch {
			case tt.finding == "" && len(done.Findings) > 0:
				t.Errorf("got %+v, want no finding", done.Findings)
			case tt.finding != "" && (len(done.Findings) != 1 || done.Findings[0].Code != tt.finding || !strings.Contains(done.Findings[0].Message, tt.what)):
				t.Errorf("got %+v, want %s: %q", done.Findings, tt.finding, tt.what)
			}
		})
	}
}

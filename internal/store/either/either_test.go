package either_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/either"
	"keepsake/internal/store/storetest"
)

func TestMain(m *testing.M) { chromatest.Main(m) }

const section = memory.Section("x/rows")

// place is a collection of a database of its own.
type place struct {
	*chromatest.Server
	database, path string // path of the collection's operations
	dir            string
}

func newPlace(t *testing.T, n int) *place {
	t.Helper()
	p := &place{Server: chromatest.Shared(t)}
	p.database, p.dir = p.Database(t), p.Dir()
	p.create(t)
	p.send(t, "a", n)
	return p
}

func (p *place) create(t *testing.T) {
	t.Helper()
	p.path = p.make(t, "rows")
}

func (p *place) make(t *testing.T, name string) string {
	t.Helper()
	var made struct{ ID string }
	p.Call(t, http.MethodPost, chromatest.Collections(p.database), map[string]any{"name": name}, &made)
	return chromatest.Collections(p.database) + "/" + made.ID + "/"
}

// send adds n rows, whose ids begin with a letter.
func (p *place) send(t *testing.T, letter string, n int) {
	t.Helper()
	if n == 0 {
		return
	}
	var ids []string
	var embeddings [][]float32
	for i := range n {
		ids = append(ids, letter+string(rune('a'+i/26))+string(rune('a'+i%26)))
		embeddings = append(embeddings, []float32{1, float32(i)})
	}
	p.Call(t, http.MethodPost, p.path+"add", map[string]any{"ids": ids, "embeddings": embeddings}, nil)
}

func (p *place) remove(t *testing.T, ids ...string) {
	t.Helper()
	p.Call(t, http.MethodPost, p.path+"delete", map[string]any{"ids": ids}, nil)
}

func (p *place) server(t *testing.T) store.Store {
	t.Helper()
	s, err := chroma.New(chroma.Config{BaseURL: p.URL(), Database: p.database, Collections: names(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *place) directory(t *testing.T) store.Store {
	t.Helper()
	return chromadir.New(chromadir.Config{Path: p.dir, Database: p.database, Collections: names(), TempDir: t.TempDir(), Now: time.Now})
}

func names() map[memory.Section]string { return map[memory.Section]string{section: "rows"} }

// read reads the section and returns its rows and what was captured.
func read(t *testing.T, s store.Store) (rows []string, capture memory.Capture, spec memory.SectionSpec) {
	t.Helper()
	session, err := s.Open(t.Context(), []memory.Section{section})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got %v, %v, want one section", specs, err)
	}
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(rec))
	}
	if capture, err = reading.Capture(); err != nil {
		t.Fatal(err)
	}
	return rows, capture, specs[0]
}

// hooked does something once a store has been opened, or in its place.
type hooked struct {
	store.Store
	after  func()
	listed bool // its sessions can't list ids when it isn't set
}

func (h hooked) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	s, err := h.Store.Open(ctx, sections)
	h.after()
	if err == nil && !h.listed {
		s = struct{ store.Session }{s}
	}
	return s, err
}

// TestWay: the directory is read exactly when it is whole and holds what the server
// gives, whatever agents do meanwhile.
func TestWay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, p *place) // the directory is copied away
		during func(t *testing.T, p *place) // after the directory was copied by the look
		method string
		why    string
		rows   int
	}{
		{"Same", nil, nil, "directory", "it is whole, and its ids are those that the server lists", 40},
		{"AddedMeanwhile", nil, func(t *testing.T, p *place) { p.send(t, "b", 3) }, "directory", "whole", 40},
		{"RemovedMeanwhile", nil, func(t *testing.T, p *place) { p.remove(t, "aaa", "aab") }, "directory", "whole", 40},
		{"Behind", func(t *testing.T, p *place) { p.send(t, "b", 3) }, nil, "http", "the directory lacks 3 of the ids", 43},
		{"Ahead", func(t *testing.T, p *place) { p.remove(t, "aaa", "aab") }, nil, "http", "the directory holds 2 ids that the server does not list", 38},
		{"OtherRowsOfEqualCount", func(t *testing.T, p *place) { p.remove(t, "aaa", "aab"); p.send(t, "b", 2) }, nil, "http", "the directory lacks 2 of the ids", 40},
		{"MadeAnew", func(t *testing.T, p *place) {
			p.Call(t, http.MethodDelete, chromatest.Collections(p.database)+"/rows", nil, nil)
			p.create(t)
			p.send(t, "a", 40)
		}, nil, "http", "the directory has another collection of that name", 40},
		{"MadeLater", func(t *testing.T, p *place) {
			p.Call(t, http.MethodPut, strings.TrimSuffix(p.path, "/"), map[string]any{"new_name": "other"}, nil)
			p.create(t)
			p.send(t, "a", 5)
			p.dir = t.TempDir() // where there is nothing
		}, nil, "http", "the directory could not be read: ", 5},
		{"Damaged", func(t *testing.T, p *place) {
			if err := os.WriteFile(filepath.Join(p.dir, "chroma.sqlite3"), make([]byte, 8192), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, "http", "the directory could not be read: ", 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, 40)
			if tt.before != nil {
				p.copyAway(t)
				tt.before(t, p)
			}
			directory := p.directory(t)
			if tt.during != nil {
				directory = hooked{directory, func() { tt.during(t, p) }, true}
			}
			rows, capture, spec := read(t, either.New(p.server(t), directory))
			if capture.Method != tt.method || !strings.Contains(capture.Why, tt.why) {
				t.Errorf("got %q because %q, want %q because %q", capture.Method, capture.Why, tt.method, tt.why)
			}
			if len(rows) != tt.rows || !capture.Complete() {
				t.Errorf("got %d rows, %+v, want %d", len(rows), capture, tt.rows)
			}
			kind := map[string]string{"http": memory.KindChroma, "directory": memory.KindChromaDir}[tt.method]
			if spec.Locator.Kind != kind {
				t.Errorf("got %s, want a %s", spec.Locator, kind)
			}
		})
	}
}

// copyAway leaves a copy of the directory as it is now, and reads that.
func (p *place) copyAway(t *testing.T) {
	t.Helper()
	p.dir = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(p.dir, os.DirFS(p.Dir())); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFails(t *testing.T) {
	p := newPlace(t, 5)
	down, err := chroma.New(chroma.Config{BaseURL: "http://127.0.0.1:1", Collections: names(), Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for _, tt := range []struct {
		name              string
		ctx               context.Context
		server, directory store.Store
		want              error
		says              string
	}{
		{"ServerDown", t.Context(), down, p.directory(t), store.ErrUnreachable, ""},
		{"Cancelled", ctx, p.server(t), hooked{p.directory(t), cancel, true}, context.Canceled, ""},
		{"NoList", t.Context(), p.server(t), hooked{p.directory(t), func() {}, false}, nil, "its ids can't be listed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			session, err := either.New(tt.server, tt.directory).Open(tt.ctx, []memory.Section{section})
			if session != nil || err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, %v, want %v %s", session, err, tt.want, tt.says)
			}
		})
	}
}

// TestServerGoesAwayMeanwhile: the second listing is needed and fails. That is an
// error, for neither way can be trusted.
func TestServerGoesAwayMeanwhile(t *testing.T) {
	p := newPlace(t, 5)
	p.copyAway(t)
	p.send(t, "b", 1)
	var gone atomic.Bool
	front := chromatest.Proxy(t, p.Server, func(chromatest.Request) chromatest.Fault { return chromatest.Fault{Reset: gone.Load()} })
	server, err := chroma.New(chroma.Config{BaseURL: front.URL(), Database: p.database, Collections: names(), Tries: 2, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	directory := hooked{p.directory(t), func() { gone.Store(true) }, true}
	if _, err := either.New(server, directory).Open(t.Context(), []memory.Section{section}); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

// TestSuite holds it to what every store promises to those who read.
func TestSuite(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		New: func(t *testing.T) storetest.Fixture {
			p := newPlace(t, 0)
			p.Call(t, http.MethodDelete, chromatest.Collections(p.database)+"/rows", nil, nil)
			target, err := chroma.New(chroma.Config{BaseURL: p.URL(), Database: p.database, Collections: names()})
			if err != nil {
				t.Fatal(err)
			}
			spec := memory.SectionSpec{Name: section, Kind: memory.Vectors, Dimension: storetest.Dimension, Distance: "l2"}
			return storetest.Fixture{
				Store: either.New(p.server(t), p.directory(t)), Spec: spec,
				Put: func(t *testing.T, rows []memory.Record) {
					records := func(yield func(memory.Record, error) bool) {
						for _, r := range rows {
							if !yield(r, nil) {
								return
							}
						}
					}
					if _, err := target.Merge(t.Context(), spec, records, store.MergeOptions{}); err != nil {
						t.Fatal(err)
					}
				},
				Delete: func(t *testing.T, ids []string) {
					t.Helper()
					var found struct{ ID string }
					p.Call(t, http.MethodGet, chromatest.Collections(p.database)+"/rows", nil, &found)
					p.Call(t, http.MethodPost, chromatest.Collections(p.database)+"/"+found.ID+"/delete", map[string]any{"ids": ids}, nil)
				},
				State: func(t *testing.T) string { return storetest.Tree(t, p.dir) },
			}
		},
		Unreachable: func(t *testing.T) (store.Store, store.Target, memory.Section) {
			down, err := chroma.New(chroma.Config{BaseURL: "http://127.0.0.1:1", Collections: names(), Tries: 1})
			if err != nil {
				t.Fatal(err)
			}
			return either.New(down, chromadir.New(chromadir.Config{Path: t.TempDir(), Collections: names(), TempDir: t.TempDir()})), nil, section
		},
		Rows:  300,
		Leaks: []goleak.Option{goleak.IgnoreAnyFunction("keepsake/internal/store/chroma/chromatest.(*life).run")},
	})
}

package chromadir_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
)

const database = "default_database"

// generations are the servers whose directories are read.
var generations = map[string][]chromatest.Option{
	"New": nil,
	"Old": {chromatest.Old()},
}

// sectionOf is the section of a collection.
func sectionOf(name string) memory.Section { return memory.Section("x/" + name) }

// sectionsOf names the collections of sections.
func sectionsOf(names ...string) map[memory.Section]string {
	sections := map[memory.Section]string{}
	for _, name := range names {
		sections[sectionOf(name)] = name
	}
	return sections
}

func config(t testing.TB, dir string, names ...string) chromadir.Config {
	t.Helper()
	return chromadir.Config{Path: dir, Collections: sectionsOf(names...), TempDir: t.TempDir(), Now: time.Now}
}

// create makes a collection and returns the path of its operations.
func create(t testing.TB, s *chromatest.Server, name string, more map[string]any) string {
	t.Helper()
	return createIn(t, s, database, name, more)
}

func space(name string) map[string]any {
	return map[string]any{"configuration": map[string]any{"hnsw": map[string]any{"space": name}}}
}

// savedEach is a space whose index is saved at each so many records.
func savedEach(space string, records int) map[string]any {
	return map[string]any{"configuration": map[string]any{"hnsw": map[string]any{"space": space, "sync_threshold": records}}}
}

// send does one operation with rows.
func send(t testing.TB, s *chromatest.Server, path string, rows []memory.Record) {
	t.Helper()
	for len(rows) > 0 {
		n := min(len(rows), 500)
		s.Call(t, http.MethodPost, path, columns(t, rows[:n]), nil)
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

func remove(t testing.TB, s *chromatest.Server, path string, ids ...string) {
	t.Helper()
	s.Call(t, http.MethodPost, path+"delete", map[string]any{"ids": ids}, nil)
}

// contents is all that a store gives of its sections.
type contents struct {
	specs    []memory.SectionSpec
	rows     map[memory.Section][]memory.Record
	captures map[memory.Section]memory.Capture
	findings []memory.Finding
}

func read(t testing.TB, s store.Store) contents {
	t.Helper()
	c, err := tryRead(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryRead(ctx context.Context, s store.Store) (c contents, err error) {
	session, err := s.Open(ctx, nil)
	if err != nil {
		return c, err
	}
	defer session.Close()
	if c.specs, err = session.Sections(ctx); err != nil {
		return c, err
	}
	c.rows, c.captures = map[memory.Section][]memory.Record{}, map[memory.Section]memory.Capture{}
	for _, spec := range c.specs {
		reading, err := session.Read(ctx, spec.Name)
		if err != nil {
			return c, err
		}
		for rec, err := range reading.All() {
			if err != nil {
				return c, err
			}
			c.rows[spec.Name] = append(c.rows[spec.Name], append(memory.Record(nil), rec...))
		}
		if c.captures[spec.Name], err = reading.Capture(); err != nil {
			return c, err
		}
	}
	if inspector, ok := session.(store.Inspector); ok {
		c.findings = inspector.Findings()
	}
	return c, session.Close()
}

// overHTTP is the same server as a store.
func overHTTP(t testing.TB, s *chromatest.Server, names ...string) *chroma.Server {
	t.Helper()
	server, err := chroma.New(chroma.Config{BaseURL: s.URL(), Collections: sectionsOf(names...), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// equal wants what the directory gives to be what the server gave: sections in
// every field but the locator, rows by their parts and in order. In a cosine
// space the directory may have the original of what the server rounded.
func equal(t *testing.T, got, want contents) {
	t.Helper()
	if len(got.specs) != len(want.specs) {
		t.Fatalf("got %d sections, want %d", len(got.specs), len(want.specs))
	}
	for i, g := range got.specs {
		w := want.specs[i]
		if g.Name != w.Name || g.Kind != w.Kind || g.Dimension != w.Dimension || g.Distance != w.Distance || g.Rows != w.Rows {
			t.Errorf("section %s:\ngot  %+v\nwant %+v", w.Name, g, w)
		}
		equalJSON(t, "metadata", g.Collection.Metadata, w.Collection.Metadata)
		equalJSON(t, "schema", g.Collection.Schema, w.Collection.Schema)
		equalJSON(t, "configuration", g.Collection.Configuration, w.Collection.Configuration)
		if g.Collection.ID != w.Collection.ID || g.Collection.Name != w.Collection.Name {
			t.Errorf("got collection %s %s, want %s %s", g.Collection.Name, g.Collection.ID, w.Collection.Name, w.Collection.ID)
		}
		tolerance := 0.0
		if w.Distance == "cosine" {
			tolerance = 5e-7
		}
		equalRows(t, w.Name, got.rows[w.Name], want.rows[w.Name], tolerance)
		if c := got.captures[w.Name]; !c.Complete() || c.Held != w.Rows || c.Before != w.Rows || c.After != w.Rows || c.Method != "directory" {
			t.Errorf("section %s: got capture %+v, want %d rows held", w.Name, c, w.Rows)
		}
	}
}

func equalJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var g, w any
	if len(got) > 0 {
		if err := json.Unmarshal(got, &g); err != nil {
			t.Errorf("%s: %v: %s", what, err, got)
		}
	}
	if len(want) > 0 {
		if err := json.Unmarshal(want, &w); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

func equalRows(t *testing.T, section memory.Section, got, want []memory.Record, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d rows, want %d", section, len(got), len(want))
	}
	var a, b record.Scanner
	for i := range min(len(got), len(want)) {
		g, err := a.Vector(got[i])
		if err != nil {
			t.Fatalf("%s: row %d: %v: %.300s", section, i, err, got[i])
		}
		w, err := b.Vector(want[i])
		if err != nil {
			t.Fatal(err)
		}
		if rest(t, got[i], g) != rest(t, want[i], w) || !near(g.Bits, w.Bits, tolerance) {
			t.Fatalf("%s: row %d:\ngot  %.600s\nwant %.600s", section, i, got[i], want[i])
		}
	}
}

// rest is a record without its vector, in canonical form.
func rest(t testing.TB, rec memory.Record, v *record.Vector) string {
	t.Helper()
	canonical, err := record.AppendCanonical(nil, fmt.Appendf(nil, "[%s,%s,%s]", v.ID.Of(rec), v.Metadata.Of(rec), v.Document.Of(rec)))
	if err != nil {
		t.Fatal(err)
	}
	return string(canonical)
}

func near(a, b []byte, tolerance float64) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := 0; i < len(a); i += 4 {
		x, y := binary.LittleEndian.Uint32(a[i:]), binary.LittleEndian.Uint32(b[i:])
		f, g := float64(math.Float32frombits(x)), float64(math.Float32frombits(y))
		if x != y && math.Abs(f-g) > tolerance*math.Abs(g) {
			return false
		}
	}
	return true
}

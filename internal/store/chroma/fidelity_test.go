package chroma_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// awkward are rows as an agent would add them, and as they are to be read.
var awkward = []struct{ id, embedding, metadata, document, uri, want string }{
	{"zeros", "[0,-0.0,0]", "null", "null", "null", `"embedding":[0.0,-0.0,0.0],"metadata":null,"document":null`},
	{"denormal", "[1e-45,-1.1754942e-38,1]", "null", `""`, "null", `"embedding":[1e-45,-1.1754942e-38,1.0],"metadata":null,"document":""`},
	{"extreme", "[3.4028235e38,-3.4028235e38,1]", "{}", `"x"`, "null", `"metadata":null,"document":"x"`},
	{
		"typed", "[1,2,3]", `{"z":9223372036854775807,"f":1.0,"b":true,"s":"","ä":-0.0}`, `"x"`, "null",
		`"metadata":{"b":true,"f":1.0,"s":"","z":9223372036854775807,"ä":0.0}`,
	},
	{"large integer", "[1,2,3]", `{"n":9223372036854775808}`, "null", "null", `"metadata":{"n":9.223372036854776e`},
	{"uri alone", "[1,2,3]", "null", "null", `"file:///a"`, `"metadata":{"chroma:uri":"file:///a"}`},
	{"uri", "[1,2,3]", `{"a":1,"z":2}`, "null", `"file:///b"`, `"metadata":{"a":1,"chroma:uri":"file:///b","z":2}`},
	{"document in metadata", "[1,2,3]", `{"document":"no","embedding":[1]}`, `"yes"`, "null", `"document":"yes"`},
	{
		"arrays", "[1,2,3]", `{"f":[1.5,2.0],"i":[1,2],"s":["a","b"],"t":[true]}`, "null", "null",
		`"metadata":{"f":[1.5,2.0],"i":[1,2],"s":["a","b"],"t":[true]}`,
	},
	{"\u0000\u2028 \"q\" \\ 記憶 🧠 e\u0301", "[1,2,3]", `{"k\u0000\"":"\u0000\u2029🧠"}`, `"\u0000\ud83e\udde0\ufeff"`, "null", `"document":"\u0000🧠` + "\ufeff" + `"`},
}

// hasArrays tells rows that old servers don't take.
func hasArrays(metadata string) bool { return strings.Contains(metadata, "[") }

// TestFidelity reads awkward rows, merges what it read into another database,
// and reads that.
func TestFidelity(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(testing.TB) *chromatest.Server
		old   bool
	}{
		{"Current", chromatest.Shared, false},
		{"Old", func(t testing.TB) *chromatest.Server { return chromatest.Start(t, chromatest.Old()) }, true},
	} {
		server := tt.start(t)
		for _, space := range []string{"l2", "ip", "cosine"} {
			t.Run(tt.name+"/"+space, func(t *testing.T) {
				p := newPlace(t, server)
				p.create(t, space)
				want := addAwkward(t, p, tt.old)
				s := open(t, p.config(p.URL()))
				got, capture := read(t, s)
				if len(got) != len(want) || capture.Salvaged != int64(salvaged(space)) {
					t.Fatalf("got %d rows, %+v, want %d", len(got), capture, len(want))
				}
				for i, rec := range got {
					if !strings.Contains(string(rec), want[i]) && space != "cosine" {
						t.Errorf("got %s\nwant %s", rec, want[i])
					}
				}
				wantCopy(t, server, s, got, space)
			})
		}
	}
}

// salvaged counts the rows whose vector no cosine space can hold: its length is
// no float32.
func salvaged(space string) int {
	if space == "cosine" {
		return 1
	}
	return 0
}

func addAwkward(t *testing.T, p place, old bool) (want []string) {
	t.Helper()
	columns := map[string][]json.RawMessage{}
	for _, row := range awkward {
		if old && hasArrays(row.metadata) {
			continue
		}
		id, err := json.Marshal(row.id)
		if err != nil {
			t.Fatal(err)
		}
		for column, value := range map[string]string{
			"ids": string(id), "embeddings": row.embedding, "metadatas": row.metadata, "documents": row.document, "uris": row.uri,
		} {
			columns[column] = append(columns[column], json.RawMessage(value))
		}
		want = append(want, row.want)
	}
	p.Call(t, http.MethodPost, p.rows(t, "add"), columns, nil)
	return want
}

// wantCopy merges rows into a fresh database and wants them there: the same
// digests, but in a cosine space, where the proof has to do.
func wantCopy(t *testing.T, server *chromatest.Server, from interface{ Address() string }, rows []memory.Record, space string) {
	t.Helper()
	q := newPlace(t, server)
	s := open(t, q.config(from.Address()))
	result, h := merge(t, s, memory.SectionSpec{Distance: space}, rows)
	lost := int64(salvaged(space))
	if result.Same != int64(len(rows))-lost || result.Rejected != lost || result.Missing != 0 {
		t.Errorf("got %+v, %v, want all rows the same but %d", result, h.reasons, lost)
	}
	got, _ := read(t, s)
	if space != "cosine" {
		equalRows(t, got, rows)
	}
}

// TestURIs sends uris as such, beside the metadata that a bundle has them in.
func TestURIs(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" && !strings.Contains(string(r.Body), `"uris":["file:///\"a",null,null]`) {
			t.Errorf("got %s", r.Body)
		}
		return chromatest.Fault{}
	})
	rows := []memory.Record{
		memory.Record(`{"id":"a","embedding":[1.0],"metadata":{"chroma:uri":"file:///\"a","x":1},"document":null}`),
		memory.Record(`{"id":"b","embedding":[1.0],"metadata":{"x":"\"chroma:uri\""},"document":null}`),
		memory.Record(`{"id":"c","embedding":[1.0],"metadata":null,"document":null}`),
	}
	s := open(t, p.config(proxy.URL()))
	if result, h := merge(t, s, memory.SectionSpec{}, rows); result.Same != 3 {
		t.Errorf("got %+v, %v, want all the same", result, h.reasons)
	}
	got, _ := read(t, s)
	equalRows(t, got, rows)
}

// settings are what makes a collection what it is.
func settings(t *testing.T, p place) map[string]any {
	t.Helper()
	found := p.look(t)
	for _, key := range []string{"id", "database", "log_position", "version"} {
		delete(found, key)
	}
	return found
}

// TestRecreate makes collections anew from what was exported, on the same kind
// of server and on others.
func TestRecreate(t *testing.T) {
	current, old := chromatest.Shared(t), chromatest.Start(t, chromatest.Old())
	schema := func(space string) json.RawMessage {
		return json.RawMessage(`{"defaults":{},"keys":{"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"space":"` +
			space + `","hnsw":{"ef_construction":150,"max_neighbors":24,"num_threads":1,"batch_size":77}}}}}}}`)
	}
	for _, tt := range []struct {
		name     string
		from, to *chromatest.Server
		payload  map[string]any
		exact    bool
	}{
		{"Default", current, current, nil, true},
		{"Schema", current, current, map[string]any{"schema": schema("cosine"), "metadata": map[string]any{"a": 1, "b": "x"}}, true},
		{"Configuration", current, current, map[string]any{"configuration": json.RawMessage(`{"hnsw":{"space":"ip","ef_search":55}}`)}, true},
		{"OldKeys", current, current, map[string]any{"metadata": map[string]any{"hnsw:space": "cosine", "hnsw:M": 32, "x": true}}, true},
		{"OldToOld", old, old, map[string]any{"configuration": json.RawMessage(`{"hnsw":{"space":"ip","ef_construction":55}}`)}, true},
		{"OldToCurrent", old, current, map[string]any{"configuration": json.RawMessage(`{"hnsw":{"space":"cosine","max_neighbors":20}}`)}, false},
		{"CurrentToOld", current, old, map[string]any{"schema": schema("ip"), "metadata": map[string]any{"a": 1}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, q := newPlace(t, tt.from), newPlace(t, tt.to)
			payload := map[string]any{"name": name}
			for key, value := range tt.payload {
				payload[key] = value
			}
			p.Call(t, http.MethodPost, p.collections(), payload, nil)
			rows := storetest.Vectors("a", 30, false)
			p.add(t, rows)
			recreate(t, p, q)
			is, was := settings(t, q), settings(t, p)
			if !tt.exact { // one of them has no schema
				delete(is, "schema")
				delete(was, "schema")
			}
			if !reflect.DeepEqual(is, was) {
				t.Errorf("got %v\nwant %v", is, was)
			}
		})
	}
}

// recreate reads p and merges it into q.
func recreate(t *testing.T, p, q place) {
	t.Helper()
	s := open(t, p.config(p.URL()))
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got %v, %v, want one section", specs, err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	rows, _ := read(t, s)
	result, h := merge(t, open(t, q.config(q.URL())), specs[0], rows)
	if !result.Created || !result.Complete() || result.Same != 30 {
		t.Errorf("got %+v %v, want all rows in a new collection", result, h.reasons)
	}
}

// TestSpec wants a section described as its collection is.
func TestSpec(t *testing.T) {
	p, _ := filled(t, 10)
	session, err := open(t, p.config(p.URL())).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got %v, %v, want one section", specs, err)
	}
	got, found := specs[0], p.look(t)
	if got.Dimension != 8 || got.Distance != "l2" || got.Rows != 10 || got.Kind != memory.Vectors || got.Name != section {
		t.Errorf("got %+v", got)
	}
	want := memory.Locator{
		Kind: memory.KindChroma, Address: p.URL(), Tenant: chromatest.Tenant, Database: p.database,
		Collection: name, CollectionID: fmt.Sprint(found["id"]),
	}
	if got.Locator != want {
		t.Errorf("got locator %+v, want %+v", got.Locator, want)
	}
	c := got.Collection
	for _, part := range []struct {
		key string
		raw memory.RawJSON
	}{{"schema", c.Schema}, {"configuration_json", c.Configuration}} {
		var is any
		if err := json.Unmarshal(part.raw, &is); err != nil || !reflect.DeepEqual(is, found[part.key]) {
			t.Errorf("got %s %s, %v, want %v", part.key, part.raw, err, found[part.key])
		}
	}
	if c.ID != want.CollectionID || c.Name != name || c.Metadata != nil {
		t.Errorf("got %+v", c)
	}
}

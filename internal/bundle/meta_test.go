package bundle_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

func readMeta(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path, bundle.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// at the top of a meta stand the fields that were asked for and Neo.mjs's own;
// ours are in their block.
func TestMetaShape(t *testing.T) {
	var got map[string]json.RawMessage
	if err := json.Unmarshal(readMeta(t, sample(t)), &got); err != nil {
		t.Fatal(err)
	}
	kb := `{"host":"localhost","port":18000,"path":null,"tenant":"default_tenant","database":"default_database"}`
	mc := `{"host":"localhost","port":18001,"dataDir":null,"tenant":"default_tenant","database":"default_database"}`
	for field, want := range map[string]string{
		"bundleVersion":  `1`,
		"timestamp":      `"2026-11-22T22-41-33.610Z"`,
		"completedAt":    `"2026-11-22T22:41:40.000Z"`,
		"chromaUnified":  `false`,
		"kbChromaCoords": kb,
		"mcChromaCoords": mc,
		"neoVersion":     `"13.1.0"`,
		"gitSha":         `null`,
		"topology":       `{"chromaUnified":false,"kbChromaCoords":` + kb + `,"mcChromaCoords":` + mc + `}`,
		"subsystems": `{"kb":{"count":30},"mc":{"count":25,"memories":{"collection":"neo-agent-memory","expected":20,"exported":20,"skipped":0,"skippedIds":[]},` +
			`"summaries":{"collection":"neo-agent-sessions","expected":5,"exported":5,"skipped":0,"skippedIds":[]}},` +
			`"graph":{"count":20,"graph":{"expected":20,"exported":20}},"concepts":{"copied":2},"trajectories":{"copied":1},"mailbox":{"copied":1}}`,
		"integrity": `[{"subsystem":"kb","status":"pass","sourceCount":30,"bundleCount":30},{"subsystem":"mc","status":"pass","sourceCount":25,"bundleCount":25},{"subsystem":"graph","status":"pass","sourceCount":20,"bundleCount":20}]`,
	} {
		var b bytes.Buffer
		if err := json.Compact(&b, got[field]); err != nil || b.String() != want {
			t.Errorf("%s is\n%s\nwant\n%s", field, b.String(), want)
		}
		delete(got, field)
	}
	if len(got) != 1 || got["keepsake"] == nil {
		t.Errorf("other fields: %v", got)
	}
}

func TestKeepsakeBlock(t *testing.T) {
	k := open(t, sample(t)).Meta().Keepsake
	if k.Format != 2 || k.Tool != "keepsake test" || k.MemoryID != memoryID || k.Sequence != 17 || k.Reason != bundle.ReasonBackup || k.Status != bundle.Complete {
		t.Errorf("block is %+v", k)
	}
	for i, p := range sampleParts() {
		s, f := k.Sections[i], k.Files[i]
		if s.Name != p.spec.Name || s.Kind != p.spec.Kind || s.Rows != int64(p.held()) || f.Rows != s.Rows || (f.Kind == bundle.OpaqueFile) != (p.spec.Kind == memory.Opaque) {
			t.Errorf("section %d is %+v in %+v", i, s, f)
		}
		if s.Lineage != (memory.Lineage{Collection: "unknown"}) || s.Capture.Held != s.Rows || s.Capture.Unreadable == nil {
			t.Errorf("%s: lineage %+v, capture %+v", s.Name, s.Lineage, s.Capture)
		}
	}
	if got, want := k.Sections[1].Collection, sampleParts()[1].spec.Collection; !sameJSON(t, string(got.Metadata), string(want.Metadata)) || !bytes.Contains(got.Metadata, []byte("<&>")) || !bytes.Contains(got.Schema, []byte("1.50")) {
		t.Errorf("collection is %s %s, want %s %s", got.Metadata, got.Schema, want.Metadata, want.Schema)
	}
	if got, want := k.Sections[4].NotJSON, (bundle.Ranges{{2, 2}}); !slices.Equal(got, want) {
		t.Errorf("lines that are no JSON are %v, want %v", got, want)
	}
	if k.Sections[7].NotJSON != nil {
		t.Errorf("the mailbox is opaque, and yet %v are named", k.Sections[7].NotJSON)
	}
}

// The digest of a file's records depends on the rows alone, not on their order or
// their spelling.
func TestRecordsDigest(t *testing.T) {
	digest := func(rows ...string) string {
		path, err := write(options(t, t.TempDir()), []part{{memory.SectionSpec{Name: memory.TrajectoryLog, Kind: memory.Lines}, rows}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return open(t, path).Meta().Keepsake.Files[0].Records
	}
	a := digest(`{"x":1,"y":2}`, `{"z":3}`)
	if b := digest(`{"z": 3}`, `{"y":2,"x":1}`); a != b {
		t.Errorf("digest is %s, and %s in another order", a, b)
	}
	if b := digest(`{"x":1,"y":2}`, `{"z":4}`); a == b {
		t.Error("another row has the same digest")
	}
	if b := digest(`{"x":1,"y":2}`, `{"z":3}`, `{"z":3}`); a == b {
		t.Error("a row that comes twice is not counted")
	}
}

func TestParity(t *testing.T) {
	section := func(name memory.Section, rows int64, c memory.Capture) bundle.SectionMeta {
		return bundle.SectionMeta{Name: name, Kind: memory.Vectors, Rows: rows, Capture: c}
	}
	for _, c := range []struct {
		name     string
		sections []bundle.SectionMeta
		want     bundle.Integrity
	}{
		{"Pass", []bundle.SectionMeta{section(memory.Memories, 5, memory.Capture{Held: 5})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Pass, SourceCount: 5, BundleCount: 5}},
		// One row written during the export must not cost the backup.
		{"IncidentC/Growth", []bundle.SectionMeta{section(memory.Memories, 7, memory.Capture{Held: 5, Added: 2})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Pass, SourceCount: 5, BundleCount: 7}},
		{"Missing", []bundle.SectionMeta{section(memory.Memories, 5, memory.Capture{Held: 6, Missing: 1})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Fail, SourceCount: 6, BundleCount: 5}},
		{"MissingButGrown", []bundle.SectionMeta{section(memory.Memories, 7, memory.Capture{Held: 6, Missing: 1, Added: 2})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Fail, SourceCount: 6, BundleCount: 7}},
		{"Unreadable", []bundle.SectionMeta{section(memory.Memories, 5, memory.Capture{Held: 5, Unreadable: []string{"x"}})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Fail, SourceCount: 5, BundleCount: 5}},
		{"FewerThanHeld", []bundle.SectionMeta{section(memory.Memories, 4, memory.Capture{Held: 5})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Fail, SourceCount: 5, BundleCount: 4}},
		{"OneOfTwo", []bundle.SectionMeta{section(memory.Memories, 5, memory.Capture{Held: 5}), {Name: memory.Summaries, Kind: memory.Vectors, Failed: "gone"}}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Fail, SourceCount: -1, BundleCount: 5}},
		{"Empty", []bundle.SectionMeta{section(memory.Memories, 0, memory.Capture{})}, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Empty}},
		{"Skipped", nil, bundle.Integrity{Subsystem: memory.MC, Status: bundle.Skipped}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := bundle.Parity(c.sections)[1]; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTopologyForms(t *testing.T) {
	coords := `"kbChromaCoords":{"host":"a","port":1,"path":"/p"},"mcChromaCoords":{"host":"b","port":"2","dataDir":"/d","tenant":"t","database":"d"}`
	full := &memory.Topology{KB: memory.Coords{Host: "a", Port: 1, Path: "/p"}, MC: memory.Coords{Host: "b", Port: 2, Path: "/d", Tenant: "t", Database: "d"}}
	unified := *full
	unified.Unified = true
	for _, c := range []struct {
		name, meta string
		want       *memory.Topology
	}{
		{"Flat", `{"chromaUnified":true,` + coords + `}`, &unified},
		{"FlatFederated", `{"chromaUnified":false,` + coords + `}`, full},
		{"Nested", `{"topology":{"chromaUnified":true,` + coords + `}}`, &unified},
		{"NestedFederated", `{"topology":{"chromaUnified":false,` + coords + `}}`, full},
		{"Shared", `{"topology":{"shared_topology":true,` + coords + `}}`, &unified},
		{"NotShared", `{"topology":{"shared_topology":false,` + coords + `}}`, full},
		{"Mixed", `{"chromaUnified":true,` + coords + `,"topology":{"shared_topology":true}}`, &unified},
		{"Null", `{"chromaUnified":null,"kbChromaCoords":null,"topology":null}`, nil},
		{"Nothing", `{}`, nil},
		{"OnlyCoordinates", `{` + coords + `}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := bundle.ParseMeta([]byte(c.meta))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m.Topology, c.want) {
				t.Errorf("topology is %+v, want %+v", m.Topology, c.want)
			}
		})
	}
	for _, wrong := range []string{
		`{"chromaUnified":true,"topology":{"shared_topology":false}}`,
		`{"topology":{"shared_topology":false,"chromaUnified":true}}`,
		`{"chromaUnified":"yes"}`,
		`{"chromaUnified":true,"kbChromaCoords":{"port":"x"}}`,
	} {
		if m, err := bundle.ParseMeta([]byte(wrong)); err == nil {
			t.Errorf("%s parses: %+v", wrong, m.Topology)
		}
	}
}

// Unified says so in all three forms, so that every reader of Neo.mjs finds its own.
func TestUnifiedIsWrittenInEveryForm(t *testing.T) {
	path, err := write(options(t, t.TempDir()), sampleParts()[:1], func(m *bundle.Meta) {
		m.Topology = &memory.Topology{Unified: true, KB: m.Topology.KB, MC: m.Topology.KB}
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ChromaUnified bool
		Topology      struct {
			ChromaUnified   bool
			Shared_topology bool //nolint:revive // the name on the wire
		}
	}
	if err := json.Unmarshal(readMeta(t, path), &got); err != nil {
		t.Fatal(err)
	}
	if !got.ChromaUnified || !got.Topology.ChromaUnified || !got.Topology.Shared_topology {
		t.Errorf("got %+v", got)
	}
}

func TestMetaOfOthers(t *testing.T) {
	m, err := bundle.ParseMeta([]byte(`{"bundleVersion":1,"timestamp":"x","completedAt":"never","later":{"a":[1]},"subsystems":{"ledgers":{"copied":1},"kb":{"count":3}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if *m.Subsystems.KB.Count != 3 || !m.CompletedAt.IsZero() {
		t.Errorf("got %+v", m)
	}
	for _, wrong := range []string{``, ` `, `null`, `[]`, `3`, `{`, `{} {}`, "{\"a\":\"\xff\"}", `{"integrity":3}`} {
		if _, err := bundle.ParseMeta([]byte(wrong)); err == nil {
			t.Errorf("%q parses", wrong)
		}
	}
}

// Each thing that a keepsake block can get wrong is refused.
func TestKeepsakeBlockRefusals(t *testing.T) {
	good := readMeta(t, sample(t))
	for _, c := range []struct {
		name string
		do   func(*bundle.Meta)
	}{
		{"Timestamp", func(m *bundle.Meta) { m.Timestamp = "2026" }},
		{"Format0", func(m *bundle.Meta) { m.Keepsake.Format = 0 }},
		{"Format3", func(m *bundle.Meta) { m.Keepsake.Format = 3 }},
		{"Reason", func(m *bundle.Meta) { m.Keepsake.Reason = "why" }},
		{"Status", func(m *bundle.Meta) { m.Keepsake.Status = "fine" }},
		{"Sequence", func(m *bundle.Meta) { m.Keepsake.Sequence = -1 }},
		{"FileTwice", func(m *bundle.Meta) { m.Keepsake.Files = append(m.Keepsake.Files, m.Keepsake.Files[0]) }},
		{"FileOfNoSection", func(m *bundle.Meta) { m.Keepsake.Sections = m.Keepsake.Sections[1:] }},
		{"SectionWithoutFile", func(m *bundle.Meta) { m.Keepsake.Files = m.Keepsake.Files[1:] }},
		{"SectionTwice", func(m *bundle.Meta) { m.Keepsake.Sections = append(m.Keepsake.Sections, m.Keepsake.Sections[0]) }},
		{"SectionKind", func(m *bundle.Meta) { m.Keepsake.Sections[0].Kind = "rows" }},
		{"SectionName", func(m *bundle.Meta) { m.Keepsake.Sections[4].Name = "concepts/../x" }},
		{"SectionRows", func(m *bundle.Meta) { m.Keepsake.Sections[0].Rows++ }},
		{"SectionDimension", func(m *bundle.Meta) { m.Keepsake.Sections[1].Dimension = -1 }},
		{"SectionFailedWithFile", func(m *bundle.Meta) { m.Keepsake.Sections[0].Failed = "x" }},
		{"TwoFiles", func(m *bundle.Meta) {
			f := m.Keepsake.Files[0]
			f.Path += ".zst"
			m.Keepsake.Files = append(m.Keepsake.Files, f)
		}},
		{"FileKind", func(m *bundle.Meta) { m.Keepsake.Files[0].Kind = "x" }},
		{"FileAtTheTop", func(m *bundle.Meta) { m.Keepsake.Files[0].Path = "x.jsonl" }},
		{"FileAbsolute", func(m *bundle.Meta) { m.Keepsake.Files[0].Path = "/etc/passwd" }},
		{"FileOutside", func(m *bundle.Meta) { m.Keepsake.Files[0].Path = "kb/../../x" }},
		{"FileBackslash", func(m *bundle.Meta) { m.Keepsake.Files[0].Path = `kb\..\x` }},
		{"FileBytes", func(m *bundle.Meta) { m.Keepsake.Files[0].Bytes = -1 }},
		{"FileRows", func(m *bundle.Meta) { m.Keepsake.Files[0].Rows = -1 }},
		{"FileHash", func(m *bundle.Meta) { m.Keepsake.Files[0].SHA256 = "abc" }},
		{"FileHashUpper", func(m *bundle.Meta) { m.Keepsake.Files[0].SHA256 = strings.Repeat("A", 64) }},
		{"FileRecords", func(m *bundle.Meta) { m.Keepsake.Files[0].Records = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := bundle.ParseMeta(good)
			if err != nil {
				t.Fatal(err)
			}
			c.do(m)
			m.Subsystems, m.Integrity = bundle.Count(m.Keepsake.Sections, m.Keepsake.Files), bundle.Parity(m.Keepsake.Sections)
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bundle.ParseMeta(data); err == nil {
				t.Error("not refused")
			}
		})
	}
}

// The seal is one that anybody can check: the SHA-256 of the file with the
// seal's own digits as zeros.
func TestSeal(t *testing.T) {
	data := readMeta(t, sample(t))
	if err := bundle.CheckSeal(data); err != nil {
		t.Error(err)
	}
	m, err := bundle.ParseMeta(data)
	if err != nil {
		t.Fatal(err)
	}
	zeroed := bytes.Replace(data, []byte(m.Keepsake.Seal), []byte(strings.Repeat("0", 64)), 1)
	if got := hash(zeroed); got != m.Keepsake.Seal {
		t.Errorf("seal is %s, want %s", m.Keepsake.Seal, got)
	}
	for name, wrong := range map[string][]byte{
		"none":   []byte(`{}`),
		"short":  []byte(`{"keepsake":{"seal":"00"}}`),
		"number": []byte(`{"keepsake":{"seal":0}}`),
		"zeros":  zeroed,
		"space":  append(bytes.Clone(data), ' '),
		"broken": data[:len(data)-4],
	} {
		if err := bundle.CheckSeal(wrong); !errors.Is(err, bundle.ErrSeal) {
			t.Errorf("%s: %v, want ErrSeal", name, err)
		}
	}
}

// No secret enters the meta, in whatever case or depth it is named; what only
// looks like one stays, byte for byte.
func TestSecretsAreWithheld(t *testing.T) {
	const secret = "s3cr3t-s3cr3t"
	spec := sampleParts()[1].spec
	spec.Locator.Address = "https://user:" + secret + "@chroma.example:8000/x"
	spec.Collection = &memory.Collection{
		Name: "c",
		Metadata: memory.RawJSON(`{"API_KEY":"` + secret + `","note":"see https://me:` + secret + `@host/p?q=a@b and http://b@c","max_tokens":1.50,
			"tokenizer":"t","Password":"","ok":true,"url":"https://host/a@b"}`),
		Schema:        memory.RawJSON(`{"defaults":{"api_key_env_var":"OPENAI_API_KEY","n":1e400}}`),
		Configuration: memory.RawJSON(`{"embedding_function":{"config":{"apiKey":"` + secret + `","list":[{"Authorization":["` + secret + `"]},{"x-chroma-token":"` + secret + `"}],"client secret":{"a":"` + secret + `"},"token":null}}}`),
	}
	path, err := write(options(t, t.TempDir()), []part{{spec, vectorRows("m", 1)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if data := readMeta(t, path); bytes.Contains(data, []byte(secret)) {
		t.Errorf("the meta holds the secret:\n%s", data)
	}
	s := open(t, path).Meta().Keepsake.Sections[0]
	if got, want := s.Locator.Address, "https://chroma.example:8000/x"; got != want {
		t.Errorf("address is %s, want %s", got, want)
	}
	for _, c := range []struct{ got, want string }{
		{string(s.Collection.Metadata), `{"API_KEY":"[withheld]","note":"see https://host/p?q=a@b and http://c","max_tokens":1.50,"tokenizer":"t","Password":"","ok":true,"url":"https://host/a@b"}`},
		{string(s.Collection.Schema), `{"defaults":{"api_key_env_var":"OPENAI_API_KEY","n":1e400}}`},
		{string(s.Collection.Configuration), `{"embedding_function":{"config":{"apiKey":"[withheld]","list":[{"Authorization":"[withheld]"},{"x-chroma-token":"[withheld]"}],"client secret":"[withheld]","token":null}}}`},
	} {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(c.got)); err != nil || b.String() != c.want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
		}
	}
	want := []string{
		"metadata.API_KEY", "metadata.note", "configuration.embedding_function.config.apiKey",
		"configuration.embedding_function.config.list.0.Authorization",
		"configuration.embedding_function.config.list.1.x-chroma-token",
		"configuration.embedding_function.config.client secret",
	}
	if !slices.Equal(s.Withheld, want) {
		t.Errorf("withheld are %q, want %q", s.Withheld, want)
	}
	if got := codes(verify(t, path, bundle.Full).Findings, memory.Warning); !slices.Contains(got, "withheld") {
		t.Errorf("verify does not say so: %v", got)
	}
	// A collection that is made anew must not get the placeholder for a key.
	c := open(t, path).Sections()[0].Collection
	for _, part := range []struct{ got, want string }{
		{string(c.Metadata), `{"note":"see https://host/p?q=a@b and http://c","max_tokens":1.50,"tokenizer":"t","Password":"","ok":true,"url":"https://host/a@b"}`},
		{string(c.Configuration), `{"embedding_function":{"config":{"list":[{},{}],"token":null}}}`},
	} {
		if part.got != part.want {
			t.Errorf("section has\n%s\nwant\n%s", part.got, part.want)
		}
	}
	// What was withheld once is nothing to withhold again.
	again := s
	path, err = write(options(t, t.TempDir()), []part{{memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors, Collection: again.Collection}, vectorRows("m", 1)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Meta().Keepsake.Sections[0].Withheld; got != nil {
		t.Errorf("withheld again: %q", got)
	}
}

func TestCollectionThatIsNoJSON(t *testing.T) {
	spec := sampleParts()[1].spec
	spec.Collection = &memory.Collection{Name: "c", Schema: memory.RawJSON(`{"a":`)}
	if _, err := write(options(t, t.TempDir()), []part{{spec, nil}}, nil); err == nil {
		t.Error("written")
	}
}

func FuzzMeta(f *testing.F) {
	for _, path := range []string{neoPath} {
		data, err := os.ReadFile(filepath.Join(path, bundle.MetaFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	path, err := write(options(f, f.TempDir()), sampleParts()[:1], nil)
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(path, bundle.MetaFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"keepsake":{"seal":"` + strings.Repeat("0", 64) + `"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sealErr := bundle.CheckSeal(data) // must not panic on anything
		m, err := bundle.ParseMeta(data)
		if err != nil {
			return
		}
		printed, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("what parses does not print: %v", err)
		}
		again, err := bundle.ParseMeta(printed)
		if err != nil {
			t.Fatalf("what was printed does not parse: %v\n%s", err, printed)
		}
		twice, err := json.Marshal(again)
		if err != nil || !bytes.Equal(printed, twice) {
			t.Errorf("printed\n%s\nthen\n%s\nerror %v", printed, twice, err)
		}
		if sealErr == nil && m.Keepsake == nil {
			t.Error("a seal without a block")
		}
	})
}

func TestCompletedAtIsUTC(t *testing.T) {
	path, err := write(options(t, t.TempDir()), sampleParts()[:1], func(m *bundle.Meta) {
		m.CompletedAt = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	})
	if err != nil {
		t.Fatal(err)
	}
	if data := readMeta(t, path); !bytes.Contains(data, []byte(`"completedAt": "2026-01-02T02:04:05.678Z"`)) {
		t.Errorf("meta is %s", data)
	}
}

// A key that comes twice is found among many, in another case and with escapes.
func TestKeyTwiceAmongMany(t *testing.T) {
	var keys []string
	for i := range 60 {
		keys = append(keys, fmt.Sprintf(`"name-%d":1`, i))
	}
	text := func(more ...string) []byte { return []byte("{" + strings.Join(append(keys, more...), ",") + "}") }
	if _, err := bundle.ParseMeta(text()); err != nil {
		t.Errorf("got %v, want none", err)
	}
	for _, twice := range []string{`"name-5":2`, `"NAME-5":2`, `"name-59":2`, `"\u006eame-7":2`, `"na\u212ae":1,"nake":2`} {
		if _, err := bundle.ParseMeta(text(twice)); err == nil || !strings.Contains(err.Error(), "comes twice") {
			t.Errorf("%s: got %v, want that it comes twice", twice, err)
		}
	}
}

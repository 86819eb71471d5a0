package cli_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// TestDryRunEndsAsTheRun tries each way that a restore can end: the dry run ends
// with the same code, and leaves everything as it was.
func TestDryRunEndsAsTheRun(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	edited := func(edit func(dir string)) string {
		dir := copied(t, bundle)
		asNeo(t, dir)
		edit(dir)
		return dir
	}
	salvaged := edited(func(dir string) {
		line := lines(t, payload(t, dir, memory.Memories))[4]
		from, to := strings.Index(line, `"embedding":[`), strings.Index(line, `],"metadata"`)
		editLine(t, dir, memory.Memories, 5, line[:from]+`"embedding":null`+line[to+1:])
	})
	unknown := edited(func(dir string) { a.write(filepath.Join(dir, "ledgers", "wages.jsonl"), "{}\n") })
	broken := edited(func(dir string) { editLine(t, dir, memory.KnowledgeBase, 9, "{") })

	for _, tt := range []struct {
		name string
		code int
		with func()
		args []string
	}{
		{"Done", 0, nil, []string{bundle}},
		{"NothingToDo", 0, func() { a.must(0, "restore", bundle) }, []string{bundle}},
		{"Usage", 2, nil, []string{bundle, "--proof", "none"}},
		{"Broken", 4, nil, []string{broken}},
		{"OtherDimension", 5, func() { a.makes(memory.Memories, "l2", dimension/2) }, []string{bundle, "--only", "mc/memory"}},
		{"OtherDistance", 5, func() { a.makes(memory.Memories, "cosine", 0) }, []string{bundle, "--only", "mc/memory"}},
		{"OtherDimensionOfOne", 9, func() { a.makes(memory.Memories, "l2", dimension/2) }, []string{bundle}}, // the others go in
		{"OtherMemory", 6, func() { a.adopts("7c9a2c6e-0b52-4a53-8f0e-1f4f8bb3a001") }, []string{bundle}},
		{"Unreachable", 8, func() { a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t) }, []string{bundle, "--only", "kb"}},
		{"RowWithoutVector", 9, nil, []string{salvaged}},
		{"PayloadThatNobodyTakes", 9, nil, []string{unknown}},
		{"NoSuchBundle", 10, nil, []string{"backup-2026-01-01T00-00-00.000Z"}},
	} {
		a.sub(tt.name, func(t *testing.T) {
			a.forget()
			if tt.with != nil {
				tt.with()
			}
			args := append([]string{"restore"}, tt.args...)
			live := a.state()
			a.must(tt.code, append(args, "--dry-run")...)
			same(t, "after the dry run", a.state(), live)
			a.must(tt.code, args...)
			if tt.code >= 4 && tt.code <= 8 {
				same(t, "after the refusal", a.state(), live)
			}
		})
	}
	a.sub("Topology", func(t *testing.T) {
		a.mc.Server = chromatest.Start(t)
		a.forget()
		a.refuses(5, "restore", bundle, "--dry-run")
		a.refuses(5, "restore", bundle)
	})
}

// TestDryRunOfABackup ends as the backup would, and makes nothing.
func TestDryRunOfABackup(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.sub("Done", func(t *testing.T) {
		r := a.refuses(0, "backup", "--dry-run")
		says(t, r.stdout, "A backup now would hold:", "mc/memory", "40")
	})
	down := func() { a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t) }
	a.sub("Unreachable", func(*testing.T) {
		down()
		a.refuses(8, "backup", "--dry-run")
	})
	a.sub("Degraded", func(*testing.T) {
		down()
		a.refuses(3, "backup", "--dry-run", "--allow-degraded")
	})
	a.sub("Absent", func(t *testing.T) {
		a.forgetFiles()
		r := a.refuses(8, "backup", "--dry-run")
		says(t, r.stderr, "graph has no graph/graph: section does not exist")
	})
}

// makes has the agent make an empty collection of a section anew. A dimension is
// fixed by a row, which is then deleted.
func (a *agent) makes(s memory.Section, distance string, dimension int) {
	a.t.Helper()
	at := a.at(s)
	at.Call(a.t, http.MethodPost, chromatest.Collections(at.database), map[string]any{
		"name": collectionNames()[s], "configuration": map[string]any{"hnsw": map[string]any{"space": distance}},
	}, nil)
	if dimension > 0 {
		row := chromaRows{IDs: []string{"first"}, Embeddings: [][]float32{make([]float32, dimension)}}
		at.Call(a.t, http.MethodPost, a.collection(s)+"/add", row, nil)
		a.deletes(s, "first")
	}
}

// adopts gives the memory an id.
func (a *agent) adopts(id string) {
	a.t.Helper()
	a.write(a.data(".keepsake", "memory.json"), `{"memoryId":"`+id+`","createdAt":"2026-01-01T00:00:00Z","lastSequence":0}`)
}

// closedPort is the address of a server that is not there.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// Another dimension or distance is refused, even of a collection without rows,
// and the hint works.
func TestMismatchOfACollection(t *testing.T) {
	for name, tt := range map[string]struct {
		distance  string
		dimension int
		want      string
	}{
		"Dimension": {"l2", 8, "the bundle's vectors have 16 dimensions, those of chroma:"},
		"Distance":  {"cosine", 0, "the bundle's vectors are compared by l2, those of chroma:"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, true)
			a.remember(memory.Memories, memory.Summaries)
			want := a.digests()[memory.Memories]
			bundle := a.backup("--only", "mc")
			a.forget()
			a.makes(memory.Memories, tt.distance, tt.dimension)
			r := a.refuses(5, "restore", bundle, "--only", "mc/memory")
			says(t, r.stderr, "mc/memory: "+tt.want, "restore into a collection of its own with --as mc/memory=NAME")
			a.refuses(5, "restore", bundle, "--only", "mc/memory", "--force-topology-mismatch", "--force-memory", "--allow-empty")
			r = a.must(9, "restore", bundle) // the other one goes in
			says(t, r.stderr, "mc/memory: "+tt.want, "restore incomplete")
			says(t, a.must(0, "restore", bundle, "--only", "mc/summaries").stdout, "Nothing to do")
			a.must(0, "restore", bundle, "--as", "mc/memory=beside")
			got := a.recordsOf(a.chromaOf(a.mc, memory.Memories, "beside"), memory.Memories)
			sameDigests(t, records{memory.Memories: got}, records{memory.Memories: want})
		})
	}
}

// A bundle of another memory is refused, unless it is forced; a memory without
// an id takes the bundle's.
func TestMismatchOfTheMemory(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	bundle := a.backup("--only", "graph")
	id := dig(t, readMeta(t, bundle), "keepsake", "memoryId").(string)
	a.forgetFiles()
	a.must(0, "restore", bundle)
	says(t, readFile(t, a.data(".keepsake", "memory.json")), id)

	other := bare(t)
	other.put(specOf(memory.Graph), 30)
	other.backup("--only", "graph")
	own := readFile(t, other.data(".keepsake", "memory.json"))
	r := other.refuses(6, "restore", bundle)
	says(t, r.stderr, "the bundle is of memory "+id+", the target is memory ", "--force-memory restores it all the same")
	r = other.must(0, "restore", bundle, "--force-memory")
	says(t, r.stderr, "warning: the bundle is of memory "+id)
	if got := readFile(t, other.data(".keepsake", "memory.json")); got != own {
		t.Errorf("identity after --force-memory: got %s, want %s as before", got, own)
	}
}

// What can't be put in ends with 9, is named, and is kept beside the receipt; the
// rest goes in.
func TestWhatCannotBePutIn(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := copied(t, a.backup("--only", "mc,graph"))
	asNeo(t, bundle)
	row := lines(t, payload(t, bundle, memory.Memories))[4]
	from, to := strings.Index(row, `"embedding":[`), strings.Index(row, `],"metadata"`)
	salvaged := row[:from] + `"embedding":null` + row[to+1:]
	editLine(t, bundle, memory.Memories, 5, salvaged)
	const loose = `{"type":"edge","data":{"id":"loose","source":"nobody","target":"nowhere","type":"SEES"}}`
	editLine(t, bundle, memory.Graph, 30, loose)
	a.write(filepath.Join(bundle, "ledgers", "wages.jsonl"), "{}\n")
	a.forget()

	r := a.must(9, "restore", bundle)
	id, _, _ := strings.Cut(strings.TrimPrefix(row, `{"id":"`), `"`)
	says(t, r.stderr, "rejected mc/memory: "+id+": vector was not readable when it was backed up", "rejected graph/graph: loose: ",
		"warning: ledgers/wages.jsonl: is nothing that keepsake knows; it will not be restored",
		"keepsake: restore incomplete: some rows are not in", "it is safe to run the same command again")
	out := a.json(9, "restore", bundle)
	expect(t, section(t, out, memory.Memories), 39.0, "same")
	expect(t, section(t, out, memory.Graph), 49.0, "same")
	expect(t, out, "ledgers/wages.jsonl", "notRestored", 0)
	kept := readFile(t, filepath.Join(out["dir"].(string), "unrestored.jsonl"))
	says(t, kept, `{"section":"mc/memory","record":`+salvaged+"}\n", `{"section":"graph/graph","record":`+loose+"}\n")
	if got := strings.Count(kept, "\n"); got != 2 {
		t.Errorf("unrestored.jsonl has %d lines, want 2:\n%s", got, kept)
	}
	a.must(0, "restore", bundle, "--only", "mc/summaries")
}

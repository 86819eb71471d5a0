package cli_test

import (
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chroma/swapmark"
)

// generations are the servers whose directories are read.
var generations = map[string][]chromatest.Option{"New": nil, "Old": {chromatest.Old()}}

// defaults has an agent's collections in the databases that a server begins with.
func (a *agent) defaults() {
	a.kb.database, a.mc.database = "default_database", "default_database"
	a.point()
}

// TestT13_TwoWays: backups of a quiet server over HTTP and from its directory are
// equal, record by record; cosine vectors but for what the server rounds.
func TestT13_TwoWays(t *testing.T) {
	t.Parallel()
	for name, options := range generations {
		for topology, unified := range map[string]bool{"Unified": true, "Federated": false} {
			t.Run(name+topology, func(t *testing.T) {
				a := onItsOwnServer(t, options...)
				if !unified {
					a.mc.Server = chromatest.Start(t, options...)
				}
				a.defaults()
				a.variedMemory()
				http := a.backup("--only", "kb,mc")
				a.fromDirectories()
				directory := a.backup("--only", "kb,mc")
				for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries} {
					a.sameRows(s, directory, http)
				}
			})
		}
	}
}

// fromDirectories has keepsake read the directories of the servers.
func (a *agent) fromDirectories() {
	a.env["KEEPSAKE_KB_CHROMA"] = "chromadir:" + a.kb.Dir()
	if !a.unified() {
		a.env["KEEPSAKE_MC_CHROMA"] = "chromadir:" + a.mc.Dir()
	}
}

// variedMemory fills the vector sections: one that went through two saves of its
// index, with rows that were deleted, changed and added again; a cosine one; and one
// that no save has seen.
func (a *agent) variedMemory() {
	a.t.Helper()
	kb := specOf(memory.KnowledgeBase)
	a.put(kb, 2500)
	mc := specOf(memory.Memories)
	mc.Distance = "cosine"
	mc.Collection = &memory.Collection{Metadata: memory.RawJSON(`{"hnsw:space":"cosine","owner":"agent"}`)}
	a.put(mc, 1200)
	a.put(specOf(memory.Summaries), 6)
	ids := a.ids(memory.KnowledgeBase)
	a.deletes(memory.KnowledgeBase, ids[100:140]...)
	records := map[string]any{"ids": ids[200:202], "embeddings": [][]float32{make([]float32, dimension), make([]float32, dimension)}, "metadatas": []any{map[string]any{"again": 1}, nil}}
	a.kb.Call(a.t, http.MethodPost, a.collection(memory.KnowledgeBase)+"/update", records, nil)
	kb.Rows, kb.Dimension = 2500, dimension
	result, err := a.target(kb.Name).Merge(a.t.Context(), kb, sample.Records(kb.Name, 2500, dimension, 1), store.MergeOptions{})
	if err != nil || result.Added != 40 {
		a.t.Fatalf("add again: %+v, %v", result, err)
	}
}

// line is a row of vectors, its parts as they are printed.
type line struct {
	ID                 string
	Embedding          []float32
	Metadata, Document json.RawMessage
}

// sameRows compares a section of two bundles, row by row, and what is said of it.
func (a *agent) sameRows(s memory.Section, got, want string) {
	a.t.Helper()
	rows, others := lines(a.t, payload(a.t, got, s)), lines(a.t, payload(a.t, want, s))
	if len(rows) != len(others) {
		a.t.Fatalf("%s: got %d rows, want %d", s, len(rows), len(others))
	}
	for i := range rows {
		sameRow(a.t, s, rows[i], others[i])
	}
	g, w := section(a.t, sectionsOfMeta(a.t, got), s), section(a.t, sectionsOfMeta(a.t, want), s)
	for _, key := range []string{"rows", "dimension", "distance", "collection"} {
		text, other := printed(a.t, g[key]), printed(a.t, w[key])
		if text != other {
			a.t.Errorf("%s: got %s %s, want %s", s, key, text, other)
		}
	}
	expect(a.t, g, "directory", "capture", "method")
	expect(a.t, w, "http", "capture", "method")
}

func sectionsOfMeta(t *testing.T, bundle string) map[string]any {
	t.Helper()
	return map[string]any{"sections": renamed(dig(t, readMeta(t, bundle), "keepsake", "sections"))}
}

// renamed gives the sections of a meta the key that receipts have.
func renamed(sections any) any {
	for _, s := range sections.([]any) {
		m := s.(map[string]any)
		m["section"] = m["name"]
	}
	return sections
}

func printed(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sameRow(t *testing.T, s memory.Section, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	var a, b line
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if a.ID != b.ID || string(a.Metadata) != string(b.Metadata) || string(a.Document) != string(b.Document) || len(a.Embedding) != len(b.Embedding) {
		t.Errorf("%s: got %.200s, want %.200s", s, got, want)
		return
	}
	for i := range a.Embedding {
		x, y := float64(a.Embedding[i]), float64(b.Embedding[i])
		if tolerance := 5e-7 * math.Abs(y); math.Abs(x-y) > tolerance || s != memory.Memories && x != y {
			t.Errorf("%s: row %q: number %d is %v, want %v", s, a.ID, i, x, y)
			return
		}
	}
}

// TestDirectoryIsNoTarget: what is read from a directory is restored through a
// server, and only through one that is named.
func TestDirectoryIsNoTarget(t *testing.T) {
	a := onItsOwnServer(t)
	a.defaults()
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	a.fromDirectories()
	bundle := a.backup("--only", "mc,graph")
	r := a.must(8, "restore", bundle, "--only", "mc")
	says(t, r.stderr, "nothing was written", "a Chroma directory is written by its server alone: --to names one")
	says(t, a.must(9, "restore", bundle).stderr, "a Chroma directory is written by its server alone")
	a.must(0, "restore", bundle, "--only", "graph")
	to := "chroma:" + a.kb.URL() + "/default_tenant/" + a.kb.Database(t)
	r = a.must(0, "restore", bundle, "--only", "mc/memory", "--to", "mc/memory="+to)
	says(t, r.stdout, "all are in")
	says(t, a.must(0, "restore", "--resume").stdout, "Nothing to resume")
}

// TestDirectoryLeavesNothing: copies go with the run, also with one that only looks.
func TestDirectoryLeavesNothing(t *testing.T) {
	a := onItsOwnServer(t)
	a.defaults()
	a.remember(memory.Memories, memory.Summaries, memory.KnowledgeBase, memory.Graph)
	a.fromDirectories()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	a.must(0, "backup", "--dry-run")
	says(t, a.must(0, "backup").stderr, "chroma.sqlite3: it was locked for ", " ms while it was copied")
	a.run("doctor")
	a.noResidue()
	if left := tree(t, temp); len(left) != 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
	if strings.Contains(a.must(0, "list").stdout, "partial") {
		t.Error("a partial is listed")
	}
}

// TestNoRoomForCopies: what is read from a directory is copied first, and that has to
// fit as well; nothing is begun where it wouldn't.
func TestNoRoomForCopies(t *testing.T) {
	a := onItsOwnServer(t)
	a.defaults()
	a.remember(memory.Memories, memory.Summaries, memory.KnowledgeBase, memory.Graph)
	dir := a.directory()
	huge := filepath.Join(dir, "huge")
	a.write(huge, "")
	if err := os.Truncate(huge, 1<<43); err != nil {
		t.Skipf("no sparse file of 8 TiB here: %v", err) // another file system than Linux's
	}
	a.env["KEEPSAKE_KB_CHROMA"] = "chromadir:" + dir
	for _, args := range [][]string{{"backup"}, {"backup", "--only", "mc"}, {"backup", "--dry-run"}, {"rescue", dir}} {
		says(t, a.must(13, args...).stderr, "no room for", "nothing was written")
		a.noResidue()
	}
	says(t, a.must(1, "doctor").stdout, "no room for the copies of what is read", "TMPDIR names another")
	a.must(0, "backup", "--only", "graph")
}

// TestUnfinishedSwapInADirectory: as over HTTP, nothing is backed up meanwhile.
func TestUnfinishedSwapInADirectory(t *testing.T) {
	a := onItsOwnServer(t)
	a.defaults()
	a.remember(memory.Memories, memory.Summaries)
	path := a.collection(memory.Memories)
	id := path[strings.LastIndexByte(path, '/')+1:]
	journal := `{"version":1,"plan":"plan-7","name":"neo-agent-memory","id":"` + id + `","role":"old","phase":"begun"}`
	a.mc.Call(t, http.MethodPut, path, map[string]any{"new_metadata": map[string]any{swapmark.Key: journal}}, nil)
	a.fromDirectories()
	says(t, a.must(11, "backup", "--only", "mc").stderr, "an unfinished replace is in the way: plan plan-7", "keepsake restore --resume")
	a.noResidue()
}

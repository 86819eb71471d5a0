package cli_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/graph"
)

// TestReplaceAs: a section replaces a collection of another name, and the one of its
// own name keeps every row.
func TestReplaceAs(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()[memory.Memories]
	bundle := a.backup("--only", "mc")
	a.must(0, "restore", bundle, "--only", "mc/memory", "--as", "mc/memory=beside")
	id := a.collections(memory.Memories)["beside"]
	a.changesMemories()
	own := a.digests()
	beside := func() records {
		return records{memory.Memories: a.recordsOf(a.chromaOf(a.mc, memory.Memories, "beside"), memory.Memories)}
	}
	a.mc.Call(t, http.MethodPost, chromatest.Collections(a.mc.database)+"/"+id+"/delete", chromaRows{IDs: a.ids(memory.Memories)[5:30]}, nil)
	fewer := beside()
	args := []string{"--only", "mc/memory", "--as", "mc/memory=beside"}
	r := a.replaced(bundle, args...)
	says(t, r.stdout, "  beside-aside-")
	sameDigests(t, beside(), records{memory.Memories: want})
	sameDigests(t, a.digests(), own)
	a.confirmed(0, "undo")
	sameDigests(t, beside(), fewer)
	sameDigests(t, a.digests(), own)
	if got := a.collections(memory.Memories)["beside"]; got != id {
		t.Errorf("after the undo beside has id %s, want %s as before", got, id)
	}
}

// TestReplaceTo: a section goes to another store, in another database and in a file;
// the memory's own places are not touched.
func TestReplaceTo(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	want := a.digests()
	bundle := a.backup("--only", "mc,graph")
	a.changesMemories()
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	own := a.digests()
	other := server{Server: a.mc.Server, database: a.mc.Database(t)}
	file := a.data("elsewhere.sqlite")
	args := []string{
		"--only", "mc/memory,graph", "--to", "mc/memory=" + other.store() + "#moved", "--to", "graph/graph=graph:" + file,
	}
	a.replaced(bundle, args...)
	there := func() records {
		return records{
			memory.Memories: a.recordsOf(a.chromaOf(other, memory.Memories, "moved"), memory.Memories),
			memory.Graph:    a.recordsOf(graph.New(graph.Config{Path: file}), memory.Graph),
		}
	}
	sameDigests(t, there(), records{memory.Memories: want[memory.Memories], memory.Graph: want[memory.Graph]})
	sameDigests(t, a.digests(), own)
	execute(t, openSQLite(t, file), "DELETE FROM Edges")
	a.replaced(bundle, args...)
	sameDigests(t, there(), records{memory.Memories: want[memory.Memories], memory.Graph: want[memory.Graph]})
	sameDigests(t, a.digests(), own)
}

// TestReplaceFiltered: what the filters leave out is not in the graph afterwards, is
// said, and is counted as lost before.
func TestReplaceFiltered(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	const label = "GOSSIP"
	a.sql("UPDATE Nodes SET data = json_set(data, '$.label', ?) WHERE rowid IN (SELECT rowid FROM Nodes ORDER BY rowid DESC LIMIT 3)", label)
	bundle := a.backup("--only", "graph")
	kind := a.graphText("SELECT type FROM Edges GROUP BY type ORDER BY count(*) LIMIT 1")
	args := []string{"restore", bundle, "--mode", "replace", "--force", "--filter-labels", label, "--filter-edge-types", kind}
	before := a.digests()
	says(t, a.stays(6, append(args, "--plan")...).stderr, "graph/graph: it would have ", "--accept-shrink")
	args = append(args, "--accept-shrink")
	out := a.json(0, append(args, "--plan")...)
	lost := dig(t, section(t, out, memory.Graph), "difference", "lost").(float64)
	r := a.confirmed(0, args...)
	says(t, r.stderr, "note: the filters left out ")
	for query, what := range map[string]string{
		"SELECT count(*) FROM Nodes WHERE json_extract(data, '$.label') = ?": label,
		"SELECT count(*) FROM Edges WHERE type = ?":                          kind,
	} {
		if got := a.graphText(query, what); got != "0" {
			t.Errorf("got %s elements of %s, want none", got, what)
		}
	}
	var left int
	for _, n := range a.digests()[memory.Graph] {
		left += n
	}
	if left == 0 || float64(left) != 50-lost {
		t.Errorf("got %d elements left, want the %v that the plan showed", left, 50-lost)
	}
	a.confirmed(0, "undo")
	sameDigests(t, a.digests(), before)
}

// TestLateWriters: a client that was not restarted goes on writing into the old
// collection. Every backup says so, and the rows are there.
func TestLateWriters(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	bundle := a.backup("--only", "mc")
	old := a.collection(memory.Memories)
	a.changesMemories()
	r := a.replaced(bundle)
	says(t, r.stdout, "Restart every agent and server that has one of these open")
	silent(t, a.must(0, "backup", "--only", "mc").stderr, "written into")

	row := chromaRows{IDs: []string{"late-1", "late-2"}, Embeddings: [][]float32{make([]float32, dimension), make([]float32, dimension)}}
	a.mc.Call(t, http.MethodPost, old+"/add", row, nil)
	for range 2 {
		r = a.must(0, "backup", "--only", "mc")
		says(t, r.stderr, "warning: mc/memory: 2 rows were written into neo-agent-memory-aside-", "restart the clients")
	}
	found := a.json(0, "backup", "--only", "mc")["findings"].([]any)
	late := slices.IndexFunc(found, func(f any) bool { return f.(map[string]any)["code"] == "late-rows" })
	if late < 0 {
		t.Fatalf("got findings %v, want one of the late rows", found)
	}
	expect(t, found[late].(map[string]any), "mc/memory", "section")
	// The undo brings the old collection back, with what came late.
	a.confirmed(0, "undo")
	if got := strings.Join(a.ids(memory.Memories), " "); !strings.Contains(got, "late-1") || !strings.Contains(got, "late-2") {
		t.Errorf("got %s, want the late rows among them", got)
	}
	silent(t, a.must(0, "backup", "--only", "mc").stderr, "written into")
}

// TestSafetyBundleIsNoBackup: latest passes it over.
func TestSafetyBundleIsNoBackup(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	bundle := a.backup("--only", "graph")
	a.sql("DELETE FROM Edges WHERE rowid > 3") // most of it is lost
	a.replaced(bundle)
	safety := a.lastReceipt()["safetyBundle"].(string)
	meta := readMeta(t, safety)
	expect(t, meta, "pre-restore", "keepsake", "reason")
	if got := a.json(0, "restore", "latest", "--dry-run")["bundlePath"]; got != bundle {
		t.Errorf("latest is %v, want %s", got, bundle)
	}
	a.must(0, "verify", safety)
	next := a.backup("--only", "graph")
	expect(t, readMeta(t, next), bundleName(bundle), "keepsake", "parent", "bundle")
}

// TestReplaceInPlace: rows change and the collection's id doesn't, so that no client
// has to be restarted; nothing is kept aside, and the undo has the safety bundle.
func TestReplaceInPlace(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	a.changesMemories()
	before, were := a.digests(), a.collections(memory.Memories)
	r := a.replaced(bundle, "--in-place")
	silent(t, r.stdout, "Kept aside", "Restart")
	sameDigests(t, a.digests(), want)
	if got := a.collections(memory.Memories); !maps.Equal(got, were) {
		t.Errorf("got collections %v, want %v as before", got, were)
	}
	a.confirmed(0, "undo")
	sameDigests(t, a.digests(), before)
	if got := a.collections(memory.Memories); !maps.Equal(got, were) {
		t.Errorf("after the undo: got collections %v, want %v as before", got, were)
	}
}

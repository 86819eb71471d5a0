package cli_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
)

// drops has somebody delete a section's collection.
func (a *agent) drops(section memory.Section) {
	a.t.Helper()
	s := a.at(section)
	s.Call(a.t, http.MethodDelete, chromatest.Collections(s.database)+"/"+collectionNames()[section], nil, nil)
}

// createsEmpty has an agent make a section's collection where there is none.
func (a *agent) createsEmpty(section memory.Section) {
	a.t.Helper()
	s := a.at(section)
	s.Call(a.t, http.MethodPost, chromatest.Collections(s.database), map[string]any{
		"name": collectionNames()[section], "get_or_create": true,
	}, nil)
}

// lineage makes a bundle of mc and returns what it says of the memories.
func (a *agent) lineage(code int, args ...string) map[string]any {
	a.t.Helper()
	out := a.json(code, append([]string{"backup", "--only", "mc"}, args...)...)
	status := map[int]string{0: "complete", 3: "degraded"}[code]
	expect(a.t, out, status, "status")
	said := section(a.t, out, memory.Memories)["lineage"].(map[string]any)
	written := section(a.t, readMeta(a.t, out["path"].(string))["keepsake"].(map[string]any), memory.Memories)["lineage"]
	for key, want := range written.(map[string]any) {
		expect(a.t, said, want, key)
	}
	expect(a.t, said, code == 3, "suspect")
	return said
}

// The exporter read a new, empty collection of the same name, and published it as
// the newest bundle.
func TestIncidentG_EmptyCollectionOfTheSameName(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	good := filepath.Base(a.backup())
	a.drops(memory.Memories)
	a.createsEmpty(memory.Memories)

	// It is refused; what can be published without it leads back first.
	r := a.must(8, "backup")
	says(t, r.stderr, "mc/memory is another collection, and has no rows: it had 40 in "+good,
		"it was in "+good+" with 40 rows: keepsake restore "+good+" --only mc/memory puts it back; did the server start on an empty folder?")
	if got := a.shelf(); len(got) != 1 {
		t.Errorf("got %v, want nothing published", got)
	}
	r = a.must(3, "backup", "--allow-degraded")
	says(t, r.stderr, "warning: mc/memory: suspect: not in the bundle: ", good+" --only mc/memory puts it back", "keepsake backup --accept-lineage mc/memory")
	l := a.lineage(3, "--allow-degraded")
	for key, want := range map[string]any{"collection": "changed", "rowsBefore": 40.0, "against": good} {
		expect(t, l, want, key)
	}
	says(t, a.must(0, "list").stdout, "suspect: mc/memory", "latest good: "+good)
	a.must(0, "verify", a.shelf()[1])

	a.sub("NeverTheLatest", func(t *testing.T) {
		r := a.must(0, "restore", "latest", "--only", "mc")
		says(t, r.stderr, "warning: passed over ", ": mc/memory is suspect")
		says(t, r.stdout, good)
		if got := len(a.ids(memory.Memories)); got != 40 {
			t.Errorf("got %d memories, want the 40 of the last good bundle", got)
		}
		expect(t, a.lineage(0), 1.0, "overlap")
	})
}

// TestAcceptedLineage: who knows better says so, once.
func TestAcceptedLineage(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	a.backup("--only", "mc")
	a.drops(memory.Memories)
	a.createsEmpty(memory.Memories)
	a.adds(memory.Memories, "of another agent")
	a.lineage(3)
	a.sub("Misspelt", func(t *testing.T) {
		before := a.shelf()
		for _, name := range []string{"mc", "mc/", "mc/memory/x", "mc/memories"} {
			a.must(2, "backup", "--only", "mc", "--accept-lineage", name)
		}
		says(t, a.must(2, "backup", "--only", "mc", "--accept-lineage", "kb/knowledge-base").stderr, "accept the lineage of kb/knowledge-base: it is not backed up")
		a.holds(before)
	})
	a.sub("OtherSection", func(*testing.T) { a.lineage(3, "--accept-lineage", "mc/summaries") })
	a.sub("Accepted", func(t *testing.T) {
		l := a.lineage(0, "--accept-lineage", "mc/memory")
		expect(t, l, true, "accepted")
		expect(t, l, 40.0, "rowsBefore")
		next := a.lineage(0)
		expect(t, next, "same", "collection")
		expect(t, next, 1.0, "rowsBefore")
		if _, ok := next["accepted"]; ok {
			t.Errorf("the next bundle: got %v, want it routine", next)
		}
	})
}

// TestRebuiltCollection: collections are rebuilt and swapped every day.
func TestRebuiltCollection(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	a.backup("--only", "mc")
	expect(t, a.lineage(0), nil, "overlap") // the same collection: nobody looks
	a.drops(memory.Memories)
	a.remember(memory.Memories)
	a.deletes(memory.Memories, a.ids(memory.Memories)[:4]...)
	l := a.lineage(0)
	expect(t, l, "changed", "collection")
	expect(t, l, 0.9, "overlap")
}

// TestLineageOfOwnSwaps: what our own replace and undo put there is known, and not
// more than that.
func TestLineageOfOwnSwaps(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Summaries)
	a.put(specOf(memory.Memories), 10)
	small := a.backup("--only", "mc")
	a.drops(memory.Memories)
	a.remember(memory.Memories) // the first ten are the same
	a.deletes(memory.Memories, a.ids(memory.Memories)[:10]...)
	a.lineage(0, "--accept-lineage", "mc/memory")
	last := filepath.Base(a.shelf()[1])

	a.replaced(small, "--only", "mc/memory")
	a.sub("Replace", func(t *testing.T) {
		l := a.lineage(0)
		for key, want := range map[string]any{
			"collection": "changed", "rowsBefore": 10.0, "overlap": 1.0, "against": last, "restore": filepath.Base(a.receiptDir()),
		} {
			expect(t, l, want, key)
		}
	})
	a.confirmed(0, "undo")
	a.sub("Undo", func(t *testing.T) {
		l := a.lineage(0)
		expect(t, l, filepath.Base(a.receiptDir()), "restore")
		expect(t, l, 30.0, "rowsBefore")
	})
	a.sub("LostAfterwards", func(t *testing.T) {
		a.drops(memory.Memories)
		a.createsEmpty(memory.Memories)
		a.adds(memory.Memories, "of another agent")
		expect(t, a.lineage(3), 30.0, "rowsBefore")
	})
}

// TestLineageOfASwapElsewhere: a replace of another collection explains nothing.
func TestLineageOfASwapElsewhere(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	bundle := a.backup("--only", "mc")
	a.put(specOf(memory.Memories), 10)
	a.must(0, "restore", bundle, "--only", "mc/memory", "--as", "mc/memory=beside")
	a.replaced(bundle, "--only", "mc/memory", "--as", "mc/memory=beside")
	a.drops(memory.Memories)
	a.createsEmpty(memory.Memories)
	l := a.lineage(3, "--allow-degraded")
	if _, ok := l["restore"]; ok {
		t.Errorf("got %v, want no restore that explains it", l)
	}
}

// TestLineageAfterUndoOfAMerge: the rows that a merge had added are gone again.
func TestLineageAfterUndoOfAMerge(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	whole := a.backup("--only", "graph")
	a.sql("DELETE FROM Edges")
	a.sql("DELETE FROM Nodes WHERE rowid > 5")
	a.must(0, "backup", "--only", "graph", "--accept-lineage", "graph/graph")
	a.must(0, "restore", whole, "--only", "graph")
	a.must(0, "backup", "--only", "graph")
	a.confirmed(0, "undo")
	out := a.json(0, "backup", "--only", "graph")
	l := section(t, out, memory.Graph)["lineage"].(map[string]any)
	expect(t, l, filepath.Base(a.receiptDir()), "restore")
	if s, _ := section(t, out, memory.Graph)["reason"].(string); strings.Contains(s, "suspect") {
		t.Errorf("got %q, want no suspicion", s)
	}
}

// TestTrue_09_AnotherModel: a memory that is embedded anew is suspect until somebody says
// that it is meant so.
func TestTrue_09_AnotherModel(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	good := filepath.Base(a.backup())
	a.drops(memory.Memories)
	spec := memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors, Dimension: 2 * dimension, Rows: 40}
	records := sample.Records(memory.Memories, 40, 2*dimension, 1)
	if result, err := a.target(memory.Memories).Merge(t.Context(), spec, records, store.MergeOptions{}); err != nil || !result.Complete() {
		t.Fatalf("embed anew: %+v, %v", result, err)
	}
	for range 2 {
		r := a.must(3, "backup")
		says(t, r.stderr, "warning: mc/memory: suspect: the section has embeddings of 32 numbers by another model, and had them of 16 in "+good,
			"--only mc/memory --mode replace", "--accept-lineage mc/memory")
		says(t, a.must(0, "list").stdout, "latest good: "+good)
	}
	expect(t, a.lineage(0, "--accept-lineage", "mc/memory"), true, "accepted")
	expect(t, a.json(0, "backup"), "complete", "status")
}

package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/graph"
)

// TestUndoByName: a receipt is named by its folder's name, by that folder, or by the
// file in it; an undo can be undone, and then what it took back can be again.
func TestUndoByName(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph, sample.ConceptNodes)
	first := a.digests()
	bundle := a.backup("--only", "mc,graph,concepts")
	a.changesMemories()
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	a.appends(a.fileOf(sample.ConceptNodes), `{"id":"newer"}`+"\n")
	second := a.digests()
	a.replaced(bundle)
	replace := a.receiptDir()
	restores := a.data(".keepsake", "restores")

	a.sub("NoFactors", func(t *testing.T) {
		r := a.stays(7, "undo")
		says(t, r.stderr, "refuse undo in mc on chroma:", "refuse undo in graph on graph:", "the environment does not allow", "no token confirms the plan")
		a.allows()
		a.stays(7, "undo")
		a.stays(7, "undo", replace)
	})
	a.sub("Plan", func(t *testing.T) {
		before := a.rootEntries()
		r := a.stays(0, "undo", "--plan")
		says(t, r.stdout, "keepsake undo --confirm ", "mc/memory is production")
		if got := a.rootEntries(); len(got) != len(before) {
			t.Errorf("got %q in the backup root, want %q", got, before)
		}
		a.stays(2, "undo", "--plan", "--confirm", "x")
	})
	a.sub("Name", func(t *testing.T) {
		a.confirmed(0, "undo", replace)
		sameDigests(t, a.digests(), second)
	})
	undo := a.receiptDir()
	a.sub("Again", func(*testing.T) { a.stays(10, "undo") })
	a.sub("UndoOfAnUndo", func(t *testing.T) {
		a.confirmed(0, "undo", filepath.Join(restores, undo))
		sameDigests(t, a.digests(), first)
	})
	redo := a.receiptDir()
	a.sub("TheFirstAgain", func(t *testing.T) { // it is in force again
		a.confirmed(0, "undo")
		sameDigests(t, a.digests(), second)
	})
	a.sub("UndoOfAnUndoOfAnUndo", func(t *testing.T) {
		a.confirmed(0, "undo", filepath.Join(".neo-ai-data", ".keepsake", "restores", a.receiptDir(), "receipt.json"))
		sameDigests(t, a.digests(), first)
		a.confirmed(0, "undo", redo)
		sameDigests(t, a.digests(), second)
	})
	a.sub("NoSuch", func(*testing.T) {
		a.stays(10, "undo", "2026-01-01T00-00-00.000Z-backup")
		a.stays(10, "undo", a.home+"/nowhere")
	})
}

// TestUndoWithoutItsSafetyBundle: what there was can't be put back, so nothing is.
func TestUndoWithoutItsSafetyBundle(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := a.backup("--only", "mc,graph")
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	a.replaced(bundle)
	safety := a.lastReceipt()["safetyBundle"].(string)
	a.allows()
	a.sub("Damaged", func(t *testing.T) {
		file := payload(t, safety, memory.Graph)
		whole := readFile(t, file)
		writable(t, safety)
		if err := os.WriteFile(file, []byte(whole[1:]), 0o644); err != nil {
			t.Fatal(err)
		}
		a.stays(4, "undo", "--plan")
		if err := os.WriteFile(file, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	a.sub("Gone", func(t *testing.T) {
		remove(t, safety)
		r := a.stays(10, "undo")
		says(t, r.stderr, "open safety bundle: ", "safety_days")
		a.stays(10, "undo", "--plan")
	})
}

// TestUndoWithoutWhatWasKeptAside: when the old collection was removed, its rows come
// from the safety bundle.
func TestUndoWithoutWhatWasKeptAside(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	bundle := a.backup("--only", "mc")
	a.changesMemories()
	before := a.digests()
	a.replaced(bundle)
	for name := range a.collections(memory.Memories) {
		if strings.HasPrefix(name, "neo-agent-memory-aside-") {
			a.mc.Call(t, http.MethodDelete, chromatest.Collections(a.mc.database)+"/"+name, nil, nil)
		}
	}
	r := a.confirmed(0, "undo")
	says(t, r.stderr, "warning: mc/memory: it comes from the safety bundle, not from what was kept aside: ")
	sameDigests(t, a.digests(), before)
}

// TestUndoOfAMerge takes out the rows that came with it and are still as they came,
// and lists the others.
func TestUndoOfAMerge(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := a.backup("--only", "mc,graph")
	ids := a.ids(memory.Memories)
	a.deletes(memory.Memories, ids[:4]...)
	a.sql("DELETE FROM Edges WHERE rowid IN (1, 2)")
	a.must(0, "restore", bundle)
	a.updates(memory.Memories, map[string]any{"since": "then"}, "since then", ids[0])
	a.deletes(memory.Memories, ids[1])
	a.sub("NoFactors", func(t *testing.T) {
		says(t, a.stays(7, "undo").stderr, "refuse undo in mc on chroma:", "no token confirms the plan")
	})
	a.sub("BundleGone", func(t *testing.T) {
		elsewhere := bundle + ".moved"
		if err := os.Rename(bundle, elsewhere); err != nil {
			t.Fatal(err)
		}
		a.allows()
		says(t, a.stays(10, "undo").stderr, "open the bundle that was merged: ")
		says(t, a.stays(10, "undo", "--plan").stderr, "put it back to "+bundle)
		if err := os.Rename(elsewhere, bundle); err != nil {
			t.Fatal(err)
		}
	})
	a.sub("Changed", func(t *testing.T) {
		out := a.jsonConfirmed(0, "undo")
		for key, want := range map[string]float64{"removed": 2, "kept": 1, "gone": 1} {
			expect(t, section(t, out, memory.Memories), want, "takenBack", key)
		}
		expect(t, section(t, out, memory.Graph), 2.0, "takenBack", "removed")
		expect(t, section(t, out, memory.Memories), ids[0], "rows", "differs", 0, "id")
		if got := len(a.ids(memory.Memories)); got != 37 {
			t.Errorf("got %d memories, want 37", got)
		}
		a.stays(10, "undo")
		says(t, a.must(1, "undo", a.receiptDir()).stderr, "there is nothing to undo in it")
	})
}

// jsonConfirmed is confirmed, with --json.
func (a *agent) jsonConfirmed(code int, args ...string) map[string]any {
	a.t.Helper()
	token := a.token(args...)
	a.env[allowed] = "true"
	defer delete(a.env, allowed)
	return a.json(code, append(args, "--confirm", token)...)
}

// TestUndoOfWhatWasNotThere: a section that a replace made is empty again; other
// restores before it can still be undone.
func TestUndoOfWhatWasNotThere(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	whole := a.digests()
	bundle := a.backup("--only", "mc,graph")
	a.forget()
	a.remember(memory.Graph)
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	before := a.digests()
	a.replaced(bundle)
	sameDigests(t, a.digests(), whole)
	a.confirmed(0, "undo")
	now := a.digests()
	if len(now[memory.Memories])+len(now[memory.Summaries]) != 0 {
		t.Errorf("got %d memories, want none", len(now[memory.Memories]))
	}
	sameDigests(t, records{memory.Graph: now[memory.Graph]}, records{memory.Graph: before[memory.Graph]})
}

// TestUndoElsewhere: an undo goes to the places of the replace, however often it was
// undone, and never to the memory's own.
func TestUndoElsewhere(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	bundle := a.backup("--only", "graph")
	file := a.data("beside", "graph.sqlite")
	a.mkdir(filepath.Dir(file))
	to := []string{"--only", "graph", "--to", "graph/graph=graph:" + file}
	a.must(0, append([]string{"restore", bundle}, to...)...)
	execute(t, openSQLite(t, file), "DELETE FROM Edges")
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	own := a.digests()
	at := graph.New(graph.Config{Path: file})
	beside := func() records { return records{memory.Graph: a.recordsOf(at, memory.Graph)} }
	empty := beside()
	a.replaced(bundle, to...)
	full := beside()
	for i := range 3 {
		a.confirmed(0, "undo", a.receiptDir())
		want := empty
		if i%2 == 1 {
			want = full
		}
		sameDigests(t, beside(), want)
		sameDigests(t, a.digests(), own)
	}
}

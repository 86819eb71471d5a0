package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
)

// B3: a bundle that is not as it was made, or not as its meta says, is refused
// before any write. With its seal off, the rows themselves have to tell.
func TestAC_B3(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	// The target lacks rows of each store, so that a restore would write to each.
	a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)[:3]...)
	a.deletes(memory.Memories, a.ids(memory.Memories)[:3]...)
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	remove(t, a.data("concepts", "nodes.jsonl"))

	neo := func(edit func(t *testing.T, dir string)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { asNeo(t, dir); edit(t, dir) }
	}
	cut := func(s memory.Section, n int) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := payload(t, dir, s)
			writeLines(t, path, lines(t, path)[:n])
		}
	}
	bad := func(s memory.Section, n int, line string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { editLine(t, dir, s, n, line) }
	}
	folder := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { remove(t, dir, name) }
	}
	meta := func(text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "bundle-meta.json"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		edit func(t *testing.T, dir string)
		want string
	}{
		{"FolderKB", folder("kb"), "kb: folder is missing"},
		{"FolderMC", folder("mc"), "mc: folder is missing"},
		{"FolderGraph", folder("graph"), "graph: folder is missing"},
		{"FolderConcepts", folder("concepts"), "concepts: folder is missing"},
		{"FolderTrajectories", folder("trajectories"), "trajectories: folder is missing"},
		{"FolderOfNeo", neo(folder("concepts")), "concepts: folder is missing"},
		{"MiddleOfVectors", bad(memory.Memories, 20, `{"id":"x","embedding":[0.1,`), ".jsonl:20: offset "},
		{"MiddleOfVectorsOfNeo", neo(bad(memory.Memories, 20, `{"id":"x","embedding":[0.1,`)), ".jsonl:20: offset "},
		{"MiddleOfGraphOfNeo", neo(bad(memory.Graph, 25, "not JSON")), ".jsonl:25: offset 0: "},
		{"MiddleOfFileOfNeo", neo(bad("concepts/nodes", 3, "not JSON")), "concepts/nodes.jsonl:3: is no JSON object"},
		{"LastLineOfNeo", neo(bad(memory.KnowledgeBase, 60, "{}")), ".jsonl:60: "},
		{"ZeroRows", cut(memory.Memories, 0), "has 0 rows, the meta says 40"},
		{"ZeroRowsOfNeo", neo(cut(memory.Memories, 0)), "section mc/memory: the meta says 40 rows, the bundle holds 0"},
		{"ZeroKBOfNeo", neo(cut(memory.KnowledgeBase, 0)), "section kb/knowledge-base: the meta says 60 rows, the bundle holds 0"},
		{"ZeroGraphOfNeo", neo(cut(memory.Graph, 0)), "graph: the meta says 50 rows, the bundle holds 0"},
		{
			"ZeroRowsOfOlder", func(t *testing.T, dir string) { asOlder(t, dir); cut(memory.KnowledgeBase, 0)(t, dir) },
			"kb: has no rows, and nothing says that it had none",
		},
		{"MetaCut", meta(`{"bundleVersion":1,`), "bundle-meta.json: "},
		{"MetaEmpty", meta(""), "bundle-meta.json: "},
		{"MetaNoObject", meta("[]"), "bundle-meta.json: "},
	} {
		a.sub(tt.name, func(t *testing.T) {
			dir := copied(t, bundle)
			tt.edit(t, dir)
			r := a.refuses(4, "restore", dir)
			says(t, r.stderr, tt.want, "keepsake: restore refused, nothing was written: ")
			if r.stdout != "" {
				t.Errorf("got %q on stdout, want nothing", r.stdout)
			}
		})
	}
	a.sub("AllAtOnce", func(t *testing.T) {
		dir := copied(t, bundle)
		asNeo(t, dir)
		folder("trajectories")(t, dir)
		bad(memory.Memories, 7, "{")(t, dir)
		bad(memory.Memories, 11, "}")(t, dir)
		bad(memory.Graph, 13, `{"type":"node"}`)(t, dir)
		cut(memory.KnowledgeBase, 0)(t, dir)
		r := a.refuses(4, "restore", dir)
		memories, graph := filepath.Base(payload(t, dir, memory.Memories)), filepath.Base(payload(t, dir, memory.Graph))
		says(t, r.stderr, "refusal: trajectories: folder is missing", "refusal: mc/"+memories+":7: ", "refusal: mc/"+memories+":11: ",
			"refusal: graph/"+graph+":13: ", "section kb/knowledge-base: the meta says 60 rows, the bundle holds 0", "(and more)")
		var refusals int
		for _, f := range a.json(4, "restore", dir)["findings"].([]any) {
			if f.(map[string]any)["level"] == "refusal" {
				refusals++
			}
		}
		if lines := strings.Count(r.stderr, "refusal: "); refusals < 6 || refusals != lines {
			t.Errorf("got %d refusals in JSON and %d as text, want the same, and each", refusals, lines)
		}
	})
}

// B4: a bundle goes back into the topology that it came from, unless it is
// forced elsewhere; one without a meta can't say where it came from.
func TestAC_B4(t *testing.T) {
	t.Parallel()
	t.Run("UnifiedIntoFederated", func(t *testing.T) {
		a, bundle := splitLater(t)
		for name, dir := range map[string]string{"Ours": bundle, "OfNeo": copied(t, bundle)} {
			if name == "OfNeo" {
				asNeo(t, dir)
			}
			a.sub(name, func(t *testing.T) {
				r := a.refuses(5, "restore", dir)
				says(t, r.stderr, "keepsake: restore refused, nothing was written: the bundle was made of a unified memory, the target is federated",
					"--force-topology-mismatch restores it all the same")
				a.must(0, "restore", dir, "--only", "graph,concepts") // what a topology doesn't concern
			})
		}
		a.must(0, "restore", bundle, "--force-topology-mismatch")
		sameDigests(t, a.digests(), a.want)
	})
	t.Run("FederatedIntoUnified", func(t *testing.T) {
		a := newAgent(t, false)
		a.remember()
		want := a.digests()
		bundle := a.backup()
		a.mc.Server = a.kb.Server
		delete(a.env, "KEEPSAKE_MC_CHROMA")
		a.forget()
		r := a.refuses(5, "restore", bundle)
		says(t, r.stderr, "the bundle was made of a federated memory, the target is unified")
		a.must(0, "restore", bundle, "--force-topology-mismatch")
		sameDigests(t, a.digests(), want)
	})
	t.Run("OtherCoordinates", func(t *testing.T) {
		a := newAgent(t, true)
		a.remember()
		want := a.digests()
		bundle := a.backup()
		a.forget()
		a.behind(&a.kb, nil)
		r := a.must(0, "restore", bundle)
		says(t, r.stderr, "warning: KB was backed up from 127.0.0.1:", "warning: MC was backed up from 127.0.0.1:")
		sameDigests(t, a.digests(), want)
	})
	t.Run("WithoutMeta", func(t *testing.T) {
		a, bundle := splitLater(t)
		dir := copied(t, bundle)
		asOlder(t, dir)
		r := a.must(0, "restore", dir)
		says(t, r.stderr, "warning: the bundle has no bundle-meta.json: whether it was made of a unified or a federated memory is unknown",
			"warning: has no bundle-meta.json: an older bundle, or what is left of one")
		sameDigests(t, a.digests(), a.want)
	})
}

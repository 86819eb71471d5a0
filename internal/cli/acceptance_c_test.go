package cli_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

// C: what lives is kept, in every store.
func TestAC_C_PreserveLive(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	kb := a.ids(memory.KnowledgeBase)[0]
	a.updates(memory.KnowledgeBase, map[string]any{"content": "newer", "added": "since"}, "newer", kb)
	a.sql(`UPDATE Nodes SET data = json_set(data, '$.properties.name', 'newer') WHERE rowid = 1`)
	nodes := a.data("concepts", "nodes.jsonl")
	all := lines(t, nodes)
	all[0] = strings.Replace(all[0], `"name":"`, `"name":"newer `, 1)
	writeLines(t, nodes, all)
	live := a.state()
	out := a.json(0, "restore", bundle)
	for _, s := range []memory.Section{memory.KnowledgeBase, memory.Graph, "concepts/nodes"} {
		expect(t, section(t, out, s), 1.0, "differs")
		expect(t, section(t, out, s), 0.0, "added")
	}
	same(t, "what lives", but(a.state(), "file .keepsake/restores/"), live)
}

// C: nodes are left out by label, edges by type, and edges that lost an end.
func TestAC_C_Filters(t *testing.T) {
	a := bare(t)
	a.put(specOf(memory.Graph), 200) // enough for nodes of every label
	bundle := a.backup("--only", "graph")
	const (
		labelled = `SELECT count(*) FROM Nodes WHERE data ->> 'label' IN ('SESSION', 'TASK')`
		typed    = `SELECT count(*) FROM Edges WHERE type IN ('PARENT_CONCEPT', 'MENTIONS')`
		loose    = `SELECT count(*) FROM Edges WHERE type NOT IN ('PARENT_CONCEPT', 'MENTIONS') AND EXISTS (SELECT 1 FROM Nodes
			WHERE id IN (source, target) AND data ->> 'label' IN ('SESSION', 'TASK'))`
		nodes, edges = `SELECT count(*) FROM Nodes`, `SELECT count(*) FROM Edges`
	)
	drop := map[string]string{"nodes": a.graphText(labelled), "edges": a.graphText(typed), "ends": a.graphText(loose)}
	keep := a.graphText(`SELECT (` + nodes + `) - (` + labelled + `)`)
	keepEdges := a.graphText(`SELECT (` + edges + `) - (` + typed + `) - (` + loose + `)`)
	if drop["nodes"] == "0" || drop["edges"] == "0" || drop["ends"] == "0" || keep == "0" || keepEdges == "0" {
		t.Fatalf("the sample has nothing to filter: %v, %s nodes, %s edges", drop, keep, keepEdges)
	}
	a.forgetFiles()
	args := []string{"restore", bundle, "--filter-labels", "SESSION,TASK", "--filter-edge-types", "PARENT_CONCEPT,MENTIONS"}
	r := a.must(0, args...)
	says(t, r.stderr, fmt.Sprintf("the filters left out %s nodes by label, %s edges by type, and %s edges that lost an end",
		drop["nodes"], drop["edges"], drop["ends"]))
	for query, want := range map[string]string{labelled: "0", typed: "0", nodes: keep, edges: keepEdges} {
		if got := a.graphText(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	says(t, a.must(0, args...).stdout, "Nothing to do")
}

// C: parts can be chosen, of the bundle and of the memory.
func TestAC_C_Only(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	all := a.digests()
	a.sub("backup", func(t *testing.T) {
		part := a.backup("--only", "kb,graph")
		var held []string
		for name := range tree(t, part) {
			held = append(held, filepath.Dir(name))
		}
		slices.Sort(held)
		if want := []string{".", ".", "graph", "index/graph", "index/kb", "kb"}; !slices.Equal(held, want) {
			t.Errorf("the bundle holds files in %q, want %q", held, want)
		}
		for _, only := range []string{"mc/nothing", "graph,grahp", "bogus"} {
			says(t, a.refuses(2, "backup", "--only", only).stderr, "there is no source or section of that name")
		}
		for _, only := range []string{"concepts/other", "mailbox/other"} {
			says(t, a.refuses(8, "backup", "--only", only).stderr, "keepsake: no bundle was made: there is no ")
		}
		out := a.json(3, "backup", "--only", "graph,concepts/other", "--allow-degraded")
		expect(t, section(t, out, "concepts/other"), "fail", "status")
	})
	for only, want := range map[string][]memory.Section{
		"mc/memory":         {memory.Memories},
		"graph,concepts":    {memory.Graph, "concepts/nodes", "concepts/edges"},
		"mc,mailbox":        {memory.Memories, memory.Summaries, memory.MailboxSentToCull},
		"concepts/edges":    {"concepts/edges"},
		"kb/knowledge-base": {memory.KnowledgeBase},
	} {
		a.sub(strings.ReplaceAll(only, "/", "."), func(t *testing.T) {
			a.forget()
			a.must(0, "restore", bundle, "--only", only)
			part := records{}
			for _, s := range want {
				part[s] = all[s]
			}
			sameDigests(t, a.digests(), part)
		})
	}
	for _, only := range []string{"mc/nothing", "graph,grahp", "bogus"} {
		a.sub("nothing called "+only, func(t *testing.T) {
			a.forget()
			says(t, a.refuses(2, "restore", bundle, "--only", only).stderr, "there is no source or section of that name")
		})
	}
}

// C: a section can go beside the live one, under another name.
func TestAC_C_As(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.KnowledgeBase)
	bundle := a.backup("--only", "mc,kb")
	live, want := a.digests(), a.digests()[memory.Memories]
	a.must(0, "restore", bundle, "--only", "mc/memory", "--as", "mc/memory=memories-of-friday")
	sameDigests(t, a.digests(), live)
	got := a.recordsOf(a.chromaOf(a.mc, memory.Memories, "memories-of-friday"), memory.Memories)
	sameDigests(t, records{memory.Memories: got}, records{memory.Memories: want})
}

// C: a section can go into another store.
func TestAC_C_To(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	want := a.digests()
	a.forget()
	before := a.state()
	dir := t.TempDir()
	other := server{Server: a.kb.Server, database: a.kb.Database(t)}
	file, db := filepath.Join(dir, "vectors.db"), filepath.Join(dir, "graph.sqlite")
	a.must(0, "restore", bundle, "--only", "mc,graph,concepts/nodes",
		"--to", "mc/memory="+other.store()+"#elsewhere", "--to", "mc/summaries=collections:"+file,
		"--to", "graph/graph=graph:"+db, "--to", "concepts/nodes=files:"+filepath.Join(dir, "files"))
	same(t, "the memory itself", but(a.state(), "file .keepsake/"), before)
	summaries := collections.New(collections.Config{Path: file, Collections: map[memory.Section]string{memory.Summaries: "neo-agent-sessions"}})
	got := records{
		memory.Memories:  a.recordsOf(a.chromaOf(other, memory.Memories, "elsewhere"), memory.Memories),
		memory.Summaries: a.recordsOf(summaries, memory.Summaries),
		memory.Graph:     a.recordsOf(graph.New(graph.Config{Path: db}), memory.Graph),
	}
	sameDigests(t, got, records{
		memory.Memories: want[memory.Memories], memory.Summaries: want[memory.Summaries], memory.Graph: want[memory.Graph],
	})
	if got, want := readFile(t, filepath.Join(dir, "files", "nodes.jsonl")), readFile(t, payload(t, bundle, "concepts/nodes")); got != want {
		t.Errorf("files: got %q, want %q", got, want)
	}
}

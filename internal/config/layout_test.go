package config_test

import (
	"testing"

	"keepsake/internal/config"
)

// places returns "section store" for each section that is known and each source, in
// the order in which they are opened.
func places(cfg *config.Config, root string) []string {
	var list []string
	for _, d := range cfg.InOrder() {
		if d.Store.V.Kind == "" {
			continue
		}
		if len(d.Named) == 0 {
			list = append(list, shorten(string(d.Name)+" "+d.Store.V.String(), root))
		}
		for _, n := range d.Named {
			at := d.Store.V
			at.Collection = n.Collection.V
			list = append(list, shorten(string(n.Section)+" "+at.String(), root))
		}
	}
	return list
}

func wantList(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("got nothing, want %q", want[i])
		case i >= len(want):
			t.Errorf("got %q, want nothing", got[i])
		case got[i] != want[i]:
			t.Errorf("got  %q\nwant %q", got[i], want[i])
		}
	}
}

func TestPlacesOfTheNeoPreset(t *testing.T) {
	root, cfg := setting{}.mustLoad(t)
	wantList(t, places(cfg, root), []string{
		"graph/graph graph:ROOT/.neo-ai-data/sqlite/memory-core-graph.sqlite",
		"mc/memory chroma:http://localhost:8001#neo-agent-memory",
		"mc/summaries chroma:http://localhost:8001#neo-agent-sessions",
		"kb/knowledge-base chroma:http://localhost:8000#neo-knowledge-base",
		"concepts files:ROOT/.neo-ai-data/concepts",
		"trajectories/trajectories files:ROOT/.neo-ai-data/datasets/rlaif/trajectories.jsonl",
		"mailbox/sent-to-cull files:ROOT/.neo-ai-data/sqlite/sent-to-cull.jsonl",
	})
	var left []string
	for _, e := range cfg.Excluded() {
		left = append(left, shorten(e.Path, root)+": "+e.Reason)
	}
	wantList(t, left, []string{
		"ROOT/.neo-ai-data/neo-sqlite/memory-core.sqlite: the combined store that Neo.mjs retired: the graph and the collections hold what was in it",
		"ROOT/.neo-ai-data/wake-daemon: the state of a running process",
	})
}

// A whole memory without a server, as the demo has it.
func TestPlacesOfAnEmbeddedMemory(t *testing.T) {
	root, cfg := setting{file: `topology: unified
backup-root: backups
stores:
  kb: collections:vectors.db
  graph: graph:graph.sqlite
  concepts: files:concepts
  trajectories: files:trajectories.jsonl
  mailbox: files:mailbox.jsonl
`}.mustLoad(t)
	wantList(t, places(cfg, root), []string{
		"graph/graph graph:ROOT/graph.sqlite",
		"mc/memory collections:ROOT/vectors.db",
		"mc/summaries collections:ROOT/vectors.db",
		"kb/knowledge-base collections:ROOT/vectors.db",
		"concepts files:ROOT/concepts",
		"trajectories/trajectories files:ROOT/trajectories.jsonl",
		"mailbox/sent-to-cull files:ROOT/mailbox.jsonl",
	})
	var names []string
	for _, d := range cfg.InOrder() {
		for _, n := range d.Named {
			names = append(names, n.Collection.V)
		}
	}
	wantList(t, names, []string{"", "neo-agent-memory", "neo-agent-sessions", "neo-knowledge-base", "", ""})
}

package config_test

import (
	"testing"

	"keepsake/internal/config"
)

// places returns "section store" for each place, in order.
func places(cfg *config.Config, root string) []string {
	var list []string
	for _, p := range cfg.Places() {
		list = append(list, shorten(string(p.Section)+" "+p.Store.String(), root))
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
	for i, want := range []string{"", "neo-agent-memory", "neo-agent-sessions", "neo-knowledge-base"} {
		if got := cfg.Places()[i].Store.Collection; got != want {
			t.Errorf("got collection %q, want %q", got, want)
		}
	}
}

func TestChromaDirs(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    setting
		kb, mc string
	}{
		{"Federated", setting{}, "ROOT/.neo-ai-data/chroma/knowledge-base", "ROOT/.neo-ai-data/chroma/memory-core"},
		{"Unified", setting{dirs: []string{"chroma/unified"}}, "ROOT/.neo-ai-data/chroma/unified", "ROOT/.neo-ai-data/chroma/unified"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			kb, mc := cfg.ChromaDirs()
			if kb, mc = shorten(kb, root), shorten(mc, root); kb != c.kb || mc != c.mc {
				t.Errorf("got %s and %s, want %s and %s", kb, mc, c.kb, c.mc)
			}
		})
	}
	if kb, mc := new(config.Config).ChromaDirs(); kb != "" || mc != "" {
		t.Errorf("got %q and %q without a data dir, want none", kb, mc)
	}
}

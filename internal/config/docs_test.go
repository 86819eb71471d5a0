package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepsake/internal/config"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The documentation names every key and every name of the environment.
func TestDocumentationIsComplete(t *testing.T) {
	docs := read(t, "../../docs/configuration.md")
	said := read(t, "environment.go") + read(t, "preset/neo.yaml")
	names := regexp.MustCompile(`[ "[]((?:NEO|KEEPSAKE|MEMORY|SESSION)_[A-Z_]+)`).FindAllStringSubmatch(said, -1)
	if len(names) < 20 {
		t.Fatalf("got %d names in environment.go and the preset, want them all", len(names))
	}
	for _, name := range names {
		if !strings.Contains(docs, "`"+name[1]+"`") {
			t.Errorf("docs/configuration.md doesn't name %s", name[1])
		}
	}
	keys := keysIn(t, "file.go", 20)
	for _, key := range keys {
		if !regexp.MustCompile("`([a-z]+\\.)?" + key + "[`.]").MatchString(docs) {
			t.Errorf("docs/configuration.md doesn't name %s", key)
		}
	}
	// The keys of a source are in a table of their own.
	_, table, _ := strings.Cut(docs, "| key of a source |")
	table, _, _ = strings.Cut(table, "\n\n")
	_, entry, _ := strings.Cut(read(t, "file.go"), "type entry struct")
	entry, _, _ = strings.Cut(entry, "\n}")
	for _, key := range append(keysOf(entry), keysIn(t, "filesources.go", 3)...) {
		if !strings.Contains(table, "`"+key+"`") {
			t.Errorf("docs/configuration.md doesn't name %s of a source", key)
		}
	}
}

func keysIn(t *testing.T, file string, atLeast int) []string {
	t.Helper()
	keys := keysOf(read(t, file))
	if len(keys) < atLeast {
		t.Fatalf("got %d keys in %s, want them all", len(keys), file)
	}
	return keys
}

func keysOf(code string) []string {
	var keys []string
	for _, found := range regexp.MustCompile("`yaml:\"([a-z-]+)\"`").FindAllStringSubmatch(code, -1) {
		keys = append(keys, found[1])
	}
	return keys
}

// The examples of the documentation load, without a warning.
func TestDocumentedExamplesLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "../../docs/configuration.md"), -1)
	if len(blocks) != 4 {
		t.Fatalf("got %d examples, want 4", len(blocks))
	}
	for i, want := range [][]string{
		{"chroma chroma:http://localhost:8000"},
		{
			"graph/graph graph:ROOT/.neo-ai-data/sqlite/memory-core-graph.sqlite",
			"mc/memory chroma:https://chroma.internal:443/team/agent-1#neo-agent-memory",
			"mc/summaries chroma:https://chroma.internal:443/team/agent-1#neo-agent-sessions",
			"kb/knowledge-base chroma:https://chroma.internal:443/team/agent-1#neo-knowledge-base",
			"concepts files:ROOT/.neo-ai-data/concepts",
			"trajectories/trajectories files:/var/log/agent/trajectories.jsonl",
			"mailbox/sent-to-cull files:ROOT/.neo-ai-data/sqlite/sent-to-cull.jsonl",
		},
		{
			"chroma chroma:http://localhost:8000/team/agent", "journal files:ROOT/journal/*/*.jsonl",
			"notes files:ROOT/notes/**/*.md", "state sqlite:ROOT/state/tasks.sqlite",
		},
		{
			"graph/graph graph:ROOT/graph.sqlite",
			"mc/memory collections:ROOT/vectors.sqlite", "mc/summaries collections:ROOT/vectors.sqlite", "kb/knowledge-base collections:ROOT/vectors.sqlite",
			"concepts files:ROOT/concepts", "trajectories/trajectories files:ROOT/trajectories.jsonl", "mailbox/sent-to-cull files:ROOT/mailbox.jsonl",
		},
	} {
		t.Run(want[0], func(t *testing.T) {
			token := filepath.Join(t.TempDir(), "token")
			writeFile(t, token, "s3cret\n")
			root, cfg := setting{file: strings.ReplaceAll(blocks[i][1], "/etc/keepsake/token", token)}.mustLoad(t)
			wantList(t, places(cfg, root), want)
			if cfg.HasTopology() && !cfg.Unified.V {
				t.Error("got a federated memory")
			}
			wantFindings(t, cfg, root)
			if cfg.File.Source.Kind != config.FromDetection {
				t.Errorf("got file from %v", cfg.File.Source)
			}
		})
	}
}

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
	names := regexp.MustCompile(`= "((?:NEO|KEEPSAKE|MEMORY|SESSION)_[A-Z_]+)"`).FindAllStringSubmatch(read(t, "environment.go"), -1)
	if len(names) < 20 {
		t.Fatalf("got %d names in environment.go, want them all", len(names))
	}
	for _, name := range names {
		if !strings.Contains(docs, "`"+name[1]+"`") {
			t.Errorf("docs/configuration.md doesn't name %s", name[1])
		}
	}
	keys := regexp.MustCompile("`yaml:\"([a-z-]+)\"`").FindAllStringSubmatch(read(t, "file.go"), -1)
	if len(keys) < 20 {
		t.Fatalf("got %d keys in file.go, want them all", len(keys))
	}
	for _, key := range keys {
		if !regexp.MustCompile("`([a-z]+\\.)?" + key[1] + "[`.]").MatchString(docs) {
			t.Errorf("docs/configuration.md doesn't name %s", key[1])
		}
	}
}

// The examples of the documentation load, without a warning.
func TestDocumentedExamplesLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "../../docs/configuration.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("got %d examples, want 2", len(blocks))
	}
	for i, want := range []string{
		"chroma:https://chroma.internal:443/team/agent-1",
		"collections:ROOT/vectors.sqlite",
	} {
		t.Run(want, func(t *testing.T) {
			token := filepath.Join(t.TempDir(), "token")
			writeFile(t, token, "s3cret\n")
			root, cfg := setting{file: strings.ReplaceAll(blocks[i][1], "/etc/keepsake/token", token)}.mustLoad(t)
			if got := shorten(cfg.MC.Store.V.String(), root); got != want || !cfg.Unified.V {
				t.Errorf("got mc %q, unified %v, want %q", got, cfg.Unified.V, want)
			}
			if len(cfg.Findings) != 0 {
				t.Errorf("got findings %v, want none", cfg.Findings)
			}
			if cfg.File.Source.Kind != config.FromDetection {
				t.Errorf("got file from %v", cfg.File.Source)
			}
		})
	}
}

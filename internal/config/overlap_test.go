package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
)

func TestOverlaps(t *testing.T) {
	const server = "chroma:http://localhost:9000"
	for _, c := range []struct {
		name, a, b string // what two sources, a and b, are set to
		want       bool
	}{
		{"SameServer", server, server, true},
		{"SameServerNamedOtherwise", server, "chroma:http://LOCALHOST:9000/default_tenant/default_database", true},
		{"AnotherServer", server, "chroma:http://localhost:9001", false},
		{"AnotherDatabase", server, "chroma:http://localhost:9000/t/d", false},
		{"CollectionsApart", "{store: " + server + ", collections: a*}", "{store: " + server + ", collections: b*}", false},
		{"OneOfAll", server, "'" + server + "#notes'", true},
		{"TheOtherExcluded", "{store: " + server + ", exclude: notes}", "'" + server + "#notes'", false},
		{"PatternExcluded", "{store: " + server + ", exclude: notes-*}", "{store: " + server + ", collections: notes-*}", false},
		{"PatternsMeet", "{store: " + server + ", collections: a*}", "{store: " + server + ", collections: '*b'}", true},
		{"QuestionMarks", "{store: " + server + ", collections: 'a??'}", "{store: " + server + ", collections: abc}", true},
		{"Directory", "{store: " + server + ", source: auto, directory: d}", "chromadir:d", true},
		{"AnotherDirectory", "{store: " + server + ", source: auto, directory: d}", "chromadir:e", false},
		{"SameFile", "files:x.md", "files:x.md", true},
		{"SameDatabase", "sqlite:x.db", "sqlite:x.db", true},
		{"FileOfAPattern", "files:notes/x.md", "files:'**/*.md'", true},
		{"FileExcluded", "files:notes/x.md", "{store: 'files:**/*.md', exclude: notes/**}", false},
		{"FolderExcluded", "sqlite:notes/x.db", "{store: 'files:**/*', exclude: notes}", false},
		{"HiddenFolder", "sqlite:.notes/x.db", "files:**/*", false},
		{"HiddenFolderNamed", "sqlite:.notes/x.db", "files:.notes/*", true},
		{"Apart", "files:a/*.md", "files:b/*.md", false},
		{"OtherExtension", "files:'**/*.md'", "files:'**/*.txt'", false},
		{"FolderOfAPattern", "files:a/logs", "files:'a/**/*.jsonl'", true},
		{"SubfolderOfAPattern", "files:a/b/*.md", "files:'a/**/*.md'", true},
		{"SQLiteAndFiles", "sqlite:a/*.db", "files:'a/*'", true},
		{"SamePattern", "sqlite:a/[xy]{1,2}?.db", "sqlite:a/[xy]{1,2}?.db", true},
		{"ServerAndFile", server, "files:x.md", false},
		{"DirectoryAndFile", "chromadir:d", "sqlite:d", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := fmt.Sprintf("sources:\n  a: %s\n  b: %s\n", plain(c.a), plain(c.b))
			for _, s := range []string{file, fmt.Sprintf("sources:\n  b: %s\n  a: %s\n", plain(c.a), plain(c.b))} {
				root, cfg := setting{file: s}.mustLoad(t)
				var want []string
				if c.want {
					line := declaredBy(cfg)[1].Store.Source.Line
					want = []string{fmt.Sprintf("sources-overlap: sources.b (file ROOT/keepsake.yaml:%d) and sources.a "+
						"take some of the same: that is backed up twice", line)}
				}
				wantFindings(t, cfg, root, want...)
			}
		})
	}
}

// plain quotes a short form that YAML would take for something else.
func plain(store string) string {
	if store[0] == '{' || store[0] == '\'' {
		return store
	}
	return `"` + strings.ReplaceAll(store, "'", "") + `"`
}

func TestOverlapsWithNeosStores(t *testing.T) {
	for _, c := range []struct{ name, file, with string }{
		{"KB", "chroma:http://localhost:8000", "stores.kb"},
		{"MC", "chroma:http://localhost:8001", "stores.mc"},
		{"MCsSummaries", "'chroma:http://localhost:8001#neo-agent-sessions'", "stores.mc"},
		{"Graph", "sqlite:.neo-ai-data/sqlite/memory-core-graph.sqlite", "stores.graph"},
		{"GraphByAPattern", "sqlite:.neo-ai-data/sqlite/*.sqlite", "stores.graph"},
		{"Concepts", "files:.neo-ai-data/concepts", "stores.concepts"},
		{"Trajectories", "files:.neo-ai-data/datasets/**/*.jsonl", "stores.trajectories"},
		{"Mailbox", "files:.neo-ai-data/sqlite/*.jsonl", "stores.mailbox"},
		{"OtherCollections", "{store: chroma:http://localhost:8000, exclude: neo-*}", ""},
		{"OtherFiles", "files:.neo-ai-data/notes/*.md", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := setting{file: "sources:\n  a: " + c.file + "\n"}.mustLoad(t)
			if c.with == "" {
				wantFindings(t, cfg, root)
				return
			}
			wantFindings(t, cfg, root, "sources-overlap: sources.a (file ROOT/keepsake.yaml:2) and "+c.with+
				" take some of the same: that is backed up twice")
		})
	}
}

func TestTokenInBundles(t *testing.T) {
	for exclude, want := range map[string][]string{
		"x":          {"token-in-bundles: sources.a (file ROOT/keepsake.yaml:3) takes the token file ROOT/secrets/token"},
		"secrets/**": nil,
		"secrets":    nil, // the folder, with all that is in it
	} {
		t.Run(exclude, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, config.DataDirName))
			makeDir(t, filepath.Join(root, "secrets"))
			writeFile(t, filepath.Join(root, "secrets", "token"), "s3cret")
			writeFile(t, filepath.Join(root, config.FileName),
				"token-file: secrets/token\nsources:\n  a: {store: 'files:*/*', exclude: "+exclude+"}\n")
			cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
			if err != nil {
				t.Fatal(err)
			}
			wantFindings(t, cfg, root, want...)
		})
	}
}

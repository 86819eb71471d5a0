package config_test

import (
	"path/filepath"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
)

func TestWays(t *testing.T) {
	type env = map[string]string
	const kb = "stores.kb.source"
	for _, c := range []struct {
		name string
		set  setting
		rows map[string]string
	}{
		{"Nothing", setting{}, map[string]string{kb: "http | default", "stores.kb.directory": ""}},
		{
			"PresetsDirectory",
			setting{file: "stores:\n  kb:\n    source: directory\n"},
			map[string]string{kb: "directory | file ROOT/keepsake.yaml:3", "stores.kb.directory": "ROOT/.neo-ai-data/chroma/knowledge-base | preset neo", "stores.mc.source": "http | default"},
		},
		{
			"PresetsDirectoryOfMC",
			setting{file: "stores:\n  mc:\n    source: auto\n"},
			map[string]string{"stores.mc.source": "auto | file ROOT/keepsake.yaml:3", "stores.mc.directory": "ROOT/.neo-ai-data/chroma/memory-core | preset neo", kb: "http | default"},
		},
		{
			"OwnDirectory",
			setting{file: "stores:\n  kb:\n    source: auto\n    directory: chroma\n"},
			map[string]string{kb: "auto | file ROOT/keepsake.yaml:3", "stores.kb.directory": "ROOT/chroma | file ROOT/keepsake.yaml:4"},
		},
		{
			"Chromadir",
			setting{file: "stores:\n  kb: chromadir:chroma\n"},
			map[string]string{kb: "directory | file ROOT/keepsake.yaml:2", "stores.kb.directory": ""},
		},
		{
			"ChromadirSaysSo",
			setting{file: "stores:\n  kb:\n    store: chromadir:chroma\n    source: directory\n"},
			map[string]string{kb: "directory | file ROOT/keepsake.yaml:4"},
		},
		{
			"CollectionsIsNoChroma",
			setting{file: "stores:\n  kb:\n    store: collections:c.sqlite\n    source: http\n"},
			map[string]string{kb: ""},
		},
		{
			"UnifiedIsShared",
			setting{file: "topology: unified\nstores:\n  kb:\n    source: auto\n"},
			map[string]string{"stores.mc.source": "auto | file ROOT/keepsake.yaml:4", "stores.mc.directory": "ROOT/.neo-ai-data/chroma/unified | preset neo"},
		},
		{
			"UnifiedIsSharedWithAnEqualStore",
			setting{file: "topology: unified\nstores:\n  kb: {source: auto}\n  mc: chroma:http://localhost:8000\n"},
			map[string]string{"stores.mc.source": "auto | file ROOT/keepsake.yaml:3", "stores.mc.directory": "ROOT/.neo-ai-data/chroma/unified | preset neo"},
		},
		{
			"UnifiedSaysTheSameTwice",
			setting{file: "topology: unified\nstores:\n  kb: {source: auto}\n  mc: {store: chroma:http://localhost:8000, source: auto}\n"},
			map[string]string{"stores.mc.source": "auto | file ROOT/keepsake.yaml:3"},
		},
		{
			"NeosHostIsThatServer",
			setting{file: "stores:\n  kb: {source: directory}\n", env: env{"NEO_CHROMA_HOST": "db"}},
			map[string]string{kb: "directory | file ROOT/keepsake.yaml:2"},
		},
		{
			"EnvironmentNamesThatServer",
			setting{
				file: "stores:\n  kb: {store: chroma:http://db:1, source: auto, directory: d}\n",
				env:  env{"KEEPSAKE_KB_CHROMA": "chroma:http://DB:1", "NEO_CHROMA_DATABASE": "x"},
			},
			map[string]string{kb: "auto | file ROOT/keepsake.yaml:2", "stores.kb.directory": "ROOT/d | file ROOT/keepsake.yaml:2"},
		},
		{
			"EnvironmentNamesADirectory",
			setting{env: env{"KEEPSAKE_MC_CHROMA": "chromadir:d"}},
			map[string]string{"stores.mc": "chromadir:ROOT/d | environment KEEPSAKE_MC_CHROMA", "stores.mc.source": "directory | environment KEEPSAKE_MC_CHROMA"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			got := rows(cfg, root)
			for name, want := range c.rows {
				if got[name] != want {
					t.Errorf("%s: got  %q\nwant %q", name, got[name], want)
				}
			}
			if len(cfg.Findings) != 0 {
				t.Errorf("got findings %v, want none", cfg.Findings)
			}
		})
	}
}

func TestWaysAsValues(t *testing.T) {
	root, cfg := setting{file: "stores:\n  kb: chromadir:chroma\n  mc: collections:c.sqlite\n"}.mustLoad(t)
	if cfg.Source("kb").Way.V != config.WayDirectory || shorten(cfg.Source("kb").Directory.V, root) != "ROOT/chroma" {
		t.Errorf("got kb %+v", cfg.Source("kb"))
	}
	if cfg.Source("mc").Way.V != "" || cfg.Source("mc").Directory.V != "" {
		t.Errorf("got mc %+v, want no way", cfg.Source("mc"))
	}
}

// A store that the environment puts in the place of the file's is never read the
// way that the file's was meant to be: that would be another memory.
func TestWayOfAnotherStore(t *testing.T) {
	const file = "stores:\n  kb: {source: directory, directory: d}\n"
	for store, want := range map[string]string{
		"chroma:http://replica:1": "http | default",
		"chromadir:copy":          "directory | environment KEEPSAKE_KB_CHROMA",
		"collections:c.sqlite":    "",
	} {
		t.Run(store, func(t *testing.T) {
			root, cfg := setting{file: file, env: map[string]string{"KEEPSAKE_KB_CHROMA": store}}.mustLoad(t)
			if got := rows(cfg, root)["stores.kb.source"]; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := cfg.Source("kb").Directory.V; filepath.Base(got) == "d" {
				t.Errorf("got the directory of the file, %q", got)
			}
			wantFindings(t, cfg, root, "source-overruled: file ROOT/keepsake.yaml:2 is not followed (source: directory): environment KEEPSAKE_KB_CHROMA names another store")
		})
	}
}

func TestWaysRefused(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"Unknown", "stores:\n  kb:\n    source: disk\n", `:3:13: unknown source "disk"; want http, directory or auto`},
		{"DirectoryAlone", "stores:\n  kb:\n    directory: d\n", ":3:16: nothing would be read from the directory"},
		{"DirectoryWithHTTP", "stores:\n  kb:\n    source: http\n    directory: d\n", ":4:16: nothing would be read from the directory"},
		{"ChromadirOverHTTP", "stores:\n  kb:\n    store: chromadir:d\n    source: http\n", ":4:13: a chromadir store is always read as a directory"},
		{"ChromadirByAuto", "stores:\n  mc:\n    store: chromadir:d\n    source: auto\n", ":4:13: a chromadir store is always read as a directory"},
		{"ChromadirTwice", "stores:\n  kb:\n    store: chromadir:d\n    directory: e\n", ":4:16: the directory is in the store already"},
		{"Collections", "stores:\n  kb:\n    store: collections:c\n    source: auto\n", ":4:13: a collections store can't be read by source auto"},
		{"CollectionsWithDirectory", "stores:\n  kb:\n    store: collections:c\n    directory: d\n", ":4:16: a collections store has no directory"},
		{"Tilde", "stores:\n  kb: {source: auto, directory: ~/d}\n", ":2:33: ~ is only known to a shell: write the path out"},
		{
			"UnifiedSaysItOfMC", "topology: unified\nstores:\n  mc:\n    source: auto\n",
			":4:13: the topology is unified (file ROOT/keepsake.yaml:1), so that stores.mc is what stores.kb is",
		},
		{
			"UnifiedSaysADirectoryOfMC", "topology: unified\nstores:\n  mc:\n    directory: d\n",
			":4:16: the topology is unified (file ROOT/keepsake.yaml:1), so that stores.mc is what stores.kb is",
		},
		{
			"UnifiedInTwoWays", "topology: unified\nstores:\n  mc:\n    store: chroma:http://localhost:8000\n    source: auto\n",
			":5:13: the topology is unified (file ROOT/keepsake.yaml:1), so that mc is read as kb is",
		},
		{"NoDefault", "sources:\n  notes:\n    store: chroma:http://h:1\n    source: directory\n", ":4:13: source directory needs a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := setting{file: c.file}.load(t)
			wantError(t, err, root, "read file ROOT/keepsake.yaml"+c.want)
		})
	}
	t.Run("NoDataDir", func(t *testing.T) {
		root := t.TempDir()
		writeFile(t, root+"/my.yaml", "stores:\n  kb:\n    source: auto\n")
		_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root, Flags: map[string]string{"config": "my.yaml"}, DataDirOptional: true})
		wantError(t, err, root, "read file ROOT/my.yaml:3:13: source auto needs a directory")
	})
}

// A token that nothing is sent to doesn't go unencrypted.
func TestTokenOfADirectoryStaysHere(t *testing.T) {
	_, cfg := setting{
		file: "stores:\n  kb: {store: chroma:http://far.example:1, source: directory}\n",
		env:  map[string]string{"KEEPSAKE_CHROMA_TOKEN": "s3cret"},
	}.mustLoad(t)
	if len(cfg.Findings) != 0 {
		t.Errorf("got findings %v, want none", cfg.Findings)
	}
}

// wantFindings checks the warnings, each as "code: message".
func wantFindings(t *testing.T, cfg *config.Config, root string, want ...string) {
	t.Helper()
	var got []string
	for _, f := range cfg.Findings {
		got = append(got, shorten(f.Code+": "+f.Message, root))
	}
	wantList(t, got, want)
}

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
)

func TestTopology(t *testing.T) {
	type env = map[string]string
	flag := map[string]string{"topology": "federated"}
	for _, c := range []struct {
		name string
		set  setting
		want string
	}{
		{"Nothing", setting{}, "federated | default"},
		{"UnifiedFolder", setting{dirs: []string{"chroma/unified"}}, "unified | detected ROOT/.neo-ai-data/chroma/unified"},
		{"BothKindsOfFolder", setting{dirs: []string{"chroma/unified", "chroma/knowledge-base"}}, "unified | detected ROOT/.neo-ai-data/chroma/unified"},
		{"FederatedFolders", setting{dirs: []string{"chroma/knowledge-base", "chroma/memory-core"}}, "federated | default"},
		{"EnvironmentUnified", setting{env: env{"NEO_CHROMA_UNIFIED": "true"}}, "unified | environment NEO_CHROMA_UNIFIED"},
		{"EnvironmentOverFolder", setting{env: env{"NEO_CHROMA_UNIFIED": "false"}, dirs: []string{"chroma/unified"}}, "federated | environment NEO_CHROMA_UNIFIED"},
		{"FileOverEnvironment", setting{file: "topology: unified\n", env: env{"NEO_CHROMA_UNIFIED": "false"}}, "unified | file ROOT/keepsake.yaml:1"},
		{"FlagOverFile", setting{file: "topology: unified\n", flags: flag}, "federated | flag --topology"},
		{"FlagOverAll", setting{env: env{"NEO_CHROMA_UNIFIED": "true"}, flags: flag, dirs: []string{"chroma/unified"}}, "federated | flag --topology"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			if got := rows(cfg, root)["topology"]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnifiedFolderThatIsAFile(t *testing.T) {
	root := t.TempDir()
	makeDir(t, filepath.Join(root, config.DataDirName, "chroma"))
	writeFile(t, filepath.Join(root, config.DataDirName, "chroma", "unified"), "")
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
	if err != nil || cfg.Unified.V {
		t.Errorf("got unified %v, %v, want federated", cfg.Unified.V, err)
	}
}

func TestUnifiedFolderThatCannotBeSeen(t *testing.T) {
	root := t.TempDir()
	makeDir(t, filepath.Join(root, config.DataDirName, "chroma"))
	if err := os.Symlink("unified", filepath.Join(root, config.DataDirName, "chroma", "unified")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
	if typed := (*config.Error)(nil); !errors.As(err, &typed) || typed.Source.Kind != config.FromDetection {
		t.Errorf("got %v, want an error of the detection", err)
	}
}

func TestTopologyRefused(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		name string
		set  setting
		want string
	}{
		{
			"FlagUnknown",
			setting{flags: map[string]string{"topology": "both"}},
			`read flag --topology: unknown topology "both"; want unified or federated`,
		},
		{
			"UnifiedWithTwoStores",
			setting{file: "topology: unified\nstores:\n  mc: chroma:http://h:2\n"},
			"read file ROOT/keepsake.yaml:3:7: the topology is unified (file ROOT/keepsake.yaml:1), but mc is set to chroma:http://h:2 and kb to chroma:http://localhost:8000",
		},
		{
			"DetectedWithTwoStores",
			setting{env: env{"KEEPSAKE_MC_CHROMA": "chroma:http://h:2"}, dirs: []string{"chroma/unified"}},
			"read environment KEEPSAKE_MC_CHROMA: the topology is unified (detected ROOT/.neo-ai-data/chroma/unified), but mc is set to chroma:http://h:2 and kb to chroma:http://localhost:8000",
		},
		{
			"UnifiedWithTwoDatabases",
			setting{env: env{"KEEPSAKE_MC_CHROMA": "chroma:http://localhost:8000/t/d", "NEO_CHROMA_UNIFIED": "true"}},
			"read environment KEEPSAKE_MC_CHROMA: the topology is unified (environment NEO_CHROMA_UNIFIED), but mc is set to chroma:http://localhost:8000/t/d and kb to chroma:http://localhost:8000",
		},
		{
			"UnifiedWithAHalfSaidStore",
			setting{file: "topology: unified\nstores:\n  mc:\n    database: x\n"},
			"read file ROOT/keepsake.yaml:4:15: the topology is unified (file ROOT/keepsake.yaml:1), so that stores.mc is what stores.kb is",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := c.set.load(t)
			wantError(t, err, root, c.want)
		})
	}
}

func TestTopologyWarnings(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		name string
		set  setting
		code string
		want string
	}{
		{
			"FileOverrulesEnvironment",
			setting{file: "topology: unified\n", env: env{"NEO_CHROMA_UNIFIED": "false"}},
			"topology-overruled", "environment NEO_CHROMA_UNIFIED is not followed: file ROOT/keepsake.yaml:1 says unified",
		},
		{
			"FederatedOnOneServer",
			setting{env: env{"KEEPSAKE_MC_CHROMA": "chroma:http://LOCALHOST:8000/default_tenant/default_database"}},
			"topology-doubtful", "the topology is federated (default), but kb and mc are both chroma:http://localhost:8000",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			if len(cfg.Findings) != 1 {
				t.Fatalf("got findings %v, want one", cfg.Findings)
			}
			got := cfg.Findings[0]
			if got.Level != memory.Warning || got.Code != c.code || shorten(got.Message, root) != c.want {
				t.Errorf("got  %+v\nwant %s: %s", got, c.code, c.want)
			}
		})
	}
	t.Run("NoneWhenTheyAgree", func(t *testing.T) {
		_, cfg := setting{file: "topology: unified\n", env: env{"NEO_CHROMA_UNIFIED": "true"}}.mustLoad(t)
		if len(cfg.Findings) != 0 {
			t.Errorf("got findings %v, want none", cfg.Findings)
		}
	})
}

func TestTopologyHasAllCoordinates(t *testing.T) {
	_, cfg := setting{env: map[string]string{
		"KEEPSAKE_KB_CHROMA": "chroma:http://kb:1/t/d", "KEEPSAKE_MC_CHROMA": "chroma:http://mc:2",
	}}.mustLoad(t)
	want := memory.Topology{
		KB: memory.Coords{Host: "kb", Port: 1, Tenant: "t", Database: "d"},
		MC: memory.Coords{Host: "mc", Port: 2, Tenant: "default_tenant", Database: "default_database"},
	}
	if got := cfg.Topology(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, cfg = setting{file: "topology: unified\nstores:\n  kb: collections:/srv/kb.db\n"}.mustLoad(t)
	got := cfg.Topology()
	if !got.Unified || got.KB != got.MC || got.KB != (memory.Coords{Path: filepath.Clean("/srv/kb.db")}) {
		t.Errorf("got %+v, want a unified one that is a file", got)
	}
}

// In a unified topology MC is talked to exactly as KB is.
func TestUnifiedSharesTheConnection(t *testing.T) {
	_, cfg := setting{
		file: "topology: unified\nstores:\n  kb:\n    headers: {x-team: memory}\n    page-rows: 7\n",
		env:  map[string]string{"KEEPSAKE_CHROMA_TOKEN": "s3cret"},
	}.mustLoad(t)
	if cfg.Source("mc").PageRows.V != 7 || cfg.Source("mc").Headers.V["X-Team"].Reveal() != "memory" || cfg.Source("mc").Token.V.Reveal() != "s3cret" {
		t.Errorf("got %+v", cfg.Source("mc"))
	}
}

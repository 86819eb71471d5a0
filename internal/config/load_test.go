package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
)

// setting is what one Load sees: a folder with a data dir, perhaps a file beside
// it, an environment and flags.
type setting struct {
	file  string
	env   map[string]string
	flags map[string]string
	dirs  []string // made below the data dir
}

// load makes the folder and loads the configuration from inside it.
func (s setting) load(t *testing.T) (string, *config.Config, error) {
	t.Helper()
	root := t.TempDir()
	makeDir(t, filepath.Join(root, config.DataDirName))
	for _, dir := range s.dirs {
		makeDir(t, filepath.Join(root, config.DataDirName, filepath.FromSlash(dir)))
	}
	if s.file != "" {
		writeFile(t, filepath.Join(root, config.FileName), s.file)
	}
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Flags: s.flags, Env: lookup(s.env), Start: root})
	return root, cfg, err
}

// mustLoad is load where no error is expected.
func (s setting) mustLoad(t *testing.T) (string, *config.Config) {
	t.Helper()
	root, cfg, err := s.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return root, cfg
}

// declaredBy returns the sources that the file declares.
func declaredBy(cfg *config.Config) []config.Declared {
	return slices.DeleteFunc(slices.Clone(cfg.Declared), func(d config.Declared) bool { return d.Preset })
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, ok := env[name]
		return text, ok
	}
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rows returns what Describe says, by name, with root written as "ROOT" and
// slashes forward.
func rows(cfg *config.Config, root string) map[string]string {
	said := map[string]string{}
	for _, r := range cfg.Describe() {
		said[r.Name] = shorten(r.Value+" | "+r.Source, root)
	}
	return said
}

func shorten(text, root string) string {
	return filepath.ToSlash(strings.ReplaceAll(text, root, "ROOT"))
}

// wantError checks the text of a refusal, with root written as "ROOT".
func wantError(t *testing.T, err error, root, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %q", want)
	}
	if got := shorten(err.Error(), root); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if typed := (*config.Error)(nil); !errors.As(err, &typed) {
		t.Errorf("got a %T, want a *config.Error", err)
	}
}

// wantHint checks the hint of a refusal, with root written as "ROOT".
func wantHint(t *testing.T, err error, root, want string) {
	t.Helper()
	typed := (*config.Error)(nil)
	if !errors.As(err, &typed) || shorten(typed.Hint, root) != want {
		t.Errorf("got  %#v\nwant the hint %q", err, want)
	}
}

func TestNothingSaidIsTheNeoPreset(t *testing.T) {
	root, cfg := setting{}.mustLoad(t)
	got := rows(cfg, root)
	want := map[string]string{
		"config":                     " | ",
		"preset":                     "neo | default",
		"data-dir":                   "ROOT/.neo-ai-data | detected ROOT/.neo-ai-data",
		"backup-root":                "ROOT/.neo-ai-data/backups | preset neo",
		"topology":                   "federated | default",
		"stores.kb":                  "chroma:http://localhost:8000 | preset neo",
		"stores.kb.source":           "http | default",
		"stores.kb.token":            "not set | default",
		"stores.mc":                  "chroma:http://localhost:8001 | preset neo",
		"stores.mc.source":           "http | default",
		"stores.mc.token":            "not set | default",
		"stores.graph":               "graph:ROOT/.neo-ai-data/sqlite/memory-core-graph.sqlite | preset neo",
		"stores.concepts":            "files:ROOT/.neo-ai-data/concepts | preset neo",
		"stores.trajectories":        "files:ROOT/.neo-ai-data/datasets/rlaif/trajectories.jsonl | preset neo",
		"stores.mailbox":             "files:ROOT/.neo-ai-data/sqlite/sent-to-cull.jsonl | preset neo",
		"collections.knowledge-base": "neo-knowledge-base | preset neo",
		"collections.memory":         "neo-agent-memory | preset neo",
		"collections.summaries":      "neo-agent-sessions | preset neo",
		"retention.keep":             "3 | preset neo",
		"retention.days":             "7 | preset neo",
		"retention.keep-daily":       " | preset neo",
		"retention.keep-weekly":      " | preset neo",
		"retention.keep-monthly":     " | preset neo",
		"retention.max-bytes":        " | preset neo",
		"retention.safety-days":      "7 | preset neo",
		"retention.gone-days":        "30 | preset neo",
		"doctor.max-age":             "26h | default",
		"alarm.lost":                 "50% | default",
		"vector-dimension":           "4096 | preset neo",
		"stores.kb.timeout":          "1m30s | default",
		"stores.mc.timeout":          "1m30s | default",
		"production-destructive":     "false | default",
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d rows, want %d", len(got), len(want))
	}
}

// TestPrecedence sets the same thing in more and more places: each wins over
// those before it.
func TestPrecedence(t *testing.T) {
	file := "backup-root: from-file\n"
	env := map[string]string{"NEO_BACKUP_PATH": "from-env"}
	flags := map[string]string{config.FlagBackupRoot: "from-flag"}
	for _, c := range []struct {
		name string
		set  setting
		want string
	}{
		{"Preset", setting{}, "ROOT/.neo-ai-data/backups | preset neo"},
		{"File", setting{file: file}, "ROOT/from-file | file ROOT/keepsake.yaml:1"},
		{"Environment", setting{file: file, env: env}, "ROOT/from-env | environment NEO_BACKUP_PATH"},
		{"Flag", setting{file: file, env: env, flags: flags}, "ROOT/from-flag | flag --backup-root"},
		{"EmptyEnvironment", setting{file: file, env: map[string]string{"NEO_BACKUP_PATH": ""}}, "ROOT/from-file | file ROOT/keepsake.yaml:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			if got := rows(cfg, root)["backup-root"]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDescribeKeepsItsOrder(t *testing.T) {
	_, cfg := setting{}.mustLoad(t)
	var names []string
	for _, r := range cfg.Describe() {
		names = append(names, r.Name)
	}
	got := strings.Join(names, " ")
	want := "config preset data-dir backup-root topology stores.kb stores.kb.source stores.kb.token stores.kb.timeout stores.mc stores.mc.source stores.mc.token stores.mc.timeout " +
		"stores.graph stores.concepts stores.trajectories stores.mailbox " +
		"collections.knowledge-base collections.memory collections.summaries " +
		"retention.keep retention.days retention.keep-daily retention.keep-weekly retention.keep-monthly " +
		"retention.max-bytes retention.safety-days retention.gone-days doctor.max-age alarm.lost vector-dimension production-destructive"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEmptyFlagIsRefused(t *testing.T) {
	root, _, err := setting{flags: map[string]string{config.FlagBackupRoot: ""}}.load(t)
	wantError(t, err, root, "read flag --backup-root: the value is empty")
}

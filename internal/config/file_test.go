package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
)

// everything sets every key to something that isn't its default.
const everything = `# a memory of our own
preset: neo
data-dir: data
backup-root: /srv/backups
topology: federated
token-file: token

stores:
  kb: chroma:https://chroma.example/tenant/database#our-kb
  mc:
    store: chroma:http://127.0.0.1:8001
    tenant: team
    database: memories
    token-file: mc-token
    headers:
      x-team: memory
      Authorization: Bearer s3cret
    page-rows: 500
    page-bytes: 8388608
  graph: graph:graph.sqlite
  concepts: files:concepts
  trajectories: files:logs/trajectories.jsonl
  mailbox: files:logs/mail.jsonl

collections:
  memory: our-memories
  summaries: our-summaries

retention:
  keep: 10
  days: 90
  keep-daily: 14
  keep-weekly: 8
  keep-monthly: 24
  max-bytes: 200 GB
  safety-days: 30

vector-dimension: 1024
`

func TestEveryKey(t *testing.T) {
	root := t.TempDir()
	makeDir(t, filepath.Join(root, "data"))
	writeFile(t, filepath.Join(root, "token"), "for-all\n")
	writeFile(t, filepath.Join(root, "mc-token"), "mc-s3cret\n")
	writeFile(t, filepath.Join(root, "my.yaml"), everything)
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root, Flags: map[string]string{"config": "my.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	got := rows(cfg, root)
	for name, want := range map[string]string{
		"config":                     "ROOT/my.yaml | flag --config",
		"preset":                     "neo | file ROOT/my.yaml:2",
		"data-dir":                   "ROOT/data | file ROOT/my.yaml:3",
		"backup-root":                "/srv/backups | file ROOT/my.yaml:4",
		"topology":                   "federated | file ROOT/my.yaml:5",
		"stores.kb":                  "chroma:https://chroma.example:443/tenant/database | file ROOT/my.yaml:9",
		"stores.kb.token":            "set (withheld) | file ROOT/my.yaml:6",
		"stores.mc":                  "chroma:http://127.0.0.1:8001/team/memories | file ROOT/my.yaml:11 + file ROOT/my.yaml:12 + file ROOT/my.yaml:13",
		"stores.mc.token":            "set (withheld) | file ROOT/my.yaml:14",
		"stores.mc.headers":          "Authorization, X-Team (values withheld) | file ROOT/my.yaml:17",
		"stores.mc.page-rows":        "500 | file ROOT/my.yaml:18",
		"stores.mc.page-bytes":       "8388608 | file ROOT/my.yaml:19",
		"stores.graph":               "graph:ROOT/graph.sqlite | file ROOT/my.yaml:20",
		"stores.concepts":            "files:ROOT/concepts | file ROOT/my.yaml:21",
		"stores.trajectories":        "files:ROOT/logs/trajectories.jsonl | file ROOT/my.yaml:22",
		"stores.mailbox":             "files:ROOT/logs/mail.jsonl | file ROOT/my.yaml:23",
		"collections.knowledge-base": "our-kb | file ROOT/my.yaml:9",
		"collections.memory":         "our-memories | file ROOT/my.yaml:26",
		"collections.summaries":      "our-summaries | file ROOT/my.yaml:27",
		"retention.keep":             "10 | file ROOT/my.yaml:30",
		"retention.days":             "90 | file ROOT/my.yaml:31",
		"retention.keep-daily":       "14 | file ROOT/my.yaml:32",
		"retention.keep-weekly":      "8 | file ROOT/my.yaml:33",
		"retention.keep-monthly":     "24 | file ROOT/my.yaml:34",
		"retention.max-bytes":        "200 GB | file ROOT/my.yaml:35",
		"retention.safety-days":      "30 | file ROOT/my.yaml:36",
		"vector-dimension":           "1024 | file ROOT/my.yaml:38",
	} {
		if got[name] != want {
			t.Errorf("%s: got  %q\nwant %q", name, got[name], want)
		}
	}
	if got := cfg.Source("kb").Token.V.Reveal() + " " + cfg.Source("mc").Token.V.Reveal() + " " + cfg.Source("mc").Headers.V["Authorization"].Reveal(); got != "for-all mc-s3cret Bearer s3cret" {
		t.Errorf("got tokens and header %q", got)
	}
	if len(cfg.Findings) != 0 {
		t.Errorf("got findings %v, want none", cfg.Findings)
	}
}

func TestFileRefused(t *testing.T) {
	const fancy = "anchors, aliases, merges and tags are not supported"
	for _, c := range []struct{ name, file, want string }{
		{"UnknownKey", "preset: neo\nbakup-root: x\n", `:2:1: unknown key "bakup-root"`},
		{"UnknownNestedKey", "retention:\n  keeep: 3\n", `:2:3: unknown key "keeep"`},
		{"UnknownStoreKey", "stores:\n  kb:\n    store: collections:x\n    pagerows: 3\n", `:4:5: unknown key "pagerows"`},
		{"UnknownStore", "stores:\n  trajectory: files:x\n", `:2:3: unknown key "trajectory"`},
		{"RepeatedKey", "preset: neo\npreset: neo\n", `:2:1: mapping key "preset" already defined at [1:1]`},
		{"RepeatedNestedKey", "stores:\n  graph: graph:a\n  graph: graph:b\n", `:3:3: mapping key "graph" already defined at [2:3]`},
		{"KeyWithoutValue", "data-dir:\n", ":1:11: the key has no value"},
		{"NullValue", "data-dir: null\n", ":1:11: the key has no value"},
		{"EmptyValue", "data-dir: \"\"\n", ":1:11: the value is empty"},
		{"ListForText", "data-dir: [a]\n", ":1:11: want a plain value here"},
		{"MappingForText", "data-dir: {a: b}\n", ":1:11: want a plain value here"},
		{"Alias", "backup-root: *a\n", ":1:14: " + fancy},
		{"Anchor", "backup-root: &a x\n", ":1:14: " + fancy},
		{"Merge", "retention:\n  <<: {keep: 3}\n", ":2:3: " + fancy},
		{"Tag", "backup-root: !!binary aGk=\n", ":1:14: " + fancy},
		{"TextForMapping", "retention: 3\n", ":1:12: int was used where mapping is expected"},
		{"ListForFile", "- a\n", ":1:1: sequence was used where mapping is expected"},
		{"TextForFile", "hello\n", ":1:1: string was used where mapping is expected"},
		{"BrokenSyntax", "data-dir: [\n", ":1:11: sequence end token ']' not found"},
		{"TwoDocuments", "preset: neo\n---\npreset: neo\n", ": more than one document; want one"},
		{"NotUTF8", "preset: \xff\n", ": the file is not UTF-8"},
		{"TooLong", "# " + strings.Repeat("x", 1<<20) + "\n", ": the file has more than 1048576 bytes"},
		{"NumberAsWord", "vector-dimension: many\n", `:1:19: "many" is no whole number from 1 up`},
		{"PageRowsZero", "stores:\n  kb:\n    page-rows: 0\n", `:3:16: "0" is no whole number from 1 up`},
		{"Topology", "topology: single\n", `:1:11: unknown topology "single"; want unified or federated`},
		{"PresetUnknown", "preset: mem0\n", `:1:9: unknown preset "mem0"; want neo, chroma or none`},
		{"StoreKind", "stores:\n  graph: files:x\n", ":2:10: a files store can't be used here; want graph:…"},
		{"StoreForVectors", "stores:\n  kb: graph:x\n", ":2:7: a graph store holds no vectors; want chroma:…, chromadir:… or collections:…"},
		{"StorePassword", "stores:\n  kb: chroma:http://me:secret@host:1\n", ":2:7: parse store: chroma: credentials don't belong in an address"},
		{"TenantTwice", "stores:\n  kb:\n    store: chroma:http://h:1/a/b\n    tenant: c\n", ":4:13: the tenant is in the store already"},
		{"DatabaseOfAFile", "stores:\n  kb:\n    store: collections:x\n    database: c\n", ":4:15: a collections store has no database"},
		{"DatabaseIsAPath", "stores:\n  kb:\n    database: ..\n", `:3:15: ".." is no name of a database`},
		{"CollectionTwice", "stores:\n  kb: chroma:http://h:1#one\ncollections:\n  knowledge-base: two\n", ":4:19: the collection is named in stores.kb already"},
		{"CollectionName", "collections:\n  memory: x\n", `:2:11: collection "x": want 3 to 512 letters, digits, dots, dashes and underscores`},
		{"HeaderName", "stores:\n  kb:\n    headers: {\"a b\": c}\n", `:3:22: "a b" is no header`},
		{"HeaderValue", "stores:\n  kb:\n    headers: {a: \"b\\nX: y\"}\n", `:3:18: "a" is no header`},
		{"Tilde", "backup-root: ~/x\n", ":1:14: ~ is only known to a shell: write the path out"},
		{"ProductionInAFile", "production-destructive: true\n", `:1:1: unknown key "production-destructive"`},
		{"TokenInAFile", "token: abc\n", `:1:1: unknown key "token"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := setting{file: c.file}.load(t)
			wantError(t, err, root, "read file ROOT/keepsake.yaml"+c.want)
		})
	}
}

func TestUnknownKeyHasAHint(t *testing.T) {
	_, _, err := setting{file: "x: y\n"}.load(t)
	typed := (*config.Error)(nil)
	if !errors.As(err, &typed) || typed.Hint != "docs/configuration.md lists every key" {
		t.Errorf("got %#v, want a hint", err)
	}
}

func TestFileThatSaysNothing(t *testing.T) {
	for name, file := range map[string]string{"Blank": "\n", "Comments": "# nothing yet\n", "EmptyMapping": "{}\n"} {
		t.Run(name, func(t *testing.T) {
			root, cfg := setting{file: file}.mustLoad(t)
			if got := rows(cfg, root)["preset"]; got != "neo | default" {
				t.Errorf("got %q, want the default", got)
			}
			if got := shorten(cfg.File.V, root); got != "ROOT/keepsake.yaml" {
				t.Errorf("got file %q", got)
			}
		})
	}
}

// FuzzFile: no file makes Load panic, print a value as its own error, or give a
// setting that is not absolute.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		everything, declared, "preset: chroma\nsources: {chroma: {collections: [a*]}, b: 'files:{a,b}/**/[c]'}\n", "sources:\n  x: sqlite:\\**/..\n", "stores: {kb: {headers: {a: b}}}\n", "a: &a [*a]\n", "? x\n: y\n", "stores:\n  kb: |\n    collections:x\n",
		"backup-root: !!binary aGk=\n", "<<: {preset: neo}\n", "%YAML 1.2\n---\npreset: neo\n...\n", "\ufeffpreset: neo\n",
	} {
		f.Add(seed)
	}
	root := f.TempDir()
	if err := os.Mkdir(filepath.Join(root, config.DataDirName), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "fuzzed.yaml")
		writeFile(t, path, text)
		cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root, Flags: map[string]string{"config": path}, DataDirOptional: true})
		if err != nil {
			typed, missing := (*config.Error)(nil), (*config.NoDataDirError)(nil)
			if !errors.As(err, &typed) && !errors.As(err, &missing) {
				t.Errorf("got %T: %v", err, err)
			}
			return
		}
		if !filepath.IsAbs(cfg.BackupRoot.V) || cfg.HasTopology() && !filepath.IsAbs(cfg.Source("graph").Store.V.Path) {
			t.Errorf("got backup root %q, graph %q", cfg.BackupRoot.V, cfg.Source("graph").Store.V.Path)
		}
		for _, d := range cfg.Declared {
			s := d.Store.V
			if !d.Name.Valid() || s.Kind != memory.KindChroma && !filepath.IsAbs(s.Path) || s.Pattern != "" && !doublestar.ValidatePattern(s.Pattern) {
				t.Errorf("got source %q of %+v", d.Name, s)
			}
			if slices.Contains(strings.Split(s.Pattern, "/"), "..") {
				t.Errorf("got a pattern that leads out of its folder: %q", s.Pattern)
			}
			d.Takes(text)
		}
		cfg.Describe()
	})
}

func TestTokenFileRefused(t *testing.T) {
	for _, c := range []struct{ name, token, want string }{
		{"Empty", " \n", "read file ROOT/keepsake.yaml:1:13: read token file ROOT/.neo-ai-data/token: the file is empty"},
		{"TwoLines", "a\nb\n", "read file ROOT/keepsake.yaml:1:13: the token holds white space or control characters"},
		{"Binary", "a\x00b", "read file ROOT/keepsake.yaml:1:13: the token holds white space or control characters"},
		{"TooLong", strings.Repeat("x", 1<<20+1), "read file ROOT/keepsake.yaml:1:13: read token file ROOT/.neo-ai-data/token: the file has more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, config.DataDirName))
			writeFile(t, filepath.Join(root, config.FileName), "token-file: .neo-ai-data/token\n")
			writeFile(t, filepath.Join(root, config.DataDirName, "token"), c.token)
			_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
			wantError(t, err, root, c.want)
		})
	}
	t.Run("Absent", func(t *testing.T) {
		_, _, err := setting{file: "token-file: gone\n"}.load(t)
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want %v", err, os.ErrNotExist)
		}
	})
}

func TestTokenFileThatOthersCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	root := t.TempDir()
	makeDir(t, filepath.Join(root, config.DataDirName))
	token := filepath.Join(root, "token")
	writeFile(t, filepath.Join(root, config.FileName), "token-file: token\n")
	writeFile(t, token, "s3cret")
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Findings) != 1 {
		t.Fatalf("got findings %v, want one", cfg.Findings)
	}
	got := cfg.Findings[0]
	if got.Code != "token-file-open" || shorten(got.Message, root) != "the token file ROOT/token has mode 0644: others can read it" {
		t.Errorf("got %+v", got)
	}
}

func TestTokenGoesUnencrypted(t *testing.T) {
	for host, want := range map[string]int{"chroma.example": 2, "localhost": 1, "127.0.0.2": 1, "[::1]": 1, "10.0.0.1": 2} {
		t.Run(host, func(t *testing.T) {
			_, cfg := setting{env: map[string]string{
				"KEEPSAKE_CHROMA_TOKEN": "s3cret", "KEEPSAKE_KB_CHROMA": "chroma:http://" + host + ":1",
				"KEEPSAKE_MC_CHROMA": "chroma:http://far.example:1",
			}}.mustLoad(t)
			if got := len(cfg.Findings); got != want {
				t.Errorf("got %d findings, want %d: %v", got, want, cfg.Findings)
			}
			if cfg.Findings[0].Code != "token-in-the-clear" {
				t.Errorf("got %+v", cfg.Findings[0])
			}
		})
	}
}

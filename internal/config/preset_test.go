package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
)

// loadAlone loads a configuration that stands in a folder without a data dir of Neo.
func loadAlone(t *testing.T, file string, env, flags map[string]string) (string, *config.Config, error) {
	t.Helper()
	root := t.TempDir()
	writeFile(t, filepath.Join(root, config.FileName), file)
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root, Env: lookup(env), Flags: flags})
	return root, cfg, err
}

func TestPresetChroma(t *testing.T) {
	root, cfg, err := loadAlone(t, "preset: chroma\n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"config":                     "ROOT/keepsake.yaml | detected ROOT/keepsake.yaml",
		"preset":                     "chroma | file ROOT/keepsake.yaml:1",
		"data-dir":                   "ROOT | detected folder of ROOT/keepsake.yaml",
		"backup-root":                "ROOT/backups | preset chroma",
		"sources.chroma":             "chroma:http://localhost:8000 | preset chroma",
		"sources.chroma.source":      "http | default",
		"sources.chroma.timeout":     "1m30s | default",
		"sources.chroma.token":       "not set | default",
		"sources.chroma.collections": "* | default",
		"retention.keep":             "3 | preset chroma",
		"retention.days":             "7 | preset chroma",
		"retention.keep-daily":       "7 | preset chroma", // a loss is found later than the newest three are gone
		"retention.keep-weekly":      "4 | preset chroma",
		"retention.keep-monthly":     " | preset chroma",
		"retention.max-bytes":        " | preset chroma",
		"retention.safety-days":      "7 | preset chroma",
		"retention.gone-days":        "30 | preset chroma",
		"doctor.max-age":             "26h | default",
		"alarm.lost":                 "50% | default",
		"production-destructive":     "false | default",
	}
	got := rows(cfg, root)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d rows, want %d: %v", len(got), len(want), got)
	}
	wantList(t, places(cfg, root), []string{"chroma chroma:http://localhost:8000"})
	if cfg.HasTopology() || cfg.Topology() != (memory.Topology{}) || cfg.Excluded() != nil {
		t.Errorf("got something of Neo's: %+v", cfg.Topology())
	}
	wantFindings(t, cfg, root)
}

// TestPresetNone is an agent without any Chroma.
func TestPresetNone(t *testing.T) {
	root, cfg, err := loadAlone(t, "preset: none\nsources:\n  notes: files:notes/**/*.md\n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantList(t, places(cfg, root), []string{"notes files:ROOT/notes/**/*.md"})
	if cfg.HasTopology() || cfg.DataDir.V != root {
		t.Errorf("got data dir %s, want the folder of the file, and nothing of Neo's", cfg.DataDir.V)
	}
	root, _, err = loadAlone(t, "preset: none\n", nil, nil)
	wantError(t, err, root, "read file ROOT/keepsake.yaml:1:9: preset none without sources is no memory")
	root, _, err = loadAlone(t, "preset: none\ntopology: unified\nsources:\n  a: sqlite:b.db\n", nil, nil)
	wantError(t, err, root, "read file ROOT/keepsake.yaml:2:1: preset none has no topology")
}

func TestPresetNeoHasATopology(t *testing.T) {
	_, cfg := setting{}.mustLoad(t)
	if !cfg.HasTopology() || cfg.Topology().KB.Port != 8000 {
		t.Errorf("got %+v", cfg.Topology())
	}
	if none := new(config.Config); none.HasTopology() {
		t.Error("got a topology of the zero Config")
	}
}

func TestPresetChromaTakes(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env, flags map[string]string
		row, want  string
	}{
		{"AnotherServer", "sources:\n  chroma: chroma:http://h:1\n", nil, nil, "sources.chroma", "chroma:http://h:1 | file ROOT/keepsake.yaml:3"},
		{"ADirectory", "sources:\n  chroma: chromadir:d\n", nil, nil, "sources.chroma", "chromadir:ROOT/d | file ROOT/keepsake.yaml:3"},
		{"MoreOfTheServer", "sources:\n  chroma: {database: d}\n", nil, nil, "sources.chroma", "chroma:http://localhost:8000/default_tenant/d | preset chroma + file ROOT/keepsake.yaml:3"},
		{"ItsCollections", "sources:\n  chroma: {collections: a*}\n", nil, nil, "sources.chroma.collections", "a* | file ROOT/keepsake.yaml:3"},
		{"OthersBesideIt", "sources:\n  notes: files:notes/*.md\n", nil, nil, "sources.chroma", "chroma:http://localhost:8000 | preset chroma"},
		{"OthersAreThere", "sources:\n  notes: files:notes/*.md\n", nil, nil, "sources.notes", "files:ROOT/notes/*.md | file ROOT/keepsake.yaml:3"},
		{"DataDir", "data-dir: d\n", nil, nil, "data-dir", "ROOT/d | file ROOT/keepsake.yaml:2"},
		{"DataDirOfAFlag", "data-dir: e\n", nil, map[string]string{"data-dir": "d", "config": "keepsake.yaml"}, "data-dir", "ROOT/d | flag --data-dir"},
		{"BackupRoot", "", map[string]string{"NEO_BACKUP_PATH": "b"}, nil, "backup-root", "ROOT/b | environment NEO_BACKUP_PATH"},
		{"Retention", "", map[string]string{"NEO_BACKUP_RETAIN_K": "9"}, nil, "retention.keep", "9 | environment NEO_BACKUP_RETAIN_K"},
		{"RetentionDays", "", map[string]string{"NEO_BACKUP_RETAIN_DAYS": "9"}, nil, "retention.days", "9 | environment NEO_BACKUP_RETAIN_DAYS"},
		{"Token", "", map[string]string{"KEEPSAKE_CHROMA_TOKEN": "s3cret"}, nil, "sources.chroma.token", "set (withheld) | environment KEEPSAKE_CHROMA_TOKEN"},
		{"Production", "", map[string]string{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE": "true"}, nil, "production-destructive", "true | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, "d"))
			writeFile(t, filepath.Join(root, config.FileName), "preset: chroma\n"+c.file)
			cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root, Env: lookup(c.env), Flags: c.flags})
			if err != nil {
				t.Fatal(err)
			}
			if got := rows(cfg, root)[c.row]; got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			wantFindings(t, cfg, root)
		})
	}
}

func TestPresetChromaRefuses(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"Stores", "stores:\n  graph: graph:x\n", ":2:1: preset chroma has no stores"},
		{"StoresOfNothing", "stores: {}\n", ":2:1: preset chroma has no stores"},
		{"Collections", "collections:\n  memory: our-memories\n", ":2:1: preset chroma has no collections"},
		{"Topology", "topology: unified\n", ":2:1: preset chroma has no topology"},
		{"Dimension", "vector-dimension: 3\n", ":2:1: preset chroma has no vector-dimension"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := loadAlone(t, "preset: chroma\n"+c.file, nil, nil)
			wantError(t, err, root, "read file ROOT/keepsake.yaml"+c.want)
			wantHint(t, err, root, "say it under sources, as docs/configuration.md shows; or leave preset out, for a memory of Neo.mjs")
		})
	}
	t.Run("TopologyFlag", func(t *testing.T) {
		root, _, err := loadAlone(t, "preset: chroma\n", nil, map[string]string{"topology": "unified"})
		wantError(t, err, root, "read flag --topology: preset chroma has no topology")
	})
	t.Run("NameOfNeo", func(t *testing.T) {
		root, _, err := loadAlone(t, "preset: chroma\nsources:\n  kb: chroma:http://h:1\n", nil, nil)
		wantError(t, err, root, `read file ROOT/keepsake.yaml:3:3: source "kb": the name is one of Neo's own subsystems`)
		wantHint(t, err, root, "choose another name")
	})
}

// What the environment says of Neo's memory is not followed, and that is said.
func TestPresetChromaDoesNotFollowNeosEnvironment(t *testing.T) {
	names := []string{
		"KEEPSAKE_KB_CHROMA", "KEEPSAKE_MC_CHROMA", "NEO_CHROMA_HOST", "NEO_CHROMA_PORT", "NEO_KB_CHROMA_HOST", "NEO_KB_CHROMA_PORT",
		"NEO_CHROMA_UNIFIED", "NEO_CHROMA_DATABASE", "NEO_MEMORY_COLLECTION_NAME", "MEMORY_COLLECTION_NAME",
		"NEO_SESSION_COLLECTION_NAME", "SESSION_COLLECTION_NAME", "NEO_MEMORY_DB_PATH", "NEO_VECTOR_DIMENSION",
	}
	env := map[string]string{}
	for _, name := range names {
		env[name] = "..." // what would be refused if it were followed
	}
	root, cfg, err := loadAlone(t, "preset: chroma\n", env, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantFindings(t, cfg, root, "environment-not-followed: environment "+strings.Join(names, ", ")+
		": not followed, because the preset is chroma (file ROOT/keepsake.yaml:1)")
	if got := rows(cfg, root)["sources.chroma"]; got != "chroma:http://localhost:8000 | preset chroma" {
		t.Errorf("got %q", got)
	}
}

func TestSearchForTheFile(t *testing.T) {
	const chroma = "preset: chroma\n"
	passed := func(at string) string {
		return "file-passed-over: ROOT" + at + "/keepsake.yaml is not read: no .neo-ai-data is beside it, and it says neither data-dir nor a preset but neo"
	}
	for _, c := range []struct {
		name        string
		files       map[string]string // of folders
		dirs        []string
		file, data  string
		findings    []string
		flags       map[string]string
		start, from string
	}{
		{name: "Here", files: map[string]string{"/a/b": chroma}, file: "ROOT/a/b/keepsake.yaml", data: "ROOT/a/b", from: "detected ROOT/a/b/keepsake.yaml"},
		{name: "Above", files: map[string]string{"/a": chroma}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a"},
		{name: "NearestFile", files: map[string]string{"/a": chroma, "": chroma}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a"},
		{name: "FileBelowADataDir", files: map[string]string{"/a": chroma}, dirs: []string{"/.neo-ai-data"}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a"},
		{name: "DataDirBelowAFile", files: map[string]string{"": chroma}, dirs: []string{"/a/.neo-ai-data"}, data: "ROOT/a/.neo-ai-data"},
		{name: "ChromaBesideADataDir", files: map[string]string{"/a": chroma}, dirs: []string{"/a/.neo-ai-data"}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a", from: "detected beside ROOT/a/.neo-ai-data"},
		{name: "FileWithADataDir", files: map[string]string{"/a": "data-dir: ../other\n"}, dirs: []string{"/other"}, file: "ROOT/a/keepsake.yaml", data: "ROOT/other"},
		{name: "ChromaWithADataDir", files: map[string]string{"/a": chroma + "data-dir: d\n"}, dirs: []string{"/a/d"}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a/d"},
		{name: "PassedOver", files: map[string]string{"/a": "preset: neo\n", "/a/b": "backup-root: x\n"}, dirs: []string{"/.neo-ai-data"}, data: "ROOT/.neo-ai-data", findings: []string{passed("/a/b"), passed("/a")}},
		{name: "PassedOverForAnother", files: map[string]string{"/a": chroma, "/a/b": "# nothing\n"}, file: "ROOT/a/keepsake.yaml", data: "ROOT/a", findings: []string{passed("/a/b")}},
		{name: "StartIsNotThere", files: map[string]string{"/a": chroma}, start: "/a/b/gone/x", file: "ROOT/a/keepsake.yaml", data: "ROOT/a"},
		{name: "StartIsBelowAFile", files: map[string]string{"/a": chroma}, start: "/a/keepsake.yaml/x", file: "ROOT/a/keepsake.yaml", data: "ROOT/a"},
		{name: "ConfigFlag", files: map[string]string{"/a/b": "preset: neo\ndata-dir: x\n", "": chroma}, flags: map[string]string{"config": "../../keepsake.yaml"}, file: "ROOT/keepsake.yaml", data: "ROOT"},
		{name: "ConfigFlagOfNeo", files: map[string]string{"/a/b": chroma, "": "preset: neo\n"}, dirs: []string{"/a/.neo-ai-data"}, flags: map[string]string{"config": "../../keepsake.yaml"}, file: "ROOT/keepsake.yaml", data: "ROOT/a/.neo-ai-data"},
		{name: "DataDirFlag", files: map[string]string{"/a/b": chroma}, dirs: []string{"/other/d"}, flags: map[string]string{"data-dir": "../../other/d"}, data: "ROOT/other/d"},
		{name: "DataDirFlagOfAMemory", files: map[string]string{"/other": chroma}, flags: map[string]string{"data-dir": "../../other"}, file: "ROOT/other/keepsake.yaml", data: "ROOT/other"},
		{name: "DataDirFlagBesideFirst", files: map[string]string{"/other": chroma, "": "backup-root: x\n"}, flags: map[string]string{"data-dir": "../../other"}, file: "ROOT/keepsake.yaml", data: "ROOT/other"},
		{name: "DataDirFlagOfNeo", files: map[string]string{"/other": "backup-root: x\n"}, flags: map[string]string{"data-dir": "../../other"}, data: "ROOT/other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, "a", "b"))
			for _, dir := range c.dirs {
				makeDir(t, filepath.Join(root, dir))
			}
			for dir, text := range c.files {
				makeDir(t, filepath.Join(root, dir))
				writeFile(t, filepath.Join(root, dir, config.FileName), text)
			}
			if c.start == "" {
				c.start = "/a/b"
			}
			cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: filepath.Join(root, c.start), Flags: c.flags})
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]string{shorten(cfg.File.V, root), shorten(cfg.DataDir.V, root)}; got != [2]string{c.file, c.data} {
				t.Errorf("got %q, want %q and %q", got, c.file, c.data)
			}
			if got := shorten(cfg.File.Source.String(), root); c.from != "" && got != c.from {
				t.Errorf("got file %q, want %q", got, c.from)
			}
			wantFindings(t, cfg, root, c.findings...)
		})
	}
}

// A configuration that can't be read may be that of the memory that is meant: the
// search doesn't go past it to another one.
func TestSearchRefused(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"UnknownKey", "bakup-root: x\n", `read file ROOT/a/keepsake.yaml:1:1: unknown key "bakup-root"`},
		{"UnknownPreset", "preset: chrome\n", `read file ROOT/a/keepsake.yaml:1:9: unknown preset "chrome"; want neo, chroma or none`},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, config.DataDirName))
			makeDir(t, filepath.Join(root, "a"))
			writeFile(t, filepath.Join(root, "a", config.FileName), c.file)
			_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: filepath.Join(root, "a")})
			wantError(t, err, root, c.want)
		})
	}
	t.Run("NothingAbove", func(t *testing.T) {
		root, _, err := loadAlone(t, "backup-root: x\n", nil, nil)
		want := "find data dir: no .neo-ai-data in ROOT or above it; ROOT/keepsake.yaml: neither data-dir nor a preset but neo"
		if err == nil || shorten(err.Error(), root) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
	t.Run("FileIsAFolder", func(t *testing.T) {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, config.FileName), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root}); err == nil {
			t.Error("got no error")
		}
	})
}

// What a pattern means nobody named; what is named, or is a source of files, somebody
// did.
func TestOnlyMatches(t *testing.T) {
	_, cfg, err := loadAlone(t, "preset: none\nsources:\n  a: {store: 'chroma:http://localhost:1', collections: [diary, 'log*']}\n"+
		"  b: {store: 'chroma:http://localhost:2'}\n  c: {store: 'sqlite:dbs/*.sqlite'}\n  d: {store: 'sqlite:one.sqlite'}\n  e: {store: 'files:notes/**/*.md'}\n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	collection := func(section memory.Section, name string) memory.SectionSpec {
		return memory.SectionSpec{Name: section, Kind: memory.Vectors, Collection: &memory.Collection{Name: name}}
	}
	database := func(section memory.Section) memory.SectionSpec {
		return memory.SectionSpec{Name: section, Kind: memory.Opaque, Locator: memory.Locator{Kind: memory.KindSQLite}}
	}
	for _, c := range []struct {
		spec memory.SectionSpec
		want bool
	}{
		{collection("a/diary", "diary"), false},
		{collection("a/log1", "log1"), true},
		{collection("b/diary", "diary"), true},
		{database("c/x.sqlite"), true},
		{database("d/one.sqlite"), false},
		{memory.SectionSpec{Name: "e/plan.md", Kind: memory.Opaque, Locator: memory.Locator{Kind: memory.KindFiles}}, false},
	} {
		for _, d := range cfg.Declared {
			if got := d.OnlyMatches(c.spec); d.Name == c.spec.Name.Subsystem() && got != c.want {
				t.Errorf("%s: got %v", c.spec.Name, got)
			}
		}
	}
}

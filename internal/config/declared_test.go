package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
)

const declared = `sources:
  recall:
    store: chroma:https://chroma.example
    tenant: team
    database: agent
    token-file: token
    headers: {x-team: agent}
    page-rows: 100
    page-bytes: 4096
    source: auto
    directory: chroma
    collections: [episodes-*, "facts_[0-9]"]
    exclude: episodes-test-*
  archive: chromadir:old-chroma
  single: chroma:http://127.0.0.1:8000/t/d#lessons
  journal:
    store: files:journal/**/*.{jsonl,md}
    exclude:
      - drafts/**
    keyed: true
  state: sqlite:state/*.sqlite
  settings: sqlite:settings.db
  soul: files:SOUL.md
  logs: files:logs
`

func TestDeclaredSources(t *testing.T) {
	root := t.TempDir()
	makeDir(t, filepath.Join(root, config.DataDirName))
	writeFile(t, filepath.Join(root, "token"), "s3cret\n")
	writeFile(t, filepath.Join(root, config.FileName), declared)
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
	if err != nil {
		t.Fatal(err)
	}
	got := rows(cfg, root)
	for name, want := range map[string]string{
		"sources.recall":              "chroma:https://chroma.example:443/team/agent | file ROOT/keepsake.yaml:3 + file ROOT/keepsake.yaml:4 + file ROOT/keepsake.yaml:5",
		"sources.recall.source":       "auto | file ROOT/keepsake.yaml:10",
		"sources.recall.directory":    "ROOT/chroma | file ROOT/keepsake.yaml:11",
		"sources.recall.token":        "set (withheld) | file ROOT/keepsake.yaml:6",
		"sources.recall.headers":      "X-Team (values withheld) | file ROOT/keepsake.yaml:7",
		"sources.recall.page-rows":    "100 | file ROOT/keepsake.yaml:8",
		"sources.recall.page-bytes":   "4096 | file ROOT/keepsake.yaml:9",
		"sources.recall.collections":  "episodes-*, facts_[0-9] | file ROOT/keepsake.yaml:12",
		"sources.recall.exclude":      "episodes-test-* | file ROOT/keepsake.yaml:13",
		"sources.archive":             "chromadir:ROOT/old-chroma | file ROOT/keepsake.yaml:14",
		"sources.archive.source":      "directory | file ROOT/keepsake.yaml:14",
		"sources.archive.collections": "* | default",
		"sources.archive.token":       "not set | default",
		"sources.single":              "chroma:http://127.0.0.1:8000/t/d | file ROOT/keepsake.yaml:15",
		"sources.single.source":       "http | default",
		"sources.single.collections":  "lessons | file ROOT/keepsake.yaml:15",
		"sources.journal":             "files:ROOT/journal/**/*.{jsonl,md} | file ROOT/keepsake.yaml:17",
		"sources.journal.exclude":     "drafts/** | file ROOT/keepsake.yaml:19",
		"sources.journal.keyed":       "true | file ROOT/keepsake.yaml:20",
		"sources.journal.token":       "",
		"sources.state":               "sqlite:ROOT/state/*.sqlite | file ROOT/keepsake.yaml:21",
		"sources.state.keyed":         "",
		"sources.settings":            "sqlite:ROOT/settings.db | file ROOT/keepsake.yaml:22",
		"sources.soul":                "files:ROOT/SOUL.md | file ROOT/keepsake.yaml:23",
		"sources.soul.keyed":          "false | default",
		"sources.logs":                "files:ROOT/logs/*.jsonl | file ROOT/keepsake.yaml:24",
	} {
		if got[name] != want {
			t.Errorf("%s: got  %q\nwant %q", name, got[name], want)
		}
	}
	if len(cfg.Findings) != 0 {
		t.Errorf("got findings %v, want none", cfg.Findings)
	}
	wantList(t, places(cfg, root)[7:], []string{
		"archive chromadir:ROOT/old-chroma",
		"journal files:ROOT/journal/**/*.{jsonl,md}",
		"logs files:ROOT/logs/*.jsonl",
		"recall chroma:https://chroma.example:443/team/agent",
		"settings sqlite:ROOT/settings.db",
		"single chroma:http://127.0.0.1:8000/t/d",
		"soul files:ROOT/SOUL.md",
		"state sqlite:ROOT/state/*.sqlite",
	})
}

// The parts of a path are told apart: the folder, which is none but itself, and
// the pattern below it.
func TestDeclaredPaths(t *testing.T) {
	for _, c := range []struct{ store, path, pattern string }{
		{"files:notes/**/*.md", "ROOT/notes", "**/*.md"},
		{"files:**", "ROOT", "**"},
		{"files:*.md", "ROOT", "*.md"},
		{"files:/srv/notes/*.md", "/srv/notes", "*.md"},
		{"files:/*.md", "/", "*.md"},
		{"files:a/../b/*.md", "ROOT/b", "*.md"},
		{"files:a/{b,c}/d.md", "ROOT/a", "{b,c}/d.md"},
		{"files:note?.md", "ROOT", "note?.md"},
		{"files:{STATE}", "ROOT", "{STATE}"},
		{"files:logs", "ROOT/logs", "*.jsonl"},
		{"files:logs.d/", "ROOT/logs.d", "*.jsonl"},
		{"files:.memory", "ROOT/.memory", "*.jsonl"},
		{"files:.", "ROOT", "*.jsonl"},
		{"files:log.jsonl", "ROOT/log.jsonl", ""},
		{"files:.soul.md", "ROOT/.soul.md", ""},
		{"sqlite:state", "ROOT/state", ""},
		{"sqlite:state.db", "ROOT/state.db", ""},
		{"sqlite:**/*.db", "ROOT", "**/*.db"},
	} {
		t.Run(c.store, func(t *testing.T) {
			root, cfg := setting{file: "sources:\n  x: '" + c.store + "'\n"}.mustLoad(t)
			got := declaredBy(cfg)[0].Store.V
			if shorten(got.Path, root) != c.path || got.Pattern != c.pattern {
				t.Errorf("got %q and %q, want %q and %q", shorten(got.Path, root), got.Pattern, c.path, c.pattern)
			}
		})
	}
	t.Run("FolderNamedLikeAPattern", func(t *testing.T) {
		root := filepath.Join(t.TempDir(), "a[b]{c}")
		makeDir(t, filepath.Join(root, config.DataDirName))
		writeFile(t, filepath.Join(root, config.FileName), "sources:\n  x: files:notes/*.md\n")
		cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
		if err != nil {
			t.Fatal(err)
		}
		if got := declaredBy(cfg)[0].Store.V; got.Path != filepath.Join(root, "notes") || got.Pattern != "*.md" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("Escaped", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("a backslash stands between folders there")
		}
		root, cfg := setting{file: "sources:\n  x: 'files:a\\[1\\]/*.md'\n"}.mustLoad(t)
		if got := declaredBy(cfg)[0].Store.V; shorten(got.Path, root) != "ROOT/a[1]" || got.Pattern != "*.md" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestTakes(t *testing.T) {
	d := config.Declared{Collections: []string{"episodes-*", "facts"}, Exclude: []string{"*-test", "episodes-?"}}
	all := config.Declared{}
	for name, want := range map[string]bool{
		"episodes-2026": true, "facts": true, "facts2": false, "episodes-test": false, "episodes-1": false, "other": false,
	} {
		if got := d.Takes(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if !all.Takes(name) {
			t.Errorf("%s: got false from a source of all", name)
		}
	}
	if (config.Declared{Exclude: []string{"x*"}}).Takes("xy") {
		t.Error("got what is excluded from all")
	}
}

func TestDeclaredRefused(t *testing.T) {
	const name = "want a name of lower case letters, digits, dashes and underscores"
	for _, c := range []struct{ name, sources, want string }{
		{"NoMapping", " files:x", `:1:10: want names of subsystems here, each with a store`},
		{"List", "\n  - files:x", `:2:3: want names of subsystems here, each with a store`},
		{"NameUpperCase", "\n  Notes: files:x", `:2:3: source "Notes": ` + name},
		{"NameWithDot", "\n  a.b: files:x", `:2:3: source "a.b": ` + name},
		{"NameWithSlash", "\n  a/b: files:x", `:2:3: source "a/b": ` + name},
		{"NameUp", "\n  ..: files:x", `:2:3: source "..": ` + name},
		{"NameTwice", "\n  a: files:x\n  a: files:y", `:3:3: mapping key "a" already defined at [2:3]`},
		{"UnknownKey", "\n  a:\n    store: files:x\n    glob: y", `:4:5: unknown key "glob"`},
		{"NoStore", "\n  a:\n    keyed: true", `:2:3: source a has no store`},
		{"NoValue", "\n  a:", `:2:6: the key has no value`},
		{"NoKind", "\n  a: notes/*.md", `:2:6: parse store: no kind; want ` + keeper.Kinds().Forms()},
		{"Graph", "\n  a: graph:x", `:2:6: a graph store is the knowledge graph of Neo, and no declared source`},
		{"Collections", "\n  a: {store: collections:x}", `:2:14: a collections store is keepsake's own, for what is under stores, and no declared source`},
		{"TenantTwice", "\n  a: {store: chroma:http://h:1/t/d, tenant: x}", `:2:45: the tenant is in the store already`},
		{"OneCollectionAndMore", "\n  a: {store: 'chroma:http://h:1#abc', collections: [d, e]}", `:2:53: the store names one collection already, "abc"`},
		{"OneCollectionAndExclude", "\n  a: {store: 'chroma:http://h:1#abc', exclude: d}", `:2:48: the store names one collection already, "abc"`},
		{"CollectionsEmpty", "\n  a: {store: chroma:http://h:1, collections: []}", `:2:46: the list is empty`},
		{"CollectionsNested", "\n  a: {store: chroma:http://h:1, collections: [x, [y]]}", `:2:50: want a plain value here`},
		{"CollectionsMapping", "\n  a: {store: chroma:http://h:1, collections: {x: y}}", `:2:46: want a plain value here`},
		{"CollectionsNull", "\n  a:\n    store: chroma:http://h:1\n    collections:\n      - x\n      -", `:6:9: the key has no value`},
		{"CollectionsBlank", "\n  a: {store: chroma:http://h:1, collections: [x, ' ']}", `:2:50: the value is empty`},
		{"CollectionsMalformed", "\n  a: {store: chroma:http://h:1, collections: [x, 'y[']}", `:2:50: "y[" is no pattern: syntax error in pattern`},
		{"CollectionsBraces", "\n  a: {store: chroma:http://h:1, collections: '{x,y}'}", `:2:46: "{x,y}" matches no collection: a name has letters, digits, dots, dashes and underscores`},
		{"CollectionsSlash", "\n  a: {store: chromadir:d, collections: x/*}", `:2:40: "x/*" matches no collection: a name has letters, digits, dots, dashes and underscores`},
		{"ExcludeMalformed", "\n  a: {store: chromadir:d, exclude: ['[']}", `:2:37: "[" is no pattern: syntax error in pattern`},
		{"KeyedChroma", "\n  a: {store: chromadir:d, keyed: true}", `:2:34: a chromadir store is no JSONL: keyed is for files alone`},
		{"KeyedSQLite", "\n  a: {store: sqlite:d, keyed: true}", `:2:31: a sqlite store is no JSONL: keyed is for files alone`},
		{"KeyedAsWord", "\n  a: {store: files:d, keyed: yes}", `:2:30: "yes" is neither true nor false`},
		{"TenantOfFiles", "\n  a: {store: files:d, tenant: x}", `:2:31: a files store has no tenant`},
		{"DatabaseOfSQLite", "\n  a: {store: sqlite:d, database: x}", `:2:34: a sqlite store has no database`},
		{"TokenOfFiles", "\n  a: {store: files:d, token-file: x}", `:2:35: a files store has no token-file`},
		{"HeadersOfFiles", "\n  a: {store: files:d, headers: {x: y}}", `:2:36: a files store has no headers`},
		{"PageRowsOfFiles", "\n  a: {store: files:d, page-rows: 3}", `:2:34: a files store has no page-rows`},
		{"PageBytesOfFiles", "\n  a: {store: files:d, page-bytes: 3}", `:2:35: a files store has no page-bytes`},
		{"SourceOfFiles", "\n  a: {store: files:d, source: http}", `:2:31: a files store has no source`},
		{"DirectoryOfSQLite", "\n  a: {store: sqlite:d, directory: e}", `:2:35: a sqlite store has no directory`},
		{"CollectionsOfFiles", "\n  a: {store: files:d, collections: e}", `:2:36: a files store has no collections`},
		{"DirectoryAlone", "\n  a: {store: chroma:http://h:1, directory: e}", `:2:44: nothing would be read from the directory`},
		{"PageRowsZero", "\n  a: {store: chroma:http://h:1, page-rows: 0}", `:2:44: "0" is no whole number from 1 up`},
		{"PatternMalformed", "\n  a: 'files:x/[a'", `:2:6: "[a" is no pattern`},
		{"PatternOpenBrace", "\n  a: 'files:x/{a,b'", `:2:6: "{a,b" is no pattern`},
		{"PatternGoesUp", "\n  a: files:x/*/../y", `:2:6: "*/../y" is no pattern of paths below a folder: a part of it is empty or only dots`},
		{"PatternEndsWithASlash", "\n  a: files:x/*/", `:2:6: "*/" is no pattern of paths below a folder: a part of it is empty or only dots`},
		{"PatternStarsInAName", "\n  a: files:x/**.md", `:2:6: ** has to stand alone between slashes, as in **/*.md`},
		{"PatternOfHome", "\n  a: files:~/notes/*.md", `:2:6: ~ is only known to a shell: write the path out`},
		{"ExcludeOfOneFile", "\n  a: {store: files:x.md, exclude: x}", `:2:35: the store is one file, of which nothing can be left out`},
		{"ExcludeAbsolute", "\n  a: {store: files:x, exclude: [y, /z]}", `:2:36: "/z" is no pattern of paths below a folder: a part of it is empty or only dots`},
		{"ExcludeOfFilesMalformed", "\n  a: {store: files:x, exclude: 'y['}", `:2:32: "y[" is no pattern`},
		{"ExcludeStarsInAName", "\n  a: {store: sqlite:*, exclude: y**}", `:2:33: ** has to stand alone between slashes, as in **/*.md`},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := setting{file: "sources:" + c.sources + "\n"}.load(t)
			wantError(t, err, root, "read file ROOT/keepsake.yaml"+c.want)
		})
	}
}

// Bundles are never part of a source, however deep its pattern goes.
func TestOwnFoldersAreLeftOut(t *testing.T) {
	const inDataDir = ".neo-ai-data/backups/**, .neo-ai-data/.keepsake/** | "
	for _, c := range []struct{ name, file, want string }{
		{"Deep", "sources:\n  x: files:**/*.md\n", inDataDir + "preset neo + detected ROOT/.neo-ai-data"},
		{"DeepWithMore", "sources:\n  x: {store: 'sqlite:**', exclude: [a, b/**]}\n", "a, b/**, " + inDataDir + "file ROOT/keepsake.yaml:2 + preset neo + detected ROOT/.neo-ai-data"},
		{"RootWithMeta", "backup-root: a[b]/c{d}\nsources:\n  x: files:*/*/*.md\n", "a[[]b]/c[{]d[}]/**, .neo-ai-data/.keepsake/** | file ROOT/keepsake.yaml:1 + detected ROOT/.neo-ai-data"},
		{"OneDeep", "backup-root: bundles\nsources:\n  x: files:*/*.md\n", "bundles/** | file ROOT/keepsake.yaml:1"},
		{"Choice", "backup-root: bundles\nsources:\n  x: 'files:{a,b}/*.md'\n", "bundles/**, .neo-ai-data/.keepsake/** | file ROOT/keepsake.yaml:1 + detected ROOT/.neo-ai-data"},
		{"NotDeep", "backup-root: bundles\nsources:\n  x: files:*.md\n", ""},
		{"AnotherName", "backup-root: bundles\nsources:\n  x: files:n*/*.md\n", ""},
		{"AnotherFolder", "backup-root: bundles\nsources:\n  x: files:notes/**/*.md\n", ""},
		{"OneFile", "sources:\n  x: files:.neo-ai-data/backups/x.md\n", ""},
		{"Folder", "sources:\n  x: files:logs\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := setting{file: c.file}.mustLoad(t)
			if got := rows(cfg, root)["sources.x.exclude"]; got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	t.Run("LooksInTheBackupRoot", func(t *testing.T) {
		root, cfg := setting{file: "backup-root: bundles\nsources:\n  x: files:bundles/*/*.md\n"}.mustLoad(t)
		wantFindings(t, cfg, root, "source-holds-bundles: sources.x (file ROOT/keepsake.yaml:3) looks for files in ROOT/bundles, where keepsake puts its own (file ROOT/keepsake.yaml:1)")
	})
}

// Each of the six is refused, with where to go instead.
func TestDeclaredUnderANameOfNeo(t *testing.T) {
	for _, sub := range memory.Subsystems() {
		t.Run(string(sub), func(t *testing.T) {
			root, _, err := setting{file: fmt.Sprintf("sources:\n  %s: files:x\n", sub)}.load(t)
			wantError(t, err, root, fmt.Sprintf("read file ROOT/keepsake.yaml:2:3: source %q: the name is one of Neo's own subsystems", sub))
			wantHint(t, err, root, "those are under stores")
		})
	}
}

// A path means the same whether or not something is there: what contradicts its
// form is refused while it can still be seen.
func TestDeclaredPathThatIsSomethingElse(t *testing.T) {
	for _, c := range []struct{ name, store, want, hint string }{
		{
			"FileWithoutExtension", "files:STATE", "ROOT/STATE is a file, and a name without an extension means a folder",
			"write it as a pattern: files:ROOT/{STATE}",
		},
		{
			"FolderWithExtension", "files:notes.d", "ROOT/notes.d is a folder, and a name with an extension means a file",
			"write a slash behind it: files:ROOT/notes.d/",
		},
		{"FileWithASlash", "files:STATE/", "ROOT/STATE is a file, and a name without an extension means a folder", "write it as a pattern: files:ROOT/{STATE}"},
		{"DatabaseIsAFolder", "sqlite:notes.d", "ROOT/notes.d is a folder; want a file, or a pattern below it", "write sqlite:ROOT/notes.d/*.sqlite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			makeDir(t, filepath.Join(root, config.DataDirName))
			makeDir(t, filepath.Join(root, "notes.d"))
			writeFile(t, filepath.Join(root, "STATE"), "on")
			writeFile(t, filepath.Join(root, config.FileName), "sources:\n  x: "+c.store+"\n")
			_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: root})
			wantError(t, err, root, "read file ROOT/keepsake.yaml:2:6: "+c.want)
			wantHint(t, err, root, c.hint)
			if err := os.RemoveAll(filepath.Join(root, "notes.d")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

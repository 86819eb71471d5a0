package cli_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/collections"
)

// plain is an agent of no preset and no server.
func plain(t *testing.T, config string) *agent {
	t.Helper()
	a := &agent{t: t, home: t.TempDir(), env: map[string]string{}, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	a.write(filepath.Join(a.home, "keepsake.yaml"), "preset: none\nsources:\n"+config)
	return a
}

func (a *agent) in(parts ...string) string {
	return filepath.Join(append([]string{a.home}, parts...)...)
}

// timestamped is what differs between two runs: the names of their bundles.
var timestamped = regexp.MustCompile(`\.?backup-(partial-)?\d{4}-\d\d-\d\dT[-0-9.]+Z(-[A-Z0-9]+)?`)

// said is the error that a command ended with, as a run says it.
func said(r result) string {
	_, after, _ := strings.Cut("\n"+r.stderr, "\nkeepsake: ")
	first, _, _ := strings.Cut(timestamped.ReplaceAllString(after, "BUNDLE"), "\n")
	return strings.NewReplacer("would be published", "is published", "would not run", "did not run").Replace(first)
}

// foretold wants the dry run of a backup to end as the backup does: with the code,
// for the same reason, and with nothing written.
func (a *agent) foretold(code int, cause string, args ...string) {
	a.t.Helper()
	args = append([]string{"backup"}, args...)
	before := everything(a.t, a.home)
	dry := a.must(code, append(args, "--dry-run")...)
	same(a.t, "after the dry run", everything(a.t, a.home), before)
	run := a.must(code, args...)
	says(a.t, dry.stderr+dry.stdout, cause)
	says(a.t, run.stderr+run.stdout, cause)
	if said(dry) != said(run) {
		a.t.Errorf("the dry run said:\n%s\nthe run:\n%s", said(dry), said(run))
	}
}

// everything is what is in a folder, locks too.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if all[path] = info.Mode().String(); !d.IsDir() { // SQLite makes files beside its own, and takes them away
			all[path] += fmt.Sprint(info.Size(), info.ModTime())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTrue_05_BackupDryRunTriesAll: what a backup would refuse, its dry run refuses:
// with the same code, and for the same reason.
func TestTrue_05_BackupDryRunTriesAll(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, config string
		with         func(a *agent)
		code         int
		cause        string
		args         []string
	}{
		{"UnreadableFile", "  notes: files:notes/*.md\n", func(a *agent) {
			a.write(a.in("notes", "a.md"), "a\n")
			a.link("/proc/self/mem", a.in("notes", "b.md"))
		}, 8, "notes/b.md", nil},
		{"CorruptDatabase", "  state: sqlite:tasks.sqlite\n", func(a *agent) {
			a.largeDatabase("tasks.sqlite")
			a.spoil("tasks.sqlite", 40)
		}, 8, "tasks.sqlite", nil},
		{"CorruptGraph", "", func(a *agent) {
			a.largeGraph()
			a.spoil(".neo-ai-data/sqlite/memory-core-graph.sqlite", 40)
		}, 8, "graph", []string{onlyServerless}},
		{"LineTooLong", "  log: files:log/*.jsonl\n", func(a *agent) {
			a.write(a.in("log", "a.jsonl"), "{}\n")
			a.sparse(a.in("log", "b.jsonl"), 256<<20+10)
			a.appends(a.in("log", "b.jsonl"), "\n")
		}, 8, "longer than 256 MiB", nil},
		{"IDTwice", "", func(a *agent) {
			a.vectors("UPDATE records SET id = (SELECT id FROM records WHERE number = 3) WHERE number = 5")
		}, 1, "comes a second time", nil},
		{"VectorOfNaN", "", func(a *agent) {
			a.vectors("UPDATE records SET embedding = CAST(x'0000c07f' || substr(embedding, 5) AS BLOB) WHERE number = 5")
		}, 3, "1 rows are without their vector", nil},
		{"OtherDimension", "", func(a *agent) {
			a.vectors("UPDATE records SET embedding = substr(embedding, 5) WHERE number = 5")
		}, 3, "1 rows are without their vector", nil},
		{"Degraded", "", func(a *agent) {
			a.vectors("UPDATE records SET id = (SELECT id FROM records WHERE number = 3) WHERE number = 5")
		}, 3, "not in the bundle", []string{"--allow-degraded"}},
		{"Suspect", "", func(a *agent) {
			a.vectors()
			a.backup()
			a.sqliteIn(a.data("vectors.sqlite"), "DELETE FROM records WHERE number > 10")
		}, 3, "fewer than half", nil},
		{"NamesInEachOthersWay", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a.jsonl"), "{}\n")
			a.write(a.in("notes", "a.jsonl.zst"), "x")
		}, 1, "may be that of section", nil},
		{"UnfitName", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a\\b.md"), "x")
		}, 8, "is no name for a file", nil},
		{"NameOfBytes", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a\xff.md"), "x")
			a.write(a.in("notes", "b.md"), "x")
		}, 8, "is no name for a file", nil},
		{"NameTooLong", "  log: files:log/*.jsonl\n", func(a *agent) {
			a.write(a.in("log", strings.Repeat("n", 249)+".jsonl"), "{}\n")
		}, 1, "file name too long", []string{"--compress", "zstd"}},
		{"NothingOfThatName", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a.md"), "x")
		}, 8, "there is no notes/b.md", []string{"--only", "notes/b.md"}},
		{"RootIsAFile", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a.md"), "x")
			a.write(a.in("backups"), "x")
		}, 1, "not a directory", nil},
		{"RootLocked", "  notes: files:notes/*\n", func(a *agent) {
			a.write(a.in("notes", "a.md"), "x")
			a.mkdir(a.in("backups"))
			held := another(a.t, a.in("backups", ".lock"), lock.Shared)
			a.t.Cleanup(func() { release(a.t, held) })
		}, 11, "process 4242", nil},
		{"RetentionCannotRun", "  notes: files:notes/*\nretention:\n  keep: 0\n", func(a *agent) {
			a.write(a.in("notes", "a.md"), "x")
		}, 1, "retention", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var a *agent
			if tt.config == "" {
				a = small(t)
			} else {
				a = plain(t, tt.config)
			}
			tt.with(a)
			a.foretold(tt.code, tt.cause, tt.args...)
		})
	}
}

// TestTrue_05_BackupDryRunReadsServers: a collection that is listed and can't be read
// ends the dry run, too.
func TestTrue_05_BackupDryRunReadsServers(t *testing.T) {
	t.Parallel() // it waits between its tries
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Memories, memory.Summaries)
	get := a.collection(memory.KnowledgeBase) + "/get"
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == get && strings.Contains(string(r.Body), `"ids"`) {
			return chromatest.Fault{Status: 500, Text: "of no use"}
		}
		return chromatest.Fault{}
	})
	a.foretold(8, "kb/knowledge-base", "--only", "kb,mc")
}

// TestTrue_05_BackupDryRunReadsDirectories: so does a directory whose index is damaged.
func TestTrue_05_BackupDryRunReadsDirectories(t *testing.T) {
	t.Parallel()
	a := onItsOwnServer(t)
	a.defaults()
	kb := specOf(memory.KnowledgeBase)
	a.put(kb, 2500)
	a.put(specOf(memory.Memories), 10)
	a.put(specOf(memory.Summaries), 10)
	dir := a.directory()
	indexes, err := filepath.Glob(filepath.Join(dir, "*", "data_level0.bin"))
	if err != nil || len(indexes) == 0 {
		t.Fatalf("got indexes %v, %v", indexes, err)
	}
	for _, path := range indexes {
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	}
	a.env["KEEPSAKE_KB_CHROMA"] = "chromadir:" + dir
	a.foretold(8, "data_level0.bin", "--only", "kb,mc")
}

func (a *agent) link(to, path string) {
	a.t.Helper()
	if err := os.Symlink(to, path); err != nil {
		a.t.Fatal(err)
	}
}

// sparse makes a file of one line that takes up nothing.
func (a *agent) sparse(path string, size int64) {
	a.t.Helper()
	a.write(path, "")
	if err := os.Truncate(path, size); err != nil {
		a.t.Fatal(err)
	}
}

// sqliteIn runs statements in a database.
func (a *agent) sqliteIn(path string, statements ...string) {
	a.t.Helper()
	db := openSQLite(a.t, path)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			a.t.Fatal(err)
		}
	}
}

// vectors fills a file of collections whose rows no constraint guards any more, and
// has it changed.
func (a *agent) vectors(statements ...string) {
	a.t.Helper()
	for section := range collectionNames() {
		spec := specOf(section)
		spec.Rows, spec.Dimension = int64(rows()[section]), dimension
		to := collections.New(collections.Config{Path: a.data("vectors.sqlite"), Collections: collectionNames()})
		if _, err := to.Merge(a.t.Context(), spec, sample.Records(section, rows()[section], dimension, 1), store.MergeOptions{}); err != nil {
			a.t.Fatal(err)
		}
	}
	a.sqliteIn(a.data("vectors.sqlite"), append([]string{
		"CREATE TABLE loose (number INTEGER PRIMARY KEY, collection INTEGER, id TEXT, embedding BLOB, metadata TEXT, document TEXT)",
		"INSERT INTO loose SELECT * FROM records ORDER BY collection = (SELECT number FROM collections WHERE name = 'neo-knowledge-base') DESC", "DROP TABLE records", "ALTER TABLE loose RENAME TO records",
	}, statements...)...)
}

func (a *agent) largeDatabase(name string) {
	a.t.Helper()
	a.sqliteIn(a.in(name), "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO tasks (title) SELECT hex(randomblob(200)) FROM n")
}

func (a *agent) largeGraph() {
	a.t.Helper()
	a.sqliteIn(a.data("sqlite", "memory-core-graph.sqlite"),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO Nodes (id, data) SELECT 'n' || i, json_object('x', hex(randomblob(200))) FROM n")
}

// spoil overwrites one page of a database.
func (a *agent) spoil(name string, page int64) {
	a.t.Helper()
	f, err := os.OpenFile(a.in(name), os.O_RDWR, 0)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("\xee", 4096)), page*4096); err != nil {
		a.t.Fatal(err)
	}
}

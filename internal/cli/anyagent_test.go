package cli_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleConfig is the worked example of docs/configuration.md.
const exampleConfig = `preset: chroma

sources:
  chroma:
    store: SERVER
    collections: [episodes-*, facts]
    exclude: episodes-test-*
    source: auto
    directory: DIRECTORY
  state: sqlite:state/tasks.sqlite
  journal: files:journal/*/*.jsonl
  notes:
    store: files:notes/**/*.md
    exclude: [drafts/**]
`

// newExample is an agent that is none of Neo's, with something of each kind.
func newExample(t *testing.T) *workshop {
	w := newWorkshop(t, exampleConfig)
	w.fill("episodes-2026", 20)
	w.fill("episodes-test-1", 5)
	w.fill("facts", 7)
	w.write(w.at("journal", "2026", "11-22.jsonl"), "{\"did\":1}\n{\"did\":2}\n")
	w.write(w.at("notes", "plan.md"), "# Plan\n")
	w.write(w.at("notes", "2026", "11", "retro.md"), "no newline at its end")
	w.write(w.at("notes", "drafts", "x.md"), "left out")
	w.mkdir(w.at("state"))
	w.tasks("PRAGMA journal_mode = wal", "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)", "INSERT INTO tasks (title) VALUES ('a'), ('b'), ('c')")
	return w
}

func (w *workshop) at(parts ...string) string {
	return filepath.Join(append([]string{w.home}, parts...)...)
}

// tasks has the agent write to its database.
func (w *workshop) tasks(statements ...string) {
	w.t.Helper()
	db := openSQLite(w.t, w.at("state", "tasks.sqlite"))
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// titles are those of all tasks, in their order.
func (w *workshop) titles() (all string) {
	w.t.Helper()
	db := openSQLite(w.t, w.at("state", "tasks.sqlite"))
	defer db.Close()
	row := db.QueryRow("SELECT group_concat(title, '') FROM (SELECT title FROM tasks ORDER BY id)")
	var titles sql.NullString
	if err := row.Scan(&titles); err != nil {
		w.t.Fatal(err)
	}
	return titles.String
}

// sections are what a bundle of the example holds, in rows.
func exampleSections() map[string]float64 {
	return map[string]float64{
		"chroma/episodes-2026": 20, "chroma/facts": 7, "state/tasks.sqlite": 3, "journal/2026/11-22": 2,
		"notes/plan.md": 1, "notes/2026/11/retro.md": 1,
	}
}

// TestAnyAgent backs the worked example up beside a live writer, loses all of it and
// puts it back; the second time there is nothing to do.
func TestAnyAgent(t *testing.T) {
	w := newExample(t)
	live := openSQLite(t, w.at("state", "tasks.sqlite")) // its -wal stays
	defer live.Close()
	if _, err := live.Exec("UPDATE tasks SET title = 'x' WHERE id = 3"); err != nil {
		t.Fatal(err)
	}
	bundle := w.backupWith(0)
	wantBundled(t, bundle, exampleSections())
	if got := readFile(t, filepath.Join(bundle, "notes", "2026", "11", "retro.md")); got != "no newline at its end" {
		t.Errorf("got note %q", got)
	}
	w.must(0, "verify", bundle)
	says(t, w.must(0, "verify", bundle, "--level", "restore").stdout, "state/tasks.sqlite", "notes/plan.md", "ok")
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	w.drop("episodes-2026")
	w.drop("facts")
	for _, name := range []string{"state", "journal", "notes"} {
		if err := os.RemoveAll(w.at(name)); err != nil {
			t.Fatal(err)
		}
	}
	says(t, w.must(0, "restore", "latest").stdout, "all are in")
	if got := w.titles(); got != "abx" {
		t.Errorf("got tasks %q, want abx", got)
	}
	says(t, w.must(0, "restore", "latest").stdout, "Nothing to do: every row was in already.")
	wantBundled(t, w.backupWith(0), exampleSections())
	if got := readFile(t, w.at("notes", "plan.md")); got != "# Plan\n" {
		t.Errorf("got note %q", got)
	}
	if _, err := os.Stat(w.at("notes", "drafts")); err == nil {
		t.Error("a draft came back, and was never backed up")
	}
}

// TestWholeFilesAreKept: a merge keeps what lives; a replace puts the bundle's in its
// place, under the guard, with what was beside a database moved aside; undo takes it
// back.
func TestWholeFilesAreKept(t *testing.T) {
	w := newExample(t)
	bundle := w.backupWith(0)
	w.tasks("DELETE FROM tasks WHERE id = 1", "INSERT INTO tasks (title) VALUES ('later')")
	w.write(w.at("notes", "plan.md"), "# Other plan\n")
	r := w.must(0, "restore", bundle, "--only", "state,notes", "--records")
	says(t, r.stderr, "differs state/tasks.sqlite", "differs notes/plan.md")
	if got := w.titles(); got != "bclater" {
		t.Errorf("a merge made %q of bclater", got)
	}
	args := []string{"restore", bundle, "--only", "state,notes", "--mode", "replace", "--force", "--accept-shrink"}
	w.must(7, args...)
	w.env[allowed] = "true"
	w.must(7, args...)
	delete(w.env, allowed)
	says(t, w.must(0, append(args, "--plan")...).stdout, "state/tasks.sqlite")
	w.confirmed(0, args...)
	if got := w.titles(); got != "abc" {
		t.Errorf("got %q after the replace, want abc", got)
	}
	if got := readFile(t, w.at("notes", "plan.md")); got != "# Plan\n" {
		t.Errorf("got note %q after the replace", got)
	}
	w.confirmed(0, "undo")
	if got := w.titles(); got != "bclater" {
		t.Errorf("got %q after the undo, want bclater", got)
	}
	if got := readFile(t, w.at("notes", "plan.md")); got != "# Other plan\n" {
		t.Errorf("got note %q after the undo", got)
	}
}

// TestUndoOfAMergedFile takes out what a merge put there, unless it changed since.
func TestUndoOfAMergedFile(t *testing.T) {
	w := newExample(t)
	bundle := w.backupWith(0)
	if err := os.RemoveAll(w.at("notes")); err != nil {
		t.Fatal(err)
	}
	w.must(0, "restore", bundle, "--only", "notes")
	w.write(w.at("notes", "plan.md"), "# Changed since\n")
	w.confirmed(0, "undo")
	if _, err := os.Stat(w.at("notes", "2026", "11", "retro.md")); err == nil {
		t.Error("what the merge put there is still there")
	}
	if got := readFile(t, w.at("notes", "plan.md")); got != "# Changed since\n" {
		t.Errorf("got note %q, want what was written since", got)
	}
}

// TestFilesGo: a note that is gone is told of, and a database is missed.
func TestFilesGo(t *testing.T) {
	w := newExample(t)
	w.configure(exampleConfig + "  more:\n    store: sqlite:state/*.db\n")
	says(t, w.must(0, "backup").stderr, "warning: more: source more: there is nothing that it means")
	for _, name := range []string{"one.db", "two.db"} {
		execute(t, openSQLite(t, w.at("state", name)), "CREATE TABLE t AS SELECT 1 AS n")
	}
	w.must(0, "backup")
	for _, path := range []string{w.at("state", "one.db"), w.at("notes", "plan.md")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	says(t, w.must(3, "backup").stderr, "more/one.db: suspect: the section was in ", "notes/plan.md: the section was in ")
	w.must(0, "backup", "--accept-lineage", "more/one.db")
	if err := os.Remove(w.at("state", "tasks.sqlite")); err != nil { // one that is named has to be there
		t.Fatal(err)
	}
	says(t, w.must(8, "backup").stderr, "state/tasks.sqlite")
}

// TestHiddenFiles are taken where they are named, and else never.
func TestHiddenFiles(t *testing.T) {
	w := newWorkshop(t, "preset: none\nsources:\n  soul: files:.soul.md\n  notes: files:notes/**/*.md\n  state: sqlite:state/.tasks.db\n")
	w.write(w.at(".soul.md"), "me\n")
	w.write(w.at("notes", "a.md"), "a\n")
	w.write(w.at("notes", ".git", "b.md"), "b\n")
	w.mkdir(w.at("state"))
	execute(t, openSQLite(t, w.at("state", ".tasks.db")), "CREATE TABLE t AS SELECT 1 AS n")
	bundle := w.backupWith(0)
	wantBundled(t, bundle, map[string]float64{"soul/.soul.md": 1, "notes/a.md": 1, "state/.tasks.db": 1})
	w.must(0, "verify", bundle, "--level", "restore")
	if err := errors.Join(os.Remove(w.at(".soul.md")), os.RemoveAll(w.at("state"))); err != nil {
		t.Fatal(err)
	}
	w.must(0, "restore", bundle)
	if got := readFile(t, w.at(".soul.md")); got != "me\n" {
		t.Errorf("got %q", got)
	}
	wantBundled(t, w.backupWith(0), map[string]float64{"soul/.soul.md": 1, "notes/a.md": 1, "state/.tasks.db": 1})
}

// TestManyFiles: the files of a source that has many are one line, as long as there is
// nothing to be said about any of them.
func TestManyFiles(t *testing.T) {
	w := newWorkshop(t, "preset: none\nsources:\n  notes: files:notes/**/*.md\n")
	for i := range 40 {
		w.write(w.at("notes", "2026", fmt.Sprintf("%02d.md", i)), fmt.Sprintf("note %d\n", i))
	}
	says(t, w.must(0, "backup", "--dry-run").stdout, "notes (40 files)", "files:notes\n")
	r := w.must(0, "backup")
	says(t, r.stdout, "notes (40 files)    40      –  310 B  pass")
	silent(t, r.stdout, "notes/2026/00.md")
	says(t, w.must(0, "restore", "latest").stdout, "notes (40 files)    40      0    40")
	w.write(w.at("notes", "2026", "07.md"), "another\n")
	says(t, w.must(0, "restore", "latest").stdout, "notes/2026/06.md", "notes/2026/07.md")
	w.write(w.at("notes", "2026", "08.md"), "")
	says(t, w.must(3, "backup").stdout, "notes/2026/07.md", "notes/2026/08.md")
}

// TestRestoreAFileElsewhere: --to names a folder for a file, and a file for a database.
func TestRestoreAFileElsewhere(t *testing.T) {
	w := newExample(t)
	bundle := w.backupWith(0)
	other := t.TempDir()
	w.must(0, "restore", bundle, "--only", "notes/plan.md", "--to", "notes/plan.md=files:"+other)
	if got := readFile(t, filepath.Join(other, "plan.md")); got != "# Plan\n" {
		t.Errorf("got note %q", got)
	}
	copied := filepath.Join(other, "copy.sqlite")
	w.must(0, "restore", bundle, "--only", "state", "--to", "state/tasks.sqlite=sqlite:"+copied)
	db := openSQLite(t, copied)
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM tasks").Scan(&n); err != nil || n != 3 {
		t.Errorf("got %d tasks, %v, want 3", n, err)
	}
	says(t, w.must(2, "restore", bundle, "--only", "state", "--to", "state/tasks.sqlite=graph:"+copied).stderr, "want files:DIR or sqlite:FILE")
	w.must(0, "restore", bundle, "--only", "state", "--to", "state/tasks.sqlite=files:"+other)
	if _, err := os.Stat(filepath.Join(other, "tasks.sqlite")); err != nil {
		t.Error(err)
	}
}

// TestDamagedDatabase: one that can't be read is not backed up as if it were whole,
// and is in the way of a restore until it is moved away.
func TestDamagedDatabase(t *testing.T) {
	w := newExample(t)
	bundle := w.backupWith(0)
	path := w.at("state", "tasks.sqlite")
	w.write(path, strings.Repeat("no database ", 1000))
	says(t, w.must(8, "backup").stderr, "no bundle was made", "state/tasks.sqlite")
	says(t, w.must(3, "backup", "--allow-degraded").stderr, "state/tasks.sqlite: not in the bundle: ")
	says(t, w.must(8, "restore", bundle, "--only", "state").stderr, "nothing was written", "move it away, with what lies beside it, and restore again")
	if err := os.Rename(path, path+".damaged"); err != nil {
		t.Fatal(err)
	}
	w.write(path+"-wal", "left by the one that is gone")
	says(t, w.must(8, "restore", bundle, "--only", "state").stderr, "tasks.sqlite-wal")
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	w.must(0, "restore", bundle, "--only", "state")
	if got := w.titles(); got != "abc" {
		t.Errorf("got %q, want abc", got)
	}
}

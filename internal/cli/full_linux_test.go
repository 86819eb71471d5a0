package cli_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// onSmallDisk gives an agent with a source of SQLite databases a backup root on a disk
// of 4 MiB that is full when its copies are made.
func onSmallDisk(t *testing.T, source string) *workshop {
	t.Helper()
	w := newWorkshop(t, "preset: none\nsources:\n  state: sqlite:"+source+"\n  notes: files:notes/*.md\n")
	w.write(w.at("notes", "plan.md"), "# Plan\n")
	w.mkdir(w.at("state"))
	root := w.at("backups")
	w.mkdir(root)
	if err := syscall.Mount("none", root, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	return w
}

// holdsNothing fails the test if there is a bundle, or what is left of one.
func (w *workshop) holdsNothing() {
	w.t.Helper()
	for name := range tree(w.t, w.at("backups")) {
		if !strings.HasPrefix(name, ".lock") {
			w.t.Errorf("the backup root holds %s", name)
		}
	}
}

// large are statements that fill a database with more than 4 MiB.
func large(more ...string) []string {
	return append(more, "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) INSERT INTO tasks (title) SELECT hex(randomblob(500)) FROM n")
}

// TestFullDiskWhileCopied: a disk that fills up while a database is copied ends the
// backup, and nothing is published: what could not be copied is not gone.
func TestFullDiskWhileCopied(t *testing.T) {
	for name, source := range map[string]string{"File": "state/tasks.sqlite", "Pattern": "state/*.sqlite"} {
		t.Run(name, func(t *testing.T) {
			w := onSmallDisk(t, source)
			// In its log, which no estimate counts.
			live := openSQLite(t, w.at("state", "tasks.sqlite"))
			defer live.Close()
			live.SetMaxOpenConns(1)
			for _, s := range large("PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0") {
				if _, err := live.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range [][]string{{"backup"}, {"backup", "--allow-degraded"}} {
				r := w.must(13, args...)
				silent(t, r.stderr, "--allow-degraded")
				says(t, r.stderr, "tasks.sqlite", "no space left on device")
				w.holdsNothing()
			}
		})
	}
}

// TestNoRoomForCopiesOfDatabases: what a pattern of databases means is in the estimate, as far
// as it was asked for.
func TestNoRoomForCopiesOfDatabases(t *testing.T) {
	for _, source := range []string{"state/tasks.sqlite", "state/*.sqlite"} {
		w := onSmallDisk(t, source)
		w.tasks(large()...)
		for _, args := range [][]string{{"backup"}, {"backup", "--allow-degraded"}, {"backup", "--only", "state/tasks.sqlite"}} {
			says(t, w.must(13, args...).stderr, "no room for a bundle, nothing was written: it needs about ")
			w.holdsNothing()
		}
		bundled := w.backupWith(0, "--only", "notes")
		wantBundled(t, bundled, map[string]float64{"notes/plan.md": 1})
	}
}

// TestPatternsLargestCopy: databases are copied one after the other, so room for the
// largest of them is enough.
func TestPatternsLargestCopy(t *testing.T) {
	w := onSmallDisk(t, "state/*.sqlite")
	for i := range 6 {
		db := openSQLite(t, w.at("state", fmt.Sprintf("%d.sqlite", i)))
		for _, s := range []string{"CREATE TABLE tasks (title TEXT)", "INSERT INTO tasks SELECT hex(zeroblob(500000))", "DELETE FROM tasks"} {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.backupWith(0)
}

// TestTrue_05_BackupDryRunKnowsTheRoom: a bundle that would not fit is told of by its dry
// run, though no bundle before said how large it is; so is a disk that takes nothing.
func TestTrue_05_BackupDryRunKnowsTheRoom(t *testing.T) {
	w := onSmallDisk(t, "state/*.sqlite")
	for i := range 6 {
		w.write(w.at("notes", fmt.Sprintf("%d.md", i)), strings.Repeat("x", 1<<20))
	}
	before := everything(t, w.home)
	says(t, w.must(13, "backup", "--dry-run").stderr, "no room for a bundle, nothing was written: it needs about ")
	same(t, "after the dry run", everything(t, w.home), before)
	w.must(13, "backup")
	if err := syscall.Mount("none", w.at("backups"), "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("the disk can't be made read-only: ", err)
	}
	for _, args := range [][]string{{"backup", "--dry-run"}, {"backup"}} {
		says(t, w.must(1, args...).stderr, "read-only file system")
	}
}

// TestTrue_05_RestoreDryRunKnowsTheRoom: what would not fit on the disk of its place, or
// can't be put there, is told of beforehand.
func TestTrue_05_RestoreDryRunKnowsTheRoom(t *testing.T) {
	a := plain(t, "  notes: files:notes/*.md\n  log: files:log/*.jsonl\n")
	for i := range 6 {
		a.write(a.in("notes", fmt.Sprintf("%d.md", i)), strings.Repeat("x", 1<<20))
	}
	a.write(a.in("log", "a.jsonl"), "{}\n")
	a.must(0, "backup")
	for _, name := range []string{"notes", "log"} {
		remove(t, a.in(name))
		a.mkdir(a.in(name))
	}
	notes := a.in("notes")
	if err := syscall.Mount("none", notes, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("no small disk can be made: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(notes, 0); err != nil {
			t.Error(err)
		}
	})
	before := everything(t, a.home)
	says(t, a.must(9, "restore", "latest", "--dry-run").stderr, "notes/5.md: ", "are free on its disk: no space left on device", "2 rows would be unaccounted for")
	same(t, "after the dry run", everything(t, a.home), before)
	says(t, a.must(9, "restore", "latest").stderr, "notes/5.md: ", "no space left on device", "2 rows are unaccounted for")
	for _, args := range [][]string{{"--dry-run"}, nil} { // where nothing at all fits
		args = append([]string{"restore", "latest", "--only", "notes/4.md,notes/5.md"}, args...)
		says(t, a.must(13, args...).stderr, "no space left on device")
	}
	if err := syscall.Mount("none", notes, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("the disk can't be made read-only: ", err)
	}
	dry := a.run("restore", "latest", "--dry-run")
	run := a.run("restore", "latest")
	if dry.code != run.code || run.code == 0 {
		t.Errorf("the dry run ended with %d, the restore with %d\n%s\n%s", dry.code, run.code, dry.stderr, run.stderr)
	}
	says(t, dry.stderr, "read-only file system")
}

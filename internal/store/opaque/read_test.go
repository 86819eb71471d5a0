package opaque_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
	"keepsake/internal/store/storetest"
)

// TestSections: what patterns match, and what they don't.
func TestSections(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.md", "2026/plan.md", "2026/.hidden", ".git/x", "log.jsonl", "skip/deep/x", "a.md.aside-p", "old.db-journal"} {
		write(t, filepath.Join(dir, name), name)
	}
	make3(t, filepath.Join(dir, "app.db"), "WAL", "a")
	sources := map[string]opaque.Source{
		"all":     {Subsystem: "n", Path: filepath.Join(dir, "**"), SkipJSONL: true, Exclude: []string{"skip"}, Plans: []string{"p"}},
		"star":    {Subsystem: "n", Path: filepath.Join(dir, "*.md")},
		"deep":    {Subsystem: "n", Path: filepath.Join(dir, "**", "*.md"), Exclude: []string{"a.*"}},
		"file":    {Subsystem: "n", Path: filepath.Join(dir, "2026", "plan.md")},
		"nothing": {Subsystem: "n", Path: filepath.Join(dir, "none", "**")},
	}
	for name, want := range map[string]string{
		"all":     "n/2026/plan.md n/a.md state/app.db",
		"star":    "n/a.md state/app.db",
		"deep":    "n/2026/plan.md state/app.db",
		"file":    "n/plan.md state/app.db",
		"nothing": "state/app.db",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := files(t, sources[name], database(dir)).Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			specs, err := s.Sections(t.Context())
			var got []string
			for _, spec := range specs {
				got = append(got, string(spec.Name))
			}
			if strings.Join(got, " ") != want || err != nil {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		})
	}
}

// TestReadFiles: bytes and rows of files of any length.
func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "one": "x", "binary": "\x00\xff\n", "long": strings.Repeat("0123456789", 300_000)} {
		write(t, filepath.Join(dir, name), text)
		got, c, err := read(t, files(t, plain(dir)), memory.Section("notes/"+name))
		if err != nil || string(got) != text {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(text))
		}
		if want := int64(min(len(text), 1)); c.Before != want || c.After != want || c.Held != want || c.Method != "files" || c.Unreadable == nil {
			t.Errorf("%s: got %+v, want %d rows", name, c, want)
		}
	}
	if _, _, err := read(t, files(t, plain(dir)), "notes/none"); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
}

// TestReadRefuses: links that lead out, pipes, folders that can't be read.
func TestReadRefuses(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	write(t, out, "secret")
	write(t, filepath.Join(dir, "in"), "in")
	for name, goal := range map[string]string{"good": "in", "bad": out, "dangling": "gone"} {
		if err := os.Symlink(goal, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := mkfifo(filepath.Join(dir, "pipe")); err != nil {
		t.Fatal(err)
	}
	f := files(t, plain(dir))
	for name, want := range map[string]error{"good": nil, "bad": store.ErrUnreadable, "dangling": store.ErrUnreadable, "pipe": store.ErrAbsent} {
		if text, _, err := read(t, f, memory.Section("notes/"+name)); !errors.Is(err, want) {
			t.Errorf("%s: got %q, %v, want %v", name, text, err, want)
		}
	}
	s, err := f.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := codes(s.(store.Inspector).Findings()); got != "no-file" {
		t.Errorf("got findings %q, want the pipe", got)
	}
	opaque.OnReadDir(f, func(path string) ([]fs.DirEntry, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	})
	if _, err := f.Open(t.Context(), nil); !errors.Is(err, store.ErrUnreachable) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want ErrUnreachable for a folder that can't be read", err)
	}
}

// TestReadRenamed: what is renamed over a file after the first look is no part
// of the session.
func TestReadRenamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write(t, path, "old")
	s, err := files(t, plain(dir)).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write(t, path+"2", "new")
	if err := os.Rename(path+"2", path); err != nil {
		t.Fatal(err)
	}
	if got, _, err := readFrom(t, s, "notes/a"); string(got) != "old" || err != nil {
		t.Errorf("got %q, %v, want what it was", got, err)
	}
}

// TestReadChanged: a file that was written anew after the first look is read as it is
// by then; that it has become shorter is said.
func TestReadChanged(t *testing.T) {
	for text, want := range map[string]string{"older": "", "new": "", "x": "shorter-than-seen", "": "shorter-than-seen"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a"), "old")
		s, err := files(t, plain(dir)).Open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		write(t, filepath.Join(dir, "a"), text)
		got, _, err := readFrom(t, s, "notes/a")
		if err != nil || string(got) != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
		if said := codes(s.(store.Inspector).Findings()); said != want {
			t.Errorf("%q: got findings %q, want %q", text, said, want)
		}
	}
}

// TestReadDatabase: with everything still in the log, nothing is left beside it
// and nothing is checkpointed; copies are the same bytes, and of copies too.
func TestReadDatabase(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "app.db")
			db := make3(t, path, journal, "a")
			before, _ := os.ReadFile(path)
			log, _ := os.ReadFile(path + "-wal")
			f := files(t, database(dir))
			one, c, err := read(t, f, appDB)
			if err != nil || c.Held != 3 || c.Before != 3 || c.After != 3 || c.Method != "sqlite" || !c.Complete() {
				t.Fatalf("got %+v, %v, want three rows", c, err)
			}
			two, _, err := read(t, f, appDB)
			if err != nil || !bytes.Equal(one, two) {
				t.Errorf("got another copy, %v, want the same bytes", err)
			}
			after, _ := os.ReadFile(path)
			logAfter, _ := os.ReadFile(path + "-wal")
			if !bytes.Equal(before, after) || !bytes.Equal(log, logAfter) {
				t.Error("the live database was written to")
			}
			closed(t, db)
			if _, _, err := read(t, f, appDB); err != nil {
				t.Error(err)
			}
			if got := storetest.Names(t, dir); got != "app.db" {
				t.Errorf("got %s, want the database alone", got)
			}
		})
	}
}

// TestReadDatabaseRefuses: what is no whole database.
func TestReadDatabaseRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	closed(t, make3(t, path, "DELETE", "a"))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := len(good) / 3
	damaged := bytes.Clone(good)
	copy(damaged[page:], bytes.Repeat([]byte{0xff}, page))
	for name, text := range map[string][]byte{
		"NoDatabase": []byte("hello"), "Encrypted": bytes.Repeat([]byte{7}, 8192), "Damaged": damaged, "Cut": good[:page],
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, string(text))
			if _, _, err := read(t, files(t, database(dir)), appDB); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("got %v, want ErrUnreadable", err)
			}
		})
	}
	write(t, path, "")
	if got, c, err := read(t, files(t, database(dir)), appDB); len(got) != 0 || c.Held != 0 || err != nil {
		t.Errorf("got %d bytes, %+v, %v, want the empty database", len(got), c, err)
	}
}

// TestReadUnderAWriter: another process writes two tables in one transaction all
// the while, and is killed; each copy has as many rows in both.
func TestReadUnderAWriter(t *testing.T) {
	if path := os.Getenv("OPAQUE_TEST_WRITE"); path != "" {
		db := agent(t, path, "WAL")
		for {
			_, _ = db.Exec("BEGIN IMMEDIATE; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT")
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db := agent(t, path, "WAL", "CREATE TABLE a(x)", "CREATE TABLE b(x)")
	cmd := exec.Command(os.Args[0], "-test.run=^TestReadUnderAWriter$")
	cmd.Env = append(os.Environ(), "OPAQUE_TEST_WRITE="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	defer kill()
	for n := 0; n == 0; {
		if err := db.QueryRow("SELECT count(*) FROM a").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	f := files(t, database(dir))
	for range 5 {
		wantEqual(t, f)
	}
	kill()
	wantEqual(t, f)
}

func wantEqual(t *testing.T, f *opaque.Files) {
	t.Helper()
	text, c, err := read(t, f, appDB)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	write(t, path, string(text))
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var a, b int64
	if err := db.QueryRow("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").Scan(&a, &b); err != nil || a != b || a+b != c.Held || a == 0 {
		t.Errorf("got %d and %d rows, %d held, %v, want as many in both", a, b, c.Held, err)
	}
}

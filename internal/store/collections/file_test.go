package collections_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
)

// filled makes a file with a few rows and returns its path.
func filled(t *testing.T) string {
	t.Helper()
	s, path := fresh(t)
	var rows []memory.Record
	for _, id := range []string{"a", "b", "c"} {
		rows = append(rows, line(id, []float32{1, 2}, `{"k":1}`, `"text"`))
	}
	merge(t, s, spec(2), rows...)
	return path
}

// patch overwrites bytes of the file at offset.
func patch(t *testing.T, path string, offset int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, offset); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"NoBytes", content(""), "it is not a SQLite file"},
		{"OtherFile", content(strings.Repeat("hello ", 1000)), "it is not a SQLite file"},
		{"Folder", mkdir, "it is not a regular file"},
		{"ParentIsAFile", blocked, "not a directory"},
		{"OtherDatabase", statements(`CREATE TABLE collections (id TEXT)`), "it is not a collections file of keepsake"},
		{"OtherDatabaseInWAL", statements(`PRAGMA journal_mode = WAL`, `CREATE TABLE collections (id TEXT)`), "it is not a collections file of keepsake"},
		{"LaterFormat", patched(60, []byte{0, 0, 0, 2}), "its format is 2, this keepsake knows 1"},
		{"Cut", cut(2 * pageSize), "the file is damaged"},
		{"CutInTheHeader", cut(50), "it is not a SQLite file"},
		{"TablesScrambled", patched(100, make([]byte, pageSize-100)), "the file is damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "memory.db")
			mkdir(t, filepath.Dir(path))
			test.make(t, path)
			wantRefused(t, path, test.want)
		})
	}
}

// The makers of a file that is to be refused.

func content(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		write(t, path, text)
	}
}

// blocked puts a file where the folder of path was.
func blocked(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Dir(path), "in the way")
}

func statements(all ...string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		db := raw(t, path)
		for _, statement := range all {
			do(t, db, statement)
		}
		closeDB(t, db)
	}
}

func patched(offset int64, with []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		move(t, filled(t), path)
		patch(t, path, offset, with)
	}
}

func cut(size int64) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		move(t, filled(t), path)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRefused tries all ways to the file and wants it unreachable, and as it was.
func wantRefused(t *testing.T, path, want string) {
	t.Helper()
	info, err := os.Stat(path)
	var before string
	if err == nil && !info.IsDir() {
		before = state(t, path)
	}
	for name, try := range attempts(t, path) {
		err := try(t.Context())
		if !errors.Is(err, store.ErrUnreachable) || errors.Is(err, store.ErrAbsent) {
			t.Errorf("%s: got %v, want ErrUnreachable", name, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want %q in it", name, err, want)
		}
	}
	if before == "" {
		return
	}
	if after := state(t, path); after != before {
		t.Errorf("refusing changed something:\ngot  %s\nwant %s", after, before)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A link is followed: the file has one name and one log, whatever it is called.
func TestFollowsLinks(t *testing.T) {
	path := filled(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	merge(t, at(link), spec(2), line("new", []float32{1, 2}, "null", "null"))
	if rows, _ := read(t, at(path)); len(rows) != 4 {
		t.Errorf("got %d rows, want 4", len(rows))
	}
	one, err := at(link).Survey(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	other, err := at(path).Survey(t.Context(), section)
	if err != nil || one.Locator != other.Locator {
		t.Errorf("got locators %+v and %+v, %v, want the same", one.Locator, other.Locator, err)
	}
	db := raw(t, path)
	do(t, db, `BEGIN IMMEDIATE`)
	if rows, _ := read(t, at(link)); len(rows) != 4 {
		t.Errorf("got %d rows beside a writer, want 4", len(rows))
	}
}

// A link to nothing is not an absent file: its disk may be missing.
func TestRefusesDanglingLink(t *testing.T) {
	_, path := fresh(t)
	if err := os.Symlink(path+".gone", path); err != nil {
		t.Fatal(err)
	}
	for name, try := range attempts(t, path) {
		if err := try(t.Context()); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "it is a link to nothing") {
			t.Errorf("%s: got %v, want ErrUnreachable", name, err)
		}
	}
	if _, err := os.Stat(path + ".gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the link leads to was made: %v", err)
	}
}

func TestAbsentFile(t *testing.T) {
	for _, name := range []string{"memory.db", "no/such/folder/memory.db"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			session, err := at(path).Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if specs, err := session.Sections(t.Context()); err != nil || len(specs) != 0 {
				t.Errorf("sections: got %v, %v, want none", specs, err)
			}
			if _, err := session.Read(t.Context(), section); !errors.Is(err, store.ErrAbsent) {
				t.Errorf("read: got %v, want ErrAbsent", err)
			}
			survey, err := at(path).Survey(t.Context(), section)
			if err != nil || survey.Exists || survey.Locator.Path == "" {
				t.Errorf("survey: got %+v, %v, want a place where nothing exists", survey, err)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("looking made the file: %v", err)
			}
		})
	}
}

func TestMergeMakesPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "memory.db")
	merge(t, at(path), spec(2), line("a", []float32{1, 2}, "null", "null"))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); runtime.GOOS != "windows" && got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
	if got := state(t, path); strings.Count(got, "\n") != 1 {
		t.Errorf("got files\n%swant only the collections file", got)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "memory.db")
	if err := collections.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if survey, err := at(path).Survey(t.Context(), section); err != nil || survey.Exists {
		t.Errorf("got %+v, %v, want a file without collections", survey, err)
	}
	before := state(t, path)
	if err := collections.Create(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: got %v, want fs.ErrExist", err)
	}
	if after := state(t, path); after != before {
		t.Errorf("a second Create changed something:\ngot  %s\nwant %s", after, before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := collections.Create(ctx, path+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want context.Canceled", err)
	}
	if after := state(t, path); after != before {
		t.Errorf("a cancelled Create left something:\ngot  %s\nwant %s", after, before)
	}
}

// Names that mean something in a URI name files all the same.
func TestAwkwardPaths(t *testing.T) {
	for _, name := range []string{"with space.db", "50%25.db", "what?.db", "a#b.db", "a&mode=memory.db", "ünïcode 記憶.db"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			merge(t, at(path), spec(2), line("a", []float32{1, 2}, "null", "null"))
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
			if rows, _ := read(t, at(path)); len(rows) != 1 {
				t.Errorf("got %d rows, want 1", len(rows))
			}
		})
	}
}

// The marks are what DESIGN.md says, for whoever else reads the file.
func TestMarks(t *testing.T) {
	db := raw(t, filled(t))
	for pragma, want := range map[string]int64{"application_id": 0x6b70736d, "user_version": 1} {
		var got int64
		if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %#x, %v, want %#x", pragma, got, err, want)
		}
	}
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode: got %q, %v, want wal", mode, err)
	}
	var blob []byte
	if err := db.QueryRow("SELECT embedding FROM records WHERE id = 'a'").Scan(&blob); err != nil || errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	if want := bits([]float32{1, 2}); string(blob) != string(want) {
		t.Errorf("embedding: got %x, want %x", blob, want)
	}
}

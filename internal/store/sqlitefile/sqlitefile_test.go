package sqlitefile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// open opens a database that is closed with the test.
func open(t *testing.T, path string, mode sqlitefile.Mode) *sqlitefile.Conn {
	t.Helper()
	c, err := sqlitefile.Open(t.Context(), path, mode, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must(t *testing.T, c *sqlitefile.Conn, statements ...string) *sqlitefile.Conn {
	t.Helper()
	for _, s := range statements {
		if err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return c
}

// files are the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestModes: only Create makes a file, only those that may write do, and a name is a
// name, whatever is in it.
func TestModes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b?mode=rwc&c#d%41é.sqlite")
	for _, mode := range []sqlitefile.Mode{sqlitefile.ReadOnly, sqlitefile.ReadWrite, sqlitefile.Copy} {
		c, err := sqlitefile.Open(t.Context(), path, mode, 0)
		if err == nil {
			err = c.Touch(t.Context())
		}
		if err == nil {
			t.Errorf("%s: opened a database that is not there", mode)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != 0 {
		t.Fatalf("made %q", got)
	}
	c := must(t, open(t, path, sqlitefile.Create), "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('x')")
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != 1 || got[0] != filepath.Base(path) {
		t.Errorf("made %q", got)
	}
	for mode, writes := range map[sqlitefile.Mode]bool{sqlitefile.ReadOnly: false, sqlitefile.ReadWrite: true, sqlitefile.Copy: false} {
		c := open(t, path, mode)
		if got, err := sqlitefile.All[string](t.Context(), c, "SELECT a FROM t WHERE a = ?", "x"); err != nil || len(got) != 1 {
			t.Errorf("%s: got %q, %v", mode, got, err)
		}
		if err := c.Exec(t.Context(), "UPDATE t SET a = a"); (err == nil) != writes {
			t.Errorf("%s: got %v, writes %t", mode, err, writes)
		}
		_ = c.Close()
	}
}

// TestPragmas hold for the connection.
func TestPragmas(t *testing.T) {
	c, err := sqlitefile.Open(t.Context(), filepath.Join(t.TempDir(), "a"), sqlitefile.Create, 1500*time.Millisecond, "trusted_schema(0)", "foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := sqlitefile.All[string](t.Context(), c, "SELECT (SELECT timeout FROM pragma_busy_timeout) || ' ' || trusted_schema || ' ' || foreign_keys FROM pragma_trusted_schema, pragma_foreign_keys")
	if err != nil || strings.Join(got, "") != "1500 0 1" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestTemporary: it has no name.
func TestTemporary(t *testing.T) {
	c, err := sqlitefile.Temporary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, c, "CREATE TABLE t (a)")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestLive: reading a database leaves what lies beside it as it was: nothing, or a log
// that others still need.
func TestLive(t *testing.T) {
	look := func(t *testing.T, path string) {
		t.Helper()
		l, err := sqlitefile.OpenLive(t.Context(), path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sqlitefile.All[string](t.Context(), l.Conn, "SELECT a FROM t"); err != nil || len(got) != 1 {
			t.Errorf("got %q, %v", got, err)
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	const journal = "PRAGMA journal_mode = wal"
	t.Run("Alone", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		_ = must(t, open(t, path, sqlitefile.Create), journal, "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('x')").Close()
		look(t, path)
		if got := files(t, dir); len(got) != 1 {
			t.Errorf("left %q", got)
		}
	})
	t.Run("BesideOthers", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		must(t, open(t, path, sqlitefile.Create), journal, "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('x')")
		before, _ := os.ReadFile(path + "-wal")
		look(t, path)
		if after, err := os.ReadFile(path + "-wal"); err != nil || len(before) == 0 || string(after) != string(before) {
			t.Errorf("the log had %d bytes, and has %d, %v", len(before), len(after), err)
		}
	})
}

// TestRemove takes a database away, with what lies beside it and nothing else.
func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, name := range append(sqlitefile.Beside(), "", "-other") {
		if err := os.WriteFile(path+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sqlitefile.Remove(path)
	if got := files(t, dir); len(got) != 1 || got[0] != "a-other" {
		t.Errorf("left %q", got)
	}
}

// TestExplain: each thing that SQLite reports has a ground that callers test for.
func TestExplain(t *testing.T) {
	ctx := t.Context()
	for name, tt := range map[string]struct {
		fail func(t *testing.T, path string) error
		want error
		says string
		asIs bool
	}{
		"Busy": {func(t *testing.T, path string) error {
			t.Helper()
			must(t, open(t, path, sqlitefile.ReadWrite), "BEGIN EXCLUSIVE")
			return open(t, path, sqlitefile.ReadWrite).Exec(ctx, "BEGIN IMMEDIATE")
		}, store.ErrUnreachable, "another process holds its lock", false},
		"NoDatabase": {func(t *testing.T, path string) error {
			t.Helper()
			if err := os.WriteFile(path, []byte(strings.Repeat("text\n", 2000)), 0o600); err != nil {
				t.Fatal(err)
			}
			return open(t, path, sqlitefile.ReadOnly).Touch(ctx)
		}, store.ErrUnreadable, "it is no SQLite database, or is damaged", false},
		"Damaged": {func(t *testing.T, path string) error {
			t.Helper()
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 3000), 100); err != nil {
				t.Fatal(err)
			}
			return open(t, path, sqlitefile.ReadOnly).Touch(ctx)
		}, store.ErrUnreadable, "the file is damaged", false},
		"ReadOnly": {func(t *testing.T, path string) error {
			t.Helper()
			return open(t, path, sqlitefile.ReadOnly).Exec(ctx, "CREATE TABLE u (a)")
		}, store.ErrUnreadable, "can't be written to", false},
		"NotThere": {func(t *testing.T, path string) error {
			t.Helper()
			_, err := sqlitefile.Open(ctx, path+".none", sqlitefile.ReadOnly, 0)
			return err
		}, store.ErrUnreadable, "SQLite must be able to make -wal and -shm", false},
		"OtherError": {func(t *testing.T, path string) error {
			t.Helper()
			return open(t, path, sqlitefile.ReadOnly).Exec(ctx, "SELECT * FROM absent")
		}, store.ErrUnreadable, "no such table", false},
		"OfAnother": {func(*testing.T, string) error { return os.ErrPermission }, store.ErrUnreadable, "permission denied", false},
		"Canceled":  {func(*testing.T, string) error { return fmt.Errorf("read: %w", context.Canceled) }, context.Canceled, "", true},
		"Explained": {func(*testing.T, string) error { return fmt.Errorf("commit: %w", store.ErrMoved) }, store.ErrMoved, "", true},
		"None":      {func(*testing.T, string) error { return nil }, nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.sqlite")
			_ = must(t, open(t, path, sqlitefile.Create), "CREATE TABLE t (a)").Close()
			err := tt.fail(t, path)
			got := sqlitefile.Explain("the file", err, store.ErrUnreadable)
			if tt.asIs {
				if !errors.Is(got, tt.want) || got != err { //nolint:errorlint // the very one
					t.Errorf("got %v, want %v as it is", got, err)
				}
				return
			}
			if !errors.Is(got, tt.want) || !errors.Is(got, err) || !strings.Contains(got.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", got, tt.want, tt.says)
			}
			bare := sqlitefile.Explain("the file", err, nil)
			if errors.Is(bare, store.ErrUnreachable) || errors.Is(bare, store.ErrUnreadable) || !strings.Contains(bare.Error(), tt.says) {
				t.Errorf("got %v, want no ground and %q", bare, tt.says)
			}
		})
	}
}

// TestTransactions: End keeps what was done, or takes it back.
func TestTransactions(t *testing.T) {
	c := must(t, open(t, filepath.Join(t.TempDir(), "a"), sqlitefile.Create), `CREATE TABLE "t""1" (a INTEGER)`)
	stop := errors.New("stop")
	for i, want := range []error{nil, stop} {
		must(t, c, "BEGIN IMMEDIATE", fmt.Sprintf("INSERT INTO %s VALUES (%d)", sqlitefile.Quote(`t"1`), i))
		if err := c.End(t.Context(), want); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	must(t, c, "BEGIN IMMEDIATE", `INSERT INTO "t""1" VALUES (7)`)
	cancel()
	if err := c.End(gone, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want what ended the context", err)
	}
	if got, err := sqlitefile.All[int64](t.Context(), c, `SELECT a FROM "t""1"`); err != nil || len(got) != 1 || got[0] != 0 {
		t.Errorf("got %v, %v, want the first row alone", got, err)
	}
	must(t, c, `INSERT INTO "t""1" VALUES (1), (2)`)
	var a int64
	seen := 0
	err := c.Each(t.Context(), []any{&a}, func() error {
		seen++
		if a == 1 {
			return stop
		}
		return nil
	}, `SELECT a FROM "t""1" ORDER BY a`)
	if !errors.Is(err, stop) || seen != 2 {
		t.Errorf("got %v after %d rows, want the error of the second", err, seen)
	}
}

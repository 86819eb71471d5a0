package opaque_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"keepsake/internal/atomicfile"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
	"keepsake/internal/store/storetest"
)

const (
	appDB = memory.Section("state/app.db")
	plan  = "plan-1"
)

// files are those of sources, on the real file system.
func files(t *testing.T, sources ...opaque.Source) *opaque.Files { return filesOn(t, nil, sources...) }

func filesOn(t *testing.T, fsys atomicfile.FS, sources ...opaque.Source) *opaque.Files {
	t.Helper()
	return opaque.New(opaque.Config{Sources: sources, TempDir: t.TempDir(), Now: time.Now, FS: fsys})
}

func database(dir string) opaque.Source {
	return opaque.Source{Subsystem: "state", Path: filepath.Join(dir, "*.db"), SQLite: true, Plans: []string{plan}}
}

func plain(dir string) opaque.Source {
	return opaque.Source{Subsystem: "notes", Path: filepath.Join(dir, "**"), Plans: []string{plan, "p"}}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// agent opens a database, as an agent does, and runs statements.
func agent(t *testing.T, path, journal string, statements ...string) *sql.DB {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	dsn := "file:" + path + "?_pragma=busy_timeout(5000)"
	if journal != "" {
		dsn += "&_pragma=journal_mode(" + journal + ")"
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
}

func make3(t *testing.T, path, journal, name string) *sql.DB {
	t.Helper()
	return agent(t, path, journal, "CREATE TABLE m(id INTEGER PRIMARY KEY, name TEXT)", "CREATE INDEX i ON m(name)",
		fmt.Sprintf("INSERT INTO m(name) VALUES ('%s'),('b'),('c')", name))
}

func closed(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// rowsOf are the names in a database.
func rowsOf(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return err.Error()
	}
	db := agent(t, path, "")
	defer db.Close()
	rows, err := db.Query("SELECT name FROM m ORDER BY id")
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(all, " ")
}

func records(text []byte) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for chunk := range splitEvery(text, 1<<20) {
			if !yield(chunk, nil) {
				return
			}
		}
	}
}

func splitEvery(text []byte, n int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			k := min(n, len(text))
			if !yield(text[:k]) {
				return
			}
			text = text[k:]
		}
	}
}

// read reads a section whole.
func read(t *testing.T, f *opaque.Files, section memory.Section) ([]byte, memory.Capture, error) {
	t.Helper()
	s, err := f.Open(t.Context(), []memory.Section{section})
	if err != nil {
		return nil, memory.Capture{}, err
	}
	defer s.Close()
	return readFrom(t, s, section)
}

func readFrom(t *testing.T, s store.Session, section memory.Section) ([]byte, memory.Capture, error) {
	t.Helper()
	r, err := s.Read(t.Context(), section)
	if err != nil {
		return nil, memory.Capture{}, err
	}
	var all bytes.Buffer
	for rec, err := range r.All() {
		if err != nil {
			return nil, memory.Capture{}, err
		}
		if len(rec) > 1<<20 {
			t.Errorf("got a record of %d bytes, want at most 1 MiB", len(rec))
		}
		all.Write(rec)
	}
	c, err := r.Capture()
	return all.Bytes(), c, err
}

// bundled is a section as a bundle holds it.
func bundled(t *testing.T, f *opaque.Files, section memory.Section) (memory.SectionSpec, []byte) {
	t.Helper()
	text, c, err := read(t, f, section)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return memory.SectionSpec{Name: section, Kind: memory.Opaque, Rows: c.Held}, text
}

// newer is another database of three rows, as a bundle holds it.
func newer(t *testing.T, name string) (memory.SectionSpec, []byte) {
	t.Helper()
	dir := t.TempDir()
	closed(t, make3(t, filepath.Join(dir, "app.db"), "DELETE", name))
	return bundled(t, files(t, database(dir)), appDB)
}

func leave(t *testing.T, f *opaque.Files, section memory.Section) guard.Permit {
	t.Helper()
	survey, err := f.Survey(t.Context(), section)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	return storetest.Permit(t, guard.RestoreReplace, section, survey)
}

func stage(t *testing.T, f *opaque.Files, spec memory.SectionSpec, text []byte) (store.Staged, error) {
	t.Helper()
	s, err := f.Stage(t.Context(), spec, records(text), store.StageOptions{Plan: plan, Operation: guard.RestoreReplace})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
		err = s.Check(t.Context())
	}
	return s, err
}

// replace stages, checks and commits.
func replace(t *testing.T, f *opaque.Files, spec memory.SectionSpec, text []byte, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	t.Helper()
	permit := leave(t, f, spec.Name)
	s, err := stage(t, f, spec, text)
	if err != nil {
		return store.Committed{}, err
	}
	done, err := s.Commit(t.Context(), permit, safety)
	if closed := s.Close(); err == nil {
		err = closed
	}
	return done, err
}

func codes(findings []memory.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

func storetestPermit(t *testing.T, op guard.Operation, survey store.Survey) guard.Permit {
	t.Helper()
	return storetest.Permit(t, op, appDB, survey)
}

package collections_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
)

const (
	section = memory.Memories
	name    = "agent-memory"

	pageSize = 4096 // SQLite's default
)

// at returns the store of the file at path.
func at(path string) *collections.Store {
	return collections.New(collections.Config{
		Path:        path,
		Collections: map[memory.Section]string{section: name, memory.Summaries: "agent-sessions"},
		BusyTimeout: 50 * time.Millisecond,
		Now:         time.Now,
	})
}

// fresh returns a store whose file does not exist yet, and its path.
func fresh(t *testing.T) (*collections.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memory.db")
	return at(path), path
}

func spec(dimension int) memory.SectionSpec {
	return memory.SectionSpec{Name: section, Kind: memory.Vectors, Dimension: dimension, Distance: "l2"}
}

// raw opens the file as another program would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { closeDB(t, db) })
	return db
}

// closeDB may be called twice.
func closeDB(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func do(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// line makes a row; metadata and document are JSON.
func line(id string, numbers []float32, metadata, document string) memory.Record {
	var scanner record.Scanner
	var text *string
	if document != "null" {
		unquoted, err := record.AppendUnquoted(nil, []byte(document))
		if err != nil {
			panic(err)
		}
		s := string(unquoted)
		text = &s
	}
	rec, err := scanner.AppendVector(nil, id, bits(numbers), []byte(metadata), text)
	if err != nil {
		panic(err)
	}
	return rec
}

func bits(numbers []float32) []byte {
	var b []byte
	for _, x := range numbers {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func sequence(rows ...memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for _, rec := range rows {
			if !yield(bytes.Clone(rec), nil) {
				return
			}
		}
	}
}

// merge merges rows and wants them all in.
func merge(t *testing.T, s *collections.Store, spec memory.SectionSpec, rows ...memory.Record) store.Result {
	t.Helper()
	result, err := s.Merge(t.Context(), spec, sequence(rows...), store.MergeOptions{})
	if err != nil || !result.Complete() {
		t.Fatalf("merge: got %+v, %v, want a complete one", result, err)
	}
	return result
}

// read returns all rows of the section and what was seen.
func read(t *testing.T, s *collections.Store) ([]memory.Record, memory.Capture) {
	t.Helper()
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	var rows []memory.Record
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatalf("record %d: %v", len(rows), err)
		}
		rows = append(rows, bytes.Clone(rec))
	}
	capture, err := reading.Capture()
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	return rows, capture
}

func digest(t *testing.T, rec memory.Record) record.Digest {
	t.Helper()
	var scanner record.Scanner
	v, err := scanner.Vector(rec)
	if err != nil {
		t.Fatalf("scan %.200s: %v", rec, err)
	}
	d, err := scanner.VectorDigest(rec, v)
	if err != nil {
		t.Fatalf("digest of %.200s: %v", rec, err)
	}
	return d
}

// state is the content of every file in the folder of path, but for the shared
// index, in which SQLite's readers take their places.
func state(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(path), entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(entry.Name(), "-shm") {
			content = nil
		}
		fmt.Fprintf(&b, "%s %d %x\n", entry.Name(), len(content), sha256.Sum256(content))
	}
	return b.String()
}

// attempts are the three ways to come to a file.
func attempts(t *testing.T, path string) map[string]func(context.Context) error {
	t.Helper()
	s := at(path)
	return map[string]func(context.Context) error{
		"Open": func(ctx context.Context) error {
			session, err := s.Open(ctx, nil)
			if session != nil {
				t.Error("got a session with an error")
			}
			return err
		},
		"Survey": func(ctx context.Context) error {
			_, err := s.Survey(ctx, section)
			return err
		},
		"Merge": func(ctx context.Context) error {
			result, err := s.Merge(ctx, spec(2), sequence(line("a", []float32{1, 2}, "null", "null")), store.MergeOptions{})
			if result.Added != 0 {
				t.Errorf("got %+v, want nothing added", result)
			}
			return err
		},
	}
}

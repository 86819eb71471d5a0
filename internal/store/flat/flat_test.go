package flat_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/storetest"
)

func TestLogs(t *testing.T) {
	storetest.Run(t, storetest.Factory{Unreachable: unreachable, New: func(t *testing.T) storetest.Fixture {
		t.Helper()
		path := filepath.Join(t.TempDir(), "datasets", "trajectories.jsonl")
		files := newFiles(flat.Source{Subsystem: memory.Trajectories, Path: path, Name: "trajectories"})
		return fixture(files, memory.TrajectoryLog, path)
	}})
}

func TestKeyedFolder(t *testing.T) {
	storetest.Run(t, storetest.Factory{Unreachable: unreachable, OneRefused: oneRefused, Keyed: true, New: func(t *testing.T) storetest.Fixture {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "concepts")
		files := newFiles(flat.Source{Subsystem: memory.Concepts, Path: dir, Keyed: true})
		return fixture(files, "concepts/nodes", filepath.Join(dir, "nodes.jsonl"))
	}})
}

// oneRefused is a folder in which one name is a link to nothing.
func oneRefused(t *testing.T) (st store.Store, good, bad memory.Section) {
	t.Helper()
	dir := t.TempDir()
	appendLines(t, filepath.Join(dir, "good.jsonl"), storetest.KeyedLines("a", 3))
	if err := os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "bad.jsonl")); err != nil {
		t.Skip(err)
	}
	return newFiles(flat.Source{Subsystem: memory.Concepts, Path: dir, Keyed: true}), "concepts/good", "concepts/bad"
}

func newFiles(sources ...flat.Source) *flat.Files {
	return flat.New(flat.Config{Sources: sources, Now: time.Now})
}

func fixture(files *flat.Files, section memory.Section, path string) storetest.Fixture {
	return storetest.Fixture{
		Store: files, Target: files,
		Spec: memory.SectionSpec{Name: section, Kind: memory.Lines},
		Put: func(t *testing.T, rows []memory.Record) {
			t.Helper()
			appendLines(t, path, rows)
		},
		State: func(t *testing.T) string {
			t.Helper()
			return state(t, filepath.Dir(path))
		},
	}
}

func unreachable(t *testing.T) (store.Store, store.Target, memory.Section) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trajectories.jsonl")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	files := newFiles(flat.Source{Subsystem: memory.Trajectories, Path: path, Name: "trajectories"})
	return files, files, memory.TrajectoryLog
}

// appendLines appends rows as an agent does.
func appendLines(t *testing.T, path string, rows []memory.Record) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all bytes.Buffer
	for _, rec := range rows {
		all.Write(rec)
		all.WriteByte('\n')
	}
	if _, err := f.Write(all.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// state is the names and hashes of all files below a folder.
func state(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %.8x\n", path, len(content), sha256.Sum256(content))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b.String()
}

// TestPattern: below a folder, what a pattern means is read, restored to where it
// was, and nothing else is touched.
func TestPattern(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.jsonl": "{\"n\":1}\n", "2026/11/b.jsonl": "{\"n\":2}\n{\"n\":3}\n", "2026/c.md": "# c\n", "old/d.jsonl": "{}\n", "2026/.e.jsonl": "{}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := flat.Source{Subsystem: "journal", Path: dir, Pattern: pattern.Pattern{Glob: "**", Exclude: []string{"old"}}}
	files := flat.New(flat.Config{Sources: []flat.Source{source}})
	session, err := files.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[memory.Section]int64{}
	for _, s := range specs {
		got[s.Name] = s.Rows
	}
	if want := map[memory.Section]int64{"journal/a": 1, "journal/2026/11/b": 2}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	records := func(yield func(memory.Record, error) bool) { yield(memory.Record(`{"n":4}`), nil) }
	spec := memory.SectionSpec{Name: "journal/2027/new", Kind: memory.Lines, Rows: 1}
	if r, err := files.Merge(t.Context(), spec, records, store.MergeOptions{}); err != nil || !r.Complete() || !r.Created {
		t.Errorf("got %+v, %v, want a file in a folder of its own", r, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "2027", "new.jsonl")); err != nil || string(text) != "{\"n\":4}\n" {
		t.Errorf("got %q, %v", text, err)
	}
	for _, name := range []memory.Section{"journal/old/d", "journal/../x", "journal/.x", "journal/x/.y", "other/a", "journal/"} {
		if _, err := files.Survey(t.Context(), name); err == nil {
			t.Errorf("%s has a place", name)
		}
	}
}

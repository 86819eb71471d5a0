package flat_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
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
	storetest.Run(t, storetest.Factory{Unreachable: unreachable, Keyed: true, New: func(t *testing.T) storetest.Fixture {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "concepts")
		files := newFiles(flat.Source{Subsystem: memory.Concepts, Path: dir, Keyed: true})
		return fixture(files, "concepts/nodes", filepath.Join(dir, "nodes.jsonl"))
	}})
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

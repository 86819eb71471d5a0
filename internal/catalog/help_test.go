package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

const (
	sampleTime = "2026-11-22T22-41-33.610Z"
	sampleName = "backup-" + sampleTime
	memoryID   = "6f6c1c5e-8f2b-4a43-9a57-2f0d6a1f0c11"
)

func at(tb testing.TB, ts string) time.Time {
	tb.Helper()
	when, err := bundle.ParseTimestamp(ts)
	if err != nil {
		tb.Fatal(err)
	}
	return when
}

func options(tb testing.TB, root string) bundle.Options {
	tb.Helper()
	return bundle.Options{
		Root: root, Now: at(tb, sampleTime), Tool: "keepsake test",
		Owner: lock.Owner{PID: os.Getpid(), Host: "host", BootID: "boot"},
	}
}

// write publishes a bundle of a graph of one node, and of opaque files of one byte.
func write(opts bundle.Options, files []memory.Section, adapt func(*bundle.Meta)) (path string, err error) {
	ctx := context.Background()
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	var sections []bundle.SectionMeta
	one := memory.Capture{Before: 1, After: 1, Held: 1, Method: "files"}
	add := func(name memory.Section, kind memory.Kind, row string) {
		if err != nil {
			return
		}
		var s *bundle.Section
		spec := memory.SectionSpec{Name: name, Kind: kind, Rows: 1}
		s, err = w.Write(ctx, spec, func(yield func(memory.Record, error) bool) { yield(memory.Record(row), nil) })
		if err == nil {
			sections = append(sections, s.Meta(one))
		}
	}
	for _, name := range files {
		add(name, memory.Opaque, "x")
	}
	add(memory.Graph, memory.Elements, `{"type":"node","data":{"id":"n-0","label":"System","properties":{"name":"node 0"}}}`)
	if err != nil {
		return "", err
	}
	meta := &bundle.Meta{Keepsake: &bundle.Keepsake{
		MemoryID: memoryID, Reason: bundle.ReasonBackup, Sequence: 17, Status: bundle.Complete, Sections: sections,
	}}
	if adapt != nil {
		adapt(meta)
	}
	return w.Publish(ctx, meta)
}

// broken is a good bundle in the hands of a test that makes it wrong.
type broken struct {
	t    *testing.T
	path string
}

func (b *broken) file(name string) string { return filepath.Join(b.path, filepath.FromSlash(name)) }

func (b *broken) read(name string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.file(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *broken) write(name string, data []byte) {
	b.t.Helper()
	_ = os.Chmod(b.file(name), 0o600) // it may not be there yet
	if err := os.WriteFile(b.file(name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broken) replace(name, from, to string) {
	b.t.Helper()
	data := b.read(name)
	if !bytes.Contains(data, []byte(from)) {
		b.t.Fatalf("%s has no %q", name, from)
	}
	b.write(name, bytes.Replace(data, []byte(from), []byte(to), 1))
}

func (b *broken) remove(name string) {
	b.t.Helper()
	if err := os.RemoveAll(b.file(name)); err != nil {
		b.t.Fatal(err)
	}
}

// state is every path below root with its mode and content, as one string to
// compare: what was there must be byte-identical afterwards.
func state(tb testing.TB, root string) string {
	tb.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		fmt.Fprintf(&b, "%s %s ", info.Mode(), rel)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			b.WriteString(hex.EncodeToString(sum[:]))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// names lists a directory.
func names(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

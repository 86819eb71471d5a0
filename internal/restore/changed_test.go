package restore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/sample"
)

// largeBundle has a section of kb of several MiB.
func largeBundle(t *testing.T) (path, payload string) {
	t.Helper()
	w, err := bundle.Create(t.Context(), bundle.Options{Root: t.TempDir(), Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	meta := &bundle.Meta{
		Topology: &memory.Topology{Unified: true},
		Keepsake: &bundle.Keepsake{MemoryID: memoryID, Reason: bundle.ReasonBackup, Sequence: 1, Status: bundle.Complete},
	}
	for _, spec := range sample.Sections() {
		rows := map[memory.Section]int{memory.KnowledgeBase: 3000, memory.Graph: 30}[spec.Name]
		if rows == 0 {
			continue
		}
		spec.Dimension = min(spec.Dimension, 64)
		s, err := w.Write(t.Context(), spec, sample.Records(spec.Name, rows, 64, 1))
		if err != nil {
			t.Fatal(err)
		}
		if spec.Name == memory.KnowledgeBase {
			payload = s.File.Path
		}
		meta.Keepsake.Sections = append(meta.Keepsake.Sections, s.Meta(memory.Capture{Held: s.Rows}))
	}
	if path, err = w.Publish(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
	return path, filepath.Join(path, filepath.FromSlash(payload))
}

// spoil changes a byte in the last row of a file.
func spoil(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.LastIndexByte(data[:len(data)-1], '\n')+20] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A bundle whose bytes change between its check and the merge is noticed before a row
// of that section goes in.
func TestTrue_07_ChangedBeforeTheMerge(t *testing.T) {
	path, payload := largeBundle(t)
	p := newPlace(t, path)
	plan := p.plan(t)
	spoil(t, payload)
	r, err := restore.Run(t.Context(), plan, p.journal())
	if err != nil {
		t.Fatal(err)
	}
	kb, graph := r.Sections[0], r.Sections[1]
	if !errors.Is(r.Failed(), bundle.ErrChanged) || kb.Added != 0 || kb.After != 0 || kb.Created || graph.State != restore.StateDone {
		t.Errorf("got %v, %+v, want nothing of kb in", r.Failed(), r.Sections)
	}
	if named := notices(r.Notices); !strings.Contains(named, "nothing of it went in") {
		t.Errorf("got %s", named)
	}
}

// Where they change while the section is merged, what went in is what was checked, and
// is named; nothing of the part that changed is in.
func TestTrue_07_ChangedWhileItIsMerged(t *testing.T) {
	path, payload := largeBundle(t)
	p := newPlace(t, path)
	p.opts.Targets[0].Store = watched{p.opts.Targets[0].Store, func() { spoil(t, payload) }}
	r, err := restore.Run(t.Context(), p.plan(t), p.journal())
	if err != nil {
		t.Fatal(err)
	}
	kb := r.Sections[0]
	if !errors.Is(r.Failed(), bundle.ErrChanged) || kb.Added == 0 || kb.Added >= 3000 || r.Complete {
		t.Fatalf("got %v, %+v, want a part of kb in", r.Failed(), kb)
	}
	records, err := os.ReadFile(filepath.Join(p.journal(), "records.jsonl"))
	if n := bytes.Count(records, []byte(`"section":"kb/knowledge-base"`)); err != nil || int64(n) != kb.Added {
		t.Errorf("records.jsonl names %d rows of kb, %v, want %d", n, err, kb.Added)
	}
	if named := notices(r.Notices); !strings.Contains(named, "had gone in") {
		t.Errorf("got %s, want what went in", named)
	}
	if kb.Account.Added != kb.Added || kb.Account.Unaccounted() != 3000-kb.Added {
		t.Errorf("got %+v, want the rest unaccounted for", kb.Account)
	}
}

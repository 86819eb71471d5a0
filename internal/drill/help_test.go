package drill_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/drill"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
)

func TestMain(m *testing.M) { os.Exit(chromatest.Main(m)) }

const (
	oursPlain = "../bundle/testdata/format-1/backup-2026-11-22T22-41-33.610Z"
	oursZstd  = "../bundle/testdata/format-1/backup-2026-11-22T23-41-33.610Z"
	neo       = "../bundle/testdata/neo-13.1.0/backup-2026-11-22T23-14-40.692Z"
)

func open(t *testing.T, path string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// written is a bundle of these sections, n rows each.
func written(t *testing.T, n int, specs ...memory.SectionSpec) *bundle.Bundle {
	t.Helper()
	w, err := bundle.Create(t.Context(), bundle.Options{Root: t.TempDir(), Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	meta := &bundle.Meta{
		Topology: &memory.Topology{Unified: true},
		Keepsake: &bundle.Keepsake{MemoryID: "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00aa", Reason: bundle.ReasonBackup, Sequence: 1, Status: bundle.Complete},
	}
	for _, spec := range specs {
		spec.Dimension = min(spec.Dimension, dimension)
		s, err := w.Write(t.Context(), spec, sample.Records(spec.Name, n, dimension, 1))
		if err != nil {
			t.Fatal(err)
		}
		meta.Keepsake.Sections = append(meta.Keepsake.Sections, s.Meta(memory.Capture{Held: s.Rows}))
	}
	path, err := w.Publish(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

const dimension = 24

// measured is the sample's knowledge base in a space of that distance.
func measured(distance string) memory.SectionSpec {
	spec := specOf(memory.KnowledgeBase)
	spec.Distance = distance
	spec.Collection = &memory.Collection{Configuration: memory.RawJSON(`{"hnsw":{"space":"` + distance + `"}}`)}
	return spec
}

func specOf(name memory.Section) memory.SectionSpec {
	for _, spec := range sample.Sections() {
		if spec.Name == name {
			return spec
		}
	}
	return memory.SectionSpec{}
}

// vectorNames names a collection for each section of vectors.
func vectorNames(b *bundle.Bundle) map[memory.Section]string {
	names := map[memory.Section]string{}
	for _, spec := range b.Sections() {
		if spec.Kind == memory.Vectors {
			names[spec.Name] = "drill-" + spec.Name.Name()
		}
	}
	return names
}

// options drill a bundle into a folder of the test's own; targets go first.
func options(t *testing.T, b *bundle.Bundle, targets ...drill.Target) drill.Options {
	t.Helper()
	dir := t.TempDir()
	files := flat.Config{}
	for _, sub := range []memory.Subsystem{memory.Concepts, memory.Trajectories, memory.Mailbox} {
		files.Sources = append(files.Sources, flat.Source{Subsystem: sub, Path: filepath.Join(dir, string(sub)), Keyed: sub == memory.Concepts})
	}
	vectors := collections.New(collections.Config{Path: filepath.Join(dir, "vectors.db"), Collections: vectorNames(b)})
	return drill.Options{
		Bundle: b, Dir: filepath.Join(dir, "restore"), Progress: store.Quiet{}, Clock: time.Now,
		Targets: append(targets,
			drill.Target{Sections: []string{"kb", "mc"}, Store: vectors, Exact: true},
			drill.Target{Sections: []string{"graph"}, Store: graph.New(graph.Config{Path: filepath.Join(dir, "graph.sqlite")}), Exact: true},
			drill.Target{Sections: []string{"concepts", "trajectories", "mailbox"}, Store: flat.New(files), Exact: true},
		),
	}
}

func run(t *testing.T, opts drill.Options) *drill.Report {
	t.Helper()
	r, err := drill.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// server is a database of a real Chroma for the vectors of a bundle.
func server(t *testing.T, b *bundle.Bundle) *chroma.Server {
	t.Helper()
	s := chromatest.Shared(t)
	c, err := chroma.New(chroma.Config{BaseURL: s.URL(), Database: s.Database(t), Collections: vectorNames(b)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fit passes over the description of a collection where it is made up, as that
// of the fixture of the format is: no server takes it.
func fit(spec memory.SectionSpec) memory.SectionSpec {
	if c := spec.Collection; c != nil && len(c.Schema) > 0 && !strings.Contains(string(c.Schema), `"keys"`) {
		spec.Collection = nil
	}
	return spec
}

// heard keeps what was asked of a server, and what it answered.
type heard struct {
	*chroma.Server
	asked    map[memory.Section][][]float32
	answered map[memory.Section][][]string
}

func (h *heard) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	return h.Server.Merge(ctx, fit(spec), records, opts)
}

func (h *heard) Search(ctx context.Context, section memory.Section, vectors [][]float32, k int) ([][]string, error) {
	answers, err := h.Server.Search(ctx, section, vectors, k)
	h.asked[section] = vectors
	for _, ids := range answers {
		h.answered[section] = append(h.answered[section], append([]string(nil), ids...))
	}
	return answers, err
}

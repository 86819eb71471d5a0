package restore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

const memoryID = "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00aa"

// makeBundle writes a bundle of kb and graph, and the records that extra adds to kb.
func makeBundle(t *testing.T, extra ...string) string {
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
		if spec.Name != memory.KnowledgeBase && spec.Name != memory.Graph {
			continue
		}
		spec.Dimension = min(spec.Dimension, 8)
		records := sample.Records(spec.Name, 30, 8, 1)
		if spec.Name == memory.KnowledgeBase {
			records = followed(records, extra)
		}
		s, err := w.Write(t.Context(), spec, records)
		if err != nil {
			t.Fatal(err)
		}
		if s.Salvaged > 0 {
			meta.Keepsake.Status = bundle.Degraded
		}
		meta.Keepsake.Sections = append(meta.Keepsake.Sections, s.Meta(memory.Capture{Held: s.Rows}))
	}
	path, err := w.Publish(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func followed(records iter.Seq2[memory.Record, error], extra []string) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for r, err := range records {
			if !yield(r, err) {
				return
			}
		}
		for _, line := range extra {
			if !yield(memory.Record(line), nil) {
				return
			}
		}
	}
}

// place is an empty memory to restore into.
type place struct {
	dir  string
	opts restore.Options
}

func newPlace(t *testing.T, path string) *place {
	t.Helper()
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{dir: t.TempDir()}
	p.opts = restore.Options{
		Kinds:  keeper.Kinds(),
		Bundle: b, Topology: memory.Topology{Unified: true}, Progress: store.Quiet{}, Clock: time.Now,
		Targets: []restore.Target{
			{Sections: []string{"kb"}, Store: p.kb()},
			{Sections: []string{"graph"}, Store: graph.New(graph.Config{Path: filepath.Join(p.dir, "graph.sqlite")})},
		},
	}
	return p
}

func (p *place) kb() *collections.Store {
	return collections.New(collections.Config{
		Path:        filepath.Join(p.dir, "collections.sqlite3"),
		Collections: map[memory.Section]string{memory.KnowledgeBase: "neo-knowledge-base"},
	})
}

func (p *place) journal() string { return filepath.Join(p.dir, "journal") }

func (p *place) plan(t *testing.T) *restore.Plan {
	t.Helper()
	plan, err := restore.Preflight(t.Context(), p.opts)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (p *place) run(t *testing.T) *restore.Receipt {
	t.Helper()
	r, err := restore.Run(t.Context(), p.plan(t), p.journal())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// untouched fails when anything was written to the memory.
func (p *place) untouched(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("was written: %s", e.Name())
	}
}

func TestRunTwiceIsOnce(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	first := p.run(t)
	if !first.Complete || first.Sections[0].Added != 30 || first.Sections[1].Added != 30 {
		t.Errorf("got %+v, want 30 rows added to both", first.Sections)
	}
	if err := os.RemoveAll(p.journal()); err != nil {
		t.Fatal(err)
	}
	second := p.run(t)
	for _, s := range second.Sections {
		if s.Added != 0 || s.Same != 30 || s.State != restore.StateDone {
			t.Errorf("second run: got %+v, want nothing added and all the same", s)
		}
	}
}

func TestPreflightWritesNothing(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	plan := p.plan(t)
	if err := plan.Refusal(); err != nil {
		t.Errorf("got %v, want no refusal", err)
	}
	p.untouched(t)
}

func TestPreflightRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, p *place)
		want   restore.Ground
		waive  func(o *restore.Options) // nil when nothing waives it
	}{
		{
			"BundleThatDoesNotVerify", func(t *testing.T, p *place) { damage(t, p.opts.Bundle.Path()) },
			restore.GroundBundle, nil,
		},
		{
			"NothingSelected", func(_ *testing.T, p *place) { p.opts.Only = []string{"mc"} },
			restore.GroundBundle, nil,
		},
		{
			"OtherTopology", func(_ *testing.T, p *place) { p.opts.Topology.Unified = false },
			restore.GroundTopology, func(o *restore.Options) { o.ForceTopology = true },
		},
		{
			"OtherMemory", func(_ *testing.T, p *place) { p.opts.MemoryID = "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00bb" },
			restore.GroundMemory, func(o *restore.Options) { o.ForceMemory = true },
		},
		{
			"OtherDimension", func(t *testing.T, p *place) { live(t, p, 16, "l2"); p.opts.Only = []string{"kb"} },
			restore.GroundDimension, nil,
		},
		{
			"OtherDistance", func(t *testing.T, p *place) { live(t, p, 8, "cosine"); p.opts.Only = []string{"kb"} },
			restore.GroundDimension, nil,
		},
		{
			"TargetThatCannotBeRead", func(t *testing.T, p *place) {
				p.opts.Only = []string{"kb"}
				if err := os.WriteFile(filepath.Join(p.dir, "collections.sqlite3"), []byte("no database at all"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			restore.GroundStore, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, makeBundle(t))
			tt.change(t, p)
			before := files(t, p.dir)
			plan := p.plan(t)
			var refused *restore.RefusedError
			if err := plan.Refusal(); !errors.As(err, &refused) || refused.Ground != tt.want {
				t.Fatalf("got %v, want a refusal by %s", err, tt.want)
			}
			if _, err := restore.Run(t.Context(), plan, p.journal()); !errors.As(err, &refused) {
				t.Errorf("run of a refused plan: got %v, want the refusal", err)
			}
			if got := files(t, p.dir); got != before {
				t.Errorf("the memory changed: got\n%s\nwant\n%s", got, before)
			}
			if tt.waive == nil {
				return
			}
			tt.waive(&p.opts)
			if r := p.run(t); !r.Complete {
				t.Errorf("waived: got %+v, want a complete restore", r)
			}
		})
	}
}

// Several grounds at once are all told, and the first in order decides.
func TestPreflightTellsAll(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	live(t, p, 16, "l2")
	p.opts.Topology.Unified = false
	p.opts.MemoryID = "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00bb"
	plan := p.plan(t)
	codes := map[string]bool{}
	for _, f := range plan.Findings() {
		codes[f.Code] = true
	}
	for _, want := range []string{"topology", "dimension", "memory"} {
		if !codes[want] {
			t.Errorf("findings: got %v, want %s among them", plan.Findings(), want)
		}
	}
	var refused *restore.RefusedError
	if err := plan.Refusal(); !errors.As(err, &refused) || refused.Ground != restore.GroundTopology {
		t.Errorf("got %v, want the topology to decide", err)
	}
}

func TestSalvagedRowsAreNotRestored(t *testing.T) {
	p := newPlace(t, makeBundle(t, `{"id":"lost","embedding":null,"metadata":{"a":1},"document":"kept"}`))
	plan := p.plan(t)
	if !plan.Incomplete() {
		t.Error("the plan doesn't know that a row will be left out")
	}
	r, err := restore.Run(t.Context(), plan, p.journal())
	if err != nil {
		t.Fatal(err)
	}
	if r.Complete || r.Sections[0].Rejected != 1 || r.Sections[0].State != restore.StateIncomplete {
		t.Errorf("got %+v, want one rejected row and an incomplete restore", r.Sections[0])
	}
	left, err := os.ReadFile(filepath.Join(p.journal(), "unrestored.jsonl"))
	if err != nil || !bytes.Contains(left, []byte(`"id":"lost"`)) || bytes.Count(left, []byte("\n")) != 1 {
		t.Errorf("unrestored.jsonl: got %q, %v, want the lost row", left, err)
	}
}

func TestSectionWithoutTargetIsNotRestored(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	p.opts.Targets = p.opts.Targets[:1]
	plan := p.plan(t)
	r, err := restore.Run(t.Context(), plan, p.journal())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Incomplete() || r.Complete || len(r.Left) != 1 || r.Left[0] != "graph/graph" {
		t.Errorf("got complete %v and %v left, want graph/graph left", r.Complete, r.Left)
	}
	p.opts.Only = []string{"kb"}
	if plan := p.plan(t); plan.Incomplete() {
		t.Error("what was not asked for is no gap")
	}
}

// The plan is on disk before the first row, and every added row is named.
func TestJournal(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	seen := false
	p.opts.Targets[0].Store = watched{p.opts.Targets[0].Store, func() {
		_, err := os.Stat(filepath.Join(p.journal(), "plan.json"))
		seen = err == nil
	}}
	r := p.run(t)
	if !seen {
		t.Error("the first row was written before the plan")
	}
	records, err := os.ReadFile(filepath.Join(p.journal(), "records.jsonl"))
	if err != nil || bytes.Count(records, []byte(`"outcome":"added"`)) != 60 {
		t.Errorf("records.jsonl: got %d added rows, %v, want 60", bytes.Count(records, []byte(`"outcome":"added"`)), err)
	}
	raw, err := os.ReadFile(filepath.Join(p.journal(), "receipt.json"))
	if err != nil {
		t.Fatal(err)
	}
	var written restore.Receipt
	if err := json.Unmarshal(raw, &written); err != nil || written.Bundle != r.Bundle || !written.Complete {
		t.Errorf("receipt.json: got %+v, %v, want the receipt", written, err)
	}
}

// A bundle that changes after its preflight is found out, and nothing of the part that
// changed goes in. The other parts are what was checked.
func TestBundleThatChangesMeanwhile(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	plan := p.plan(t)
	damage(t, p.opts.Bundle.Path())
	r, err := restore.Run(t.Context(), plan, p.journal())
	if err != nil || r == nil || r.Complete {
		t.Fatalf("got %v, %+v, want a receipt that says what happened", err, r)
	}
	if !errors.Is(r.Failed(), bundle.ErrChanged) || r.Sections[0].Account.In() > 0 || r.Sections[1].State != restore.StateDone {
		t.Errorf("got %v, %+v, want nothing in of the part that changed, and the other", r.Failed(), r.Sections)
	}
}

func TestRunInterrupted(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	plan := p.plan(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := restore.Run(ctx, plan, p.journal())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(filepath.Join(p.journal(), "receipt.json")); err != nil || r == nil {
		t.Errorf("no receipt says what is in: %v", err)
	}
}

// watched calls before each merge.
type watched struct {
	store.Target
	before func()
}

func (w watched) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	w.before()
	return w.Target.Merge(ctx, spec, records, opts)
}

// live puts one row into the target, so that its dimension and distance are fixed.
func live(t *testing.T, p *place, dimension int, distance string) {
	t.Helper()
	for _, spec := range sample.Sections() {
		if spec.Name != memory.KnowledgeBase {
			continue
		}
		spec.Dimension, spec.Distance = dimension, distance
		spec.Collection = &memory.Collection{Name: "neo-knowledge-base", Metadata: memory.RawJSON(`{"hnsw:space":"` + distance + `"}`)}
		if _, err := p.kb().Merge(t.Context(), spec, sample.Records(spec.Name, 1, dimension, 9), store.MergeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// damage changes one digit of an embedding in a published bundle.
func damage(t *testing.T, path string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "kb", "*.jsonl"))
	if err != nil || len(found) != 1 {
		t.Fatalf("find payload: %v, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.IndexByte(data, '[') + len("[0.0")
	data[at] = '0' + (data[at]-'0'+1)%10
	if err := os.Chmod(found[0], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// files prints every file below dir with its content's length.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		b.WriteString(path + " " + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

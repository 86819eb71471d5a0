package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

// memoryID is any UUID.
const memoryID = "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00aa"

// agent is a memory of embedded collections and a graph.
type agent struct {
	t    *testing.T
	dir  string
	opts backup.Options
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, dir: t.TempDir()}
	number := int64(0)
	a.opts = backup.Options{
		Hint:     func(code string, about ...string) string { return code + ": " + strings.Join(about, " ") },
		Bundle:   bundle.Options{Root: filepath.Join(a.dir, "backups"), Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Tool: "test"},
		MemoryID: memoryID, Progress: store.Quiet{}, Clock: time.Now,
		Sequence: func(_ context.Context, seen int64) (int64, error) { number = max(number, seen) + 1; return number, nil },
		Sources: []backup.Source{
			{Name: "store of kb", Kind: memory.Vectors, Store: a.collections(), Sections: []memory.Section{memory.KnowledgeBase}},
			{Name: "graph", Kind: memory.Elements, Store: a.graph(), Sections: []memory.Section{memory.Graph}},
		},
	}
	a.fill(memory.KnowledgeBase, a.collections(), 40)
	a.fill(memory.Graph, a.graph(), 30)
	return a
}

func (a *agent) collections() *collections.Store {
	return collections.New(collections.Config{
		Path:        filepath.Join(a.dir, "collections.sqlite3"),
		Collections: map[memory.Section]string{memory.KnowledgeBase: "neo-knowledge-base"},
	})
}

func (a *agent) graph() *graph.Graph {
	return graph.New(graph.Config{Path: filepath.Join(a.dir, "graph.sqlite")})
}

func (a *agent) fill(section memory.Section, target store.Target, n int) {
	a.t.Helper()
	for _, spec := range sample.Sections() {
		if spec.Name != section {
			continue
		}
		spec.Rows = int64(n)
		if spec.Dimension > 0 {
			spec.Dimension = 8
		}
		if _, err := target.Merge(a.t.Context(), spec, sample.Records(section, n, 8, 1), store.MergeOptions{}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// nothingPublished fails when the backup root holds anything at all.
func (a *agent) nothingPublished() {
	a.t.Helper()
	entries, err := os.ReadDir(a.opts.Bundle.Root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.t.Fatal(err)
	}
	for _, e := range entries {
		a.t.Errorf("left in the backup root: %s", e.Name())
	}
}

func TestRun(t *testing.T) {
	a := newAgent(t)
	r, err := backup.Run(t.Context(), a.opts)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != bundle.Complete || r.Rows != 70 || r.Sequence != 1 {
		t.Errorf("got %s, %d rows, sequence %d, want complete, 70, 1", r.Status, r.Rows, r.Sequence)
	}
	// The graph is read first, wherever it stands among the sources.
	if got := r.Sections[0].Section; got != memory.Graph {
		t.Errorf("read first: got %s, want %s", got, memory.Graph)
	}
	b, err := bundle.Open(r.Path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := b.Verify(t.Context(), bundle.Full, bundle.VerifyOptions{})
	if err != nil || report.Refused() {
		t.Errorf("verify: got %v, %v, want no refusal", report.Findings, err)
	}
}

func TestRunNumbersAndNamesTheParent(t *testing.T) {
	a := newAgent(t)
	first, err := backup.Run(t.Context(), a.opts)
	if err != nil {
		t.Fatal(err)
	}
	a.opts.Bundle.Now = a.opts.Bundle.Now.Add(time.Second)
	second, err := backup.Run(t.Context(), a.opts)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(second.Path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	k := b.Meta().Keepsake
	if k.Sequence != 2 || k.Parent == nil || k.Parent.Bundle != first.Bundle {
		t.Errorf("got sequence %d and parent %+v, want 2 and %s", k.Sequence, k.Parent, first.Bundle)
	}
}

// faulty stands in front of a real store and does to its reading what no store
// does on demand.
type faulty struct {
	store.Store
	captured func(*memory.Capture)
	fails    error
	shut     error // opening it does
	loses    int
}

type faultySession struct {
	store.Session
	f faulty
}

func (f faulty) Open(ctx context.Context, s []memory.Section) (store.Session, error) {
	if f.shut != nil {
		return nil, f.shut
	}
	session, err := f.Store.Open(ctx, s)
	return faultySession{session, f}, err
}

func (s faultySession) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	r, err := s.Session.Read(ctx, section)
	if err != nil {
		return nil, err
	}
	return store.NewReading(s.records(r.All()), func() memory.Capture {
		c, _ := r.Capture()
		if s.f.captured != nil {
			s.f.captured(&c)
		}
		return c
	}), nil
}

func (s faultySession) records(records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		n := 0
		for r, err := range records {
			if n++; n <= s.f.loses {
				continue
			}
			if s.f.fails != nil && n == 10 {
				yield(nil, s.f.fails)
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestRunPublishesNothing(t *testing.T) {
	down := errors.New("the disk went away")
	for _, tt := range []struct {
		name string
		f    faulty
		want error
	}{
		{"WhenRowsThatWereHeldAreMissing", faulty{loses: 1}, backup.ErrParity},
		{"WhenAHeldRowIsUnreadable", faulty{captured: func(c *memory.Capture) { c.Unreadable = []string{"x"} }}, backup.ErrParity},
		{"WhenAHeldRowWasNeverAnswered", faulty{captured: func(c *memory.Capture) { c.Missing = 1 }}, backup.ErrParity},
		{"WhenReadingFailsInTheMiddle", faulty{fails: down}, down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			tt.f.Store = a.collections()
			a.opts.Sources[0].Store = tt.f
			_, err := backup.Run(t.Context(), a.opts)
			if !errors.Is(err, tt.want) || !errors.Is(err, backup.ErrIncomplete) {
				t.Errorf("got %v, want %v and %v", err, backup.ErrIncomplete, tt.want)
			}
			a.nothingPublished()
			a.opts.AllowDegraded = true
			r, err := backup.Run(t.Context(), a.opts)
			if err != nil || r.Status != bundle.Degraded {
				t.Errorf("allowed: got %v, %v, want a degraded bundle", r.Status, err)
			}
		})
	}
}

// TestFullDisk: what could not be read because a disk was full is not missing: nothing
// is published, also where a degraded bundle is allowed.
func TestFullDisk(t *testing.T) {
	full := fmt.Errorf("%w: %w", store.ErrUnreadable, &fs.PathError{Op: "write", Path: "copy", Err: syscall.ENOSPC})
	for name, f := range map[string]faulty{"WhenASourceIsOpened": {shut: full}, "WhenASectionIsRead": {fails: full}} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			f.Store = a.collections()
			a.opts.Sources[0].Store = f
			for _, allowed := range []bool{false, true} {
				a.opts.AllowDegraded = allowed
				if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, backup.ErrIncomplete) {
					t.Errorf("allowed %t: got %v, want %v and ENOSPC", allowed, err, backup.ErrIncomplete)
				}
				a.nothingPublished()
			}
		})
	}
}

func TestRunWithAnAbsentSource(t *testing.T) {
	a := newAgent(t)
	if err := os.Remove(filepath.Join(a.dir, "graph.sqlite")); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Run(t.Context(), a.opts); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want %v", err, store.ErrAbsent)
	}
	a.nothingPublished()
	a.opts.Only = []string{"kb"}
	r, err := backup.Run(t.Context(), a.opts)
	if err != nil || r.Status != bundle.Complete {
		t.Errorf("only kb: got %v, %v, want a complete bundle", r.Status, err)
	}
}

func TestGrowthIsNoLoss(t *testing.T) {
	a := newAgent(t)
	a.opts.Sources[0].Store = faulty{Store: a.collections(), captured: func(c *memory.Capture) {
		c.Held, c.Added, c.After = c.Held-5, 5, c.After+7
	}}
	r, err := backup.Run(t.Context(), a.opts)
	if err != nil || r.Status != bundle.Complete {
		t.Fatalf("got %v, %v, want a complete bundle", r.Status, err)
	}
	for _, in := range r.Integrity {
		if in.Subsystem == memory.KB && (in.Status != bundle.Pass || in.SourceCount != 35 || in.BundleCount != 40) {
			t.Errorf("got %+v, want pass, 35 held, 40 in the bundle", in)
		}
	}
}

func TestSalvagedRowsDegrade(t *testing.T) {
	a := newAgent(t)
	a.opts.Sources[0].Store = faulty{Store: salvaging{a.collections()}}
	r, err := backup.Run(t.Context(), a.opts)
	if err != nil || r.Status != bundle.Degraded {
		t.Fatalf("got %v, %v, want a degraded bundle", r.Status, err)
	}
}

// salvaging loses the vector of every row.
type salvaging struct{ store.Store }

type salvagingSession struct{ store.Session }

func (s salvaging) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	session, err := s.Store.Open(ctx, sections)
	return salvagingSession{session}, err
}

func (s salvagingSession) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	r, err := s.Session.Read(ctx, section)
	if err != nil {
		return nil, err
	}
	return store.NewReading(func(yield func(memory.Record, error) bool) {
		n := 0
		for _, err := range r.All() {
			if n++; err != nil {
				yield(nil, err)
				return
			}
			if !yield(memory.Record(`{"id":"row-`+string(rune('a'+n%26))+string(rune('a'+n/26))+`","embedding":null,"metadata":null,"document":null}`), nil) {
				return
			}
		}
	}, func() memory.Capture { c, _ := r.Capture(); return c }), nil
}

func TestSurveyWritesNothing(t *testing.T) {
	a := newAgent(t)
	r, err := backup.Survey(t.Context(), a.opts)
	if err != nil || len(r.Sections) != 2 || r.Sections[1].Rows != 40 {
		t.Errorf("got %+v, %v, want graph and 40 rows of kb", r.Sections, err)
	}
	a.nothingPublished()
}

func TestInterrupted(t *testing.T) {
	a := newAgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	a.opts.Sources[0].Store = faulty{Store: a.collections(), captured: func(*memory.Capture) { cancel() }}
	if _, err := backup.Run(ctx, a.opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	a.nothingPublished()
}

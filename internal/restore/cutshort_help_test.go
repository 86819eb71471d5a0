package restore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/restore"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/opaque"
	"keepsake/internal/store/storetest"
)

// The environment of a child that merges in a yard, and dies at the n-th event of a
// name.
const (
	yardDir  = "KEEPSAKE_TEST_YARD"
	yardDies = "KEEPSAKE_TEST_YARD_DIES"
	yardAt   = "KEEPSAKE_TEST_YARD_AT"
)

const notes = memory.Section("state/notes.bin")

// yard is a memory of every kind of store, some of it in files that are there and
// some of it absent, and a bundle that holds more.
type yard struct{ dir string }

func (y yard) at(parts ...string) string { return filepath.Join(append([]string{y.dir}, parts...)...) }

type yardStore interface {
	store.Store
	store.Replacer
}

// stores are those of each section.
func (y yard) stores() map[memory.Section]yardStore {
	files := flat.New(flat.Config{Sources: []flat.Source{
		{Subsystem: memory.Concepts, Path: y.at("concepts"), Keyed: true},
		{Subsystem: memory.Trajectories, Name: "trajectories", Path: y.at("trajectories.jsonl")},
	}})
	return map[memory.Section]yardStore{
		memory.KnowledgeBase: collections.New(collections.Config{
			Path: y.at("collections.sqlite3"), Collections: map[memory.Section]string{memory.KnowledgeBase: "kb"},
		}),
		memory.Graph:         graph.New(graph.Config{Path: y.at("graph.sqlite")}),
		memory.TrajectoryLog: files,
		sample.ConceptNodes:  files,
		notes: opaque.New(opaque.Config{TempDir: y.dir, Sources: []opaque.Source{
			{Subsystem: "state", Path: y.at("state", "*.bin")},
		}}),
	}
}

func (y yard) targets(wrap func(memory.Section, store.Target) store.Target) (all []restore.Target) {
	for section, s := range y.stores() {
		all = append(all, restore.Target{Sections: []string{string(section)}, Store: wrap(section, s)})
	}
	return all
}

func asTheyAre(_ memory.Section, t store.Target) store.Target { return t }

// yardSpecs are the sections, with how many rows the bundle has of each.
func yardSpecs() []memory.SectionSpec {
	return []memory.SectionSpec{
		{Name: memory.KnowledgeBase, Kind: memory.Vectors, Rows: 2100, Dimension: 8, Distance: "cosine", Collection: &memory.Collection{Name: "kb"}},
		{Name: memory.Graph, Kind: memory.Elements, Rows: 6600},
		{Name: sample.ConceptNodes, Kind: memory.Lines, Rows: 300},
		{Name: memory.TrajectoryLog, Kind: memory.Lines, Rows: 3000},
		{Name: notes, Kind: memory.Opaque, Rows: 1},
	}
}

// yardRecords are the first rows of a section. Every tenth line of the log is the same
// as others.
func yardRecords(section memory.Section, n int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var rows []memory.Record
		switch section {
		case notes:
			rows = []memory.Record{bytes.Repeat([]byte("bytes\x00"), 9999)}
		case memory.KnowledgeBase:
			rows = storetest.Vectors("yard", n, false)
		case memory.Graph:
			rows = storetest.Graph("yard", n)
		case memory.TrajectoryLog:
			for i := range n {
				k := i
				if i%10 == 9 {
					k = 9
				}
				rows = append(rows, fmt.Appendf(nil, `{"n":%d,"text":%q}`, k, bytes.Repeat([]byte("step "), 120)))
			}
		default:
			rows = storetest.KeyedLines("yard", n)
		}
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// newYard makes one, with its bundle.
func newYard(t *testing.T) yard {
	t.Helper()
	y := yard{filepath.Join(t.TempDir(), ".neo-ai-data")}
	if err := os.MkdirAll(y.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := bundle.Create(t.Context(), bundle.Options{Root: y.at("backups"), Now: time.Now(), Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	meta := &bundle.Meta{
		Topology: &memory.Topology{Unified: true},
		Keepsake: &bundle.Keepsake{MemoryID: memoryID, Reason: bundle.ReasonBackup, Sequence: 1, Status: bundle.Complete},
	}
	for _, spec := range yardSpecs() {
		s, err := w.Write(t.Context(), spec, yardRecords(spec.Name, int(spec.Rows)))
		if err != nil {
			t.Fatal(err)
		}
		s.Rows = spec.Rows
		meta.Keepsake.Sections = append(meta.Keepsake.Sections, s.Meta(memory.Capture{Held: s.Rows}))
	}
	path, err := w.Publish(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(y.at("bundle"), []byte(path), 0o600); err != nil {
		t.Fatal(err)
	}
	return y
}

// lives puts some of the rows in: of two sections nothing is there.
func (y yard) lives(t *testing.T) {
	t.Helper()
	for _, name := range []string{"collections.sqlite3", "graph.sqlite", "trajectories.jsonl", "concepts", "state", "restores"} {
		if err := os.RemoveAll(y.at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, spec := range yardSpecs()[:4] {
		if spec.Name == sample.ConceptNodes {
			continue
		}
		r, err := y.stores()[spec.Name].Merge(t.Context(), spec, yardRecords(spec.Name, 45), store.MergeOptions{})
		if err != nil || !r.Complete() {
			t.Fatalf("%s: %+v, %v", spec.Name, r, err)
		}
	}
}

// options are those of the merge.
func (y yard) options(wrap func(memory.Section, store.Target) store.Target) (restore.Options, error) {
	path, err := os.ReadFile(y.at("bundle"))
	if err != nil {
		return restore.Options{}, err
	}
	b, err := bundle.Open(string(path), bundle.Limits{})
	return restore.Options{
		Kinds: keeper.Kinds(), Bundle: b, Topology: memory.Topology{Unified: true},
		Targets: y.targets(wrap), Group: "run", Progress: store.Quiet{}, Clock: time.Now,
	}, err
}

// merge merges the bundle, in that folder of the restores.
func (y yard) merge(ctx context.Context, name string, wrap func(memory.Section, store.Target) store.Target) (*restore.Receipt, error) {
	opts, err := y.options(wrap)
	if err != nil {
		return nil, err
	}
	plan, err := restore.Preflight(ctx, opts)
	if err != nil {
		return nil, err
	}
	return restore.Run(ctx, plan, y.at("restores", name))
}

// dying kills its process at the n-th event of a name: before a batch is sent whose
// intent is on disk, or when a row is in and nobody has heard of it.
type dying struct {
	store.Target

	section memory.Section
	hit     func(event string)
}

func (d dying) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	intend, report := opts.Intend, opts.Report
	opts.Intend = func(rows []store.Intended) error {
		err := intend(rows)
		d.hit("intended " + string(d.section))
		return err
	}
	opts.Report = func(e store.Event) error {
		if e.Outcome == store.Added {
			d.hit("added " + string(d.section))
		}
		return report(e)
	}
	return d.Target.Merge(ctx, spec, records, opts)
}

// yardChild merges as a process of its own.
func yardChild(dir string) int {
	n, err := strconv.Atoi(os.Getenv(yardAt))
	if err != nil {
		return 3
	}
	hit := func(event string) {
		if event == os.Getenv(yardDies) {
			if n--; n == 0 {
				storetest.Die()
			}
		}
	}
	_, err = yard{dir}.merge(context.Background(), "killed", func(s memory.Section, t store.Target) store.Target { return dying{t, s, hit} })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child is the process of yardChild, not started yet.
func (y yard) child(ctx context.Context, event string, n int) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), yardDir+"="+y.dir, yardDies+"="+event, yardAt+"="+strconv.Itoa(n))
	return c
}

// killed runs a child that has to die there.
func (y yard) killed(t *testing.T, event string, n int) {
	t.Helper()
	out, err := y.child(t.Context(), event, n).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != -1 {
		t.Fatalf("child at %q, %d: got %v, want it killed\n%s", event, n, err, out)
	}
}

// holds is what lives in each section: its records, by digest.
func (y yard) holds(t *testing.T) map[memory.Section]map[record.Digest]int {
	t.Helper()
	all := map[memory.Section]map[record.Digest]int{}
	for section, s := range y.stores() {
		all[section] = recordsOf(t, s, section)
	}
	return all
}

func recordsOf(t *testing.T, s store.Store, section memory.Section) map[record.Digest]int {
	t.Helper()
	found := map[record.Digest]int{}
	session, err := s.Open(t.Context(), []memory.Section{section})
	if errors.Is(err, store.ErrUnreachable) {
		return found
	}
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if errors.Is(err, store.ErrAbsent) {
		return found
	}
	if err != nil {
		t.Fatal(err)
	}
	var scanner record.Scanner
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		found[scanner.LineDigest(rec)]++
	}
	return found
}

func rowsIn(records map[record.Digest]int) (n int64) {
	for times := range maps.Values(records) {
		n += int64(times)
	}
	return n
}

func (y yard) rules() guard.Rules {
	return guard.Rules{
		Environment: guard.ReadEnvironment(func(key string) (string, bool) { return "true", key == guard.EnvAllow }),
		Now:         time.Now, Audit: &bytes.Buffer{}, Ledger: guard.DirLedger{Dir: y.at("tokens")},
	}
}

// undo takes a merge back.
func (y yard) undo(t *testing.T, r *restore.Receipt, confirmedOnly bool) *restore.Receipt {
	t.Helper()
	opts, err := y.options(asTheyAre)
	if err != nil {
		t.Fatal(err)
	}
	takeback, err := restore.PreflightTakeback(t.Context(), restore.TakebackOptions{
		Receipt: r, Bundle: opts.Bundle, Targets: opts.Targets, Rules: y.rules(), PlanOnly: true, ConfirmedOnly: confirmedOnly,
		Progress: store.Quiet{}, Clock: time.Now,
	})
	if err == nil {
		err = takeback.Plan().Refusal()
	}
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := y.rules().Issue(rand.Reader, takeback.Plan().Agreement())
	if err != nil {
		t.Fatal(err)
	}
	takeback.Plan().Confirm(token)
	done, err := takeback.Run(t.Context(), y.at("restores", fmt.Sprintf("undo-%d", time.Now().UnixNano())))
	if err != nil || !done.Complete {
		t.Fatalf("undo: got %+v, %v", done, err)
	}
	return done
}

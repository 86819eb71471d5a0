package restore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

// desk is a memory of two files, and a bundle of what they are to become.
type desk struct {
	dir string
	// before is called with the name of each step before it is taken.
	before func(step string)
}

const (
	nodes = memory.Section("concepts/nodes")
	edges = memory.Section("concepts/edges")
)

// files are what the desk holds at first, and what the bundle holds.
func oldFiles() map[memory.Section]string {
	return map[memory.Section]string{nodes: "{\"id\":\"a\",\"v\":1}\n{\"id\":\"b\",\"v\":1}\n", edges: "{\"id\":\"e\"}\n"}
}

func newFiles() map[memory.Section]string {
	return map[memory.Section]string{nodes: "{\"id\":\"b\",\"v\":2}\n{\"id\":\"c\",\"v\":2}\n", edges: "{\"id\":\"f\"}\n{\"id\":\"g\"}\n"}
}

// newDesk writes the old files and a bundle of the new ones.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{dir: filepath.Join(t.TempDir(), ".neo-ai-data")} // production, wherever it is
	d.write(t, newFiles())
	path, err := d.bundle(t.Context(), []memory.Section{nodes, edges}, bundle.ReasonBackup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.at("bundle"), []byte(path), 0o600); err != nil {
		t.Fatal(err)
	}
	d.write(t, oldFiles())
	return d
}

func (d *desk) at(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(t *testing.T, files map[memory.Section]string) {
	t.Helper()
	for s, text := range files {
		if err := os.MkdirAll(d.at("concepts"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.at("concepts/"+s.Name()+".jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// holds returns what the files are now.
func (d *desk) holds(t *testing.T) map[memory.Section]string {
	t.Helper()
	all := map[memory.Section]string{}
	entries, err := os.ReadDir(d.at("concepts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(d.at("concepts"), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[memory.Section("concepts/"+strings.TrimSuffix(e.Name(), ".jsonl"))] = string(text)
	}
	return all
}

func (d *desk) step(name string) {
	if d.before != nil {
		d.before(name)
	}
}

func (d *desk) files() *flat.Files {
	return flat.New(flat.Config{Sources: []flat.Source{{Subsystem: memory.Concepts, Path: d.at("concepts"), Keyed: true}}})
}

// bundle makes a bundle of what the files hold.
func (d *desk) bundle(ctx context.Context, sections []memory.Section, reason bundle.Reason, more ...backup.Source) (string, error) {
	sequence := int64(0)
	r, err := backup.Run(ctx, backup.Options{
		Sources: append(more, backup.Source{Name: "files", Store: d.files(), Sections: sections, Kind: memory.Lines}),
		Bundle:  bundle.Options{Root: d.at("backups"), Now: time.Now(), Tool: "keepsake test"},
		Reason:  reason, MemoryID: memoryID,
		Sequence: func(_ context.Context, seen int64) (int64, error) { sequence = seen + 1; return sequence, nil },
		Progress: store.Quiet{}, Clock: time.Now,
	})
	return r.Path, err
}

// sourcesBefore are the sections of the safety bundle before that were replaced since.
func sourcesBefore(want restore.Saving) (more []backup.Source) {
	if want.Before == nil {
		return nil
	}
	for _, spec := range want.Before.Sections() {
		if !slices.Contains(want.Live, spec.Name) {
			more = append(more, backup.Source{Name: "before", Store: backup.Bundled(want.Before), Sections: []memory.Section{spec.Name}})
		}
	}
	return more
}

func (d *desk) rules() guard.Rules {
	return guard.Rules{
		Environment: guard.ReadEnvironment(func(key string) (string, bool) { return "true", key == guard.EnvAllow }),
		Now:         time.Now, Audit: io.Discard, Ledger: guard.DirLedger{Dir: d.at("tokens")},
	}
}

func (d *desk) options() (restore.Options, error) {
	path, err := os.ReadFile(d.at("bundle"))
	if err != nil {
		return restore.Options{}, err
	}
	b, err := bundle.Open(string(path), bundle.Limits{})
	if err != nil {
		return restore.Options{}, err
	}
	return restore.Options{
		Kinds:  keeper.Kinds(),
		Bundle: b, Targets: []restore.Target{{Sections: []string{"concepts"}, Store: told{d.files(), d}}},
		Progress: store.Quiet{},
		Clock:    func() time.Time { d.step("clock"); return time.Now() },
		Replace: &restore.Replace{
			Operation: guard.RestoreReplace, Rules: d.rules(), Force: true, AcceptShrink: true,
			Safety: func(ctx context.Context, want restore.Saving) (*bundle.Bundle, error) {
				d.step("safety")
				path, err := d.bundle(ctx, want.Live, bundle.ReasonPreRestore, sourcesBefore(want)...)
				if err != nil {
					return nil, err
				}
				d.step("safety is made")
				return bundle.Open(path, bundle.Limits{})
			},
		},
	}, nil
}

// token asks for a plan, and keeps its token in a file, as an operator does.
func (d *desk) token(ctx context.Context) error {
	opts, err := d.options()
	if err != nil {
		return err
	}
	opts.Replace.PlanOnly = true
	plan, err := restore.Preflight(ctx, opts)
	if err != nil {
		return err
	}
	if err := plan.Refusal(); err != nil {
		return err
	}
	token, _, err := opts.Replace.Rules.Issue(rand.Reader, plan.Agreement())
	if err != nil {
		return err
	}
	return os.WriteFile(d.at("token"), []byte(token.Reveal()), 0o600)
}

// replace is the command: it goes on with what was begun, or begins.
func (d *desk) replace(ctx context.Context) (*restore.Receipt, error) {
	opts, err := d.options()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(d.at("token"))
	if err != nil {
		return nil, err
	}
	if opts.Replace.Token, err = guard.ParseToken(string(text)); err != nil {
		return nil, err
	}
	dir := filepath.Join(d.at("restores"), fmt.Sprint(time.Now().UnixNano()))
	pending, err := restore.FindUnfinished(d.at("restores"))
	if err != nil {
		return nil, err
	}
	if len(pending) > 1 {
		return nil, fmt.Errorf("%d plans are unfinished", len(pending))
	}
	for _, u := range pending {
		opts.Replace.Resume(u)
		dir = u.Dir
	}
	plan, err := restore.Preflight(ctx, opts)
	if err != nil {
		return nil, err
	}
	return restore.Run(ctx, plan, dir)
}

// told stands in front of the files and tells of each step.
type told struct {
	*flat.Files
	d *desk
}

func (w told) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	w.d.step("stage " + string(spec.Name))
	s, err := w.Files.Stage(ctx, spec, records, opts)
	return toldStage{s, spec.Name, w.d}, err
}

type toldStage struct {
	store.Staged
	section memory.Section
	d       *desk
}

func (w toldStage) Check(ctx context.Context) error {
	w.d.step("check " + string(w.section))
	return w.Staged.Check(ctx)
}

func (w toldStage) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	w.d.step("commit " + string(w.section))
	done, err := w.Staged.Commit(ctx, permit, safety)
	w.d.step("committed " + string(w.section))
	return done, err
}

// failing stands in front of the files: staging one section, or its check, fails;
// without either it never stands still.
type failing struct {
	store.Replacer
	section      memory.Section
	stage, check error
}

func (f failing) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if spec.Name == f.section && f.stage != nil {
		return nil, f.stage
	}
	s, err := f.Replacer.Stage(ctx, spec, records, opts)
	if spec.Name == f.section {
		return failingStage{s, f.check}, err
	}
	return s, err
}

type failingStage struct {
	store.Staged
	check error
}

func (f failingStage) Check(ctx context.Context) error {
	if f.check != nil {
		return f.check
	}
	return f.Staged.Check(ctx)
}

func (f failingStage) Commit(context.Context, guard.Permit, iter.Seq2[memory.Record, error]) (store.Committed, error) {
	return store.Committed{}, store.ErrMoved
}

package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

const memoKind = "memo"

// memo is a toy: a file whose lines are the one section of its store.
type memo struct {
	path    string
	section memory.Section
}

// memoStores describes it, as the package of a kind does.
func memoStores() store.Kind {
	open := func(o store.Opening) memo {
		return memo{o.Path, memory.Section(string(o.Subsystem) + "/memo")}
	}
	return store.Kind{
		Name: memoKind, Form: "memo:FILE", Parse: store.ParsePath, Holds: []memory.Kind{memory.Lines},
		Sources: func(o store.Opening) ([]store.Opened, error) { return []store.Opened{{Store: open(o)}}, nil },
		Target:  func(o store.Opening, _ memory.Kind) (store.Target, error) { return open(o), nil },
	}
}

func (m memo) lines() ([][]byte, error) {
	text, err := os.ReadFile(m.path)
	if err != nil {
		return nil, err
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), nil
}

func (m memo) locator() memory.Locator { return memory.Locator{Kind: memoKind, Path: m.path} }

func (m memo) Open(context.Context, []memory.Section) (store.Session, error) { return m, nil }
func (m memo) Close() error                                                  { return nil }

func (m memo) Sections(context.Context) ([]memory.SectionSpec, error) {
	lines, err := m.lines()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return []memory.SectionSpec{{Name: m.section, Kind: memory.Lines, Rows: int64(len(lines)), Locator: m.locator()}}, err
}

func (m memo) Read(context.Context, memory.Section) (*store.Reading, error) {
	lines, err := m.lines()
	n := int64(len(lines))
	return store.NewReading(func(yield func(memory.Record, error) bool) {
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}, func() memory.Capture { return memory.Capture{Before: n, After: n, Held: n, Method: "files"} }), err
}

func (m memo) Survey(ctx context.Context, _ memory.Section) (store.Survey, error) {
	lines, err := m.lines()
	s := store.Survey{Locator: m.locator(), Exists: err == nil, Rows: int64(len(lines))}
	s.Target = guard.NewTarget(ctx, guard.Files, s.Locator, nil)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return s, err
}

func (m memo) Merge(_ context.Context, _ memory.SectionSpec, records iter.Seq2[memory.Record, error], _ store.MergeOptions) (store.Result, error) {
	live, err := m.lines()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return store.Result{}, err
	}
	r := store.Result{Before: int64(len(live)), Created: err != nil, Proof: store.ProofFull}
	for rec, err := range records {
		if err != nil {
			return r, err
		}
		r.Records++
		if !slices.ContainsFunc(live, func(line []byte) bool { return bytes.Equal(line, rec) }) {
			live = append(live, bytes.Clone(rec))
			r.Added++
		}
	}
	r.Same, r.After = r.Records, int64(len(live))
	return r, os.WriteFile(m.path, append(bytes.Join(live, []byte("\n")), '\n'), 0o600)
}

// TestNewKind: a kind that nobody knew yesterday is declared, backed up and restored,
// for one line more in the table. docs/design.md has the recipe.
func TestNewKind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "thoughts.memo")
	const text = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"
	write(t, path, text)
	write(t, filepath.Join(dir, "keepsake.yaml"), "preset: none\nsources:\n  thoughts: memo:thoughts.memo\n")
	m := open(t, dir, append(keeper.Kinds(), memoStores()))
	r, _, err := m.Backup(t.Context(), keeper.Backup{})
	if err != nil || r.Rows != 3 || r.Degraded() {
		t.Fatalf("got %+v, %v, want the three lines", r, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, added := range []int64{3, 0} {
		change, err := m.Restore(t.Context(), keeper.Restore{Name: "latest", Mode: restore.ModeMerge, Proof: store.ProofFull})
		if err != nil {
			t.Fatal(err)
		}
		done, err := change.Run(t.Context())
		if err != nil || !done.Complete || done.Sections[0].Added != added {
			t.Errorf("got %+v, %v, want %d lines to be added", done, err, added)
		}
		if err := change.Close(); err != nil {
			t.Error(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("got %q, %v, want %q back", got, err, text)
	}
}

// TestUnknownKind: without its line it is refused, and by the usage text of the rest.
func TestUnknownKind(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "keepsake.yaml"), "preset: none\nsources:\n  thoughts: memo:thoughts.memo\n")
	_, err := keeper.Open(options(dir, nil))
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte(`unknown kind "memo"; want `+keeper.Kinds().Forms())) {
		t.Errorf("got %v", err)
	}
}

func options(dir string, kinds store.Kinds) keeper.Options {
	o := keeper.Options{Now: time.Now, Tool: "keepsake test"}
	o.Config.Kinds, o.Config.Start = kinds, dir
	o.Config.Env = func(string) (string, bool) { return "", false }
	o.Me.PID = os.Getpid()
	return o
}

func open(t *testing.T, dir string, kinds store.Kinds) *keeper.Memory {
	t.Helper()
	m, err := keeper.Open(options(dir, kinds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

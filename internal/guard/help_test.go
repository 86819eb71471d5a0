package guard_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// start is when every test begins.
var start = time.Date(2026, 11, 22, 22, 41, 33, 0, time.UTC)

// witness is a collection as a store would see it: id and mark, no server. What
// a store says of a real one is tested with that store.
type witness struct {
	id, mark string
	err      error
}

func (w *witness) Look(context.Context, memory.Locator) (guard.Sighting, error) {
	return guard.Sighting{Exists: w.id != "", CollectionID: w.id, Mark: w.mark}, w.err
}

// bench is a guard with what it writes to.
type bench struct {
	guard.Rules
	audit bytes.Buffer
	clock time.Time
}

// newBench returns rules whose environment allows nothing, with a real ledger.
func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{clock: start}
	b.Rules = guard.Rules{
		Now:    func() time.Time { return b.clock },
		Audit:  &b.audit,
		Ledger: guard.DirLedger{Dir: filepath.Join(t.TempDir(), "tokens")},
		Hint:   func(code string, about ...string) string { return code + " " + strings.Join(about, " ") },
	}
	return b
}

// allow sets the first factor.
func (b *bench) allow() *bench {
	b.Environment = environment(map[string]string{guard.EnvAllow: "true"})
	return b
}

func environment(values map[string]string) guard.Environment {
	return guard.ReadEnvironment(func(name string) (string, bool) {
		value, set := values[name]
		return value, set
	})
}

// lines returns the audit log, line by line.
func (b *bench) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(b.audit.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("audit line %q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

// scratch is a folder in the machine's real temporary folder, whatever TMPDIR says.
func scratch(t testing.TB) string {
	t.Helper()
	parent := "/tmp"
	if runtime.GOOS == "windows" {
		parent = ""
	}
	return folderIn(t, parent)
}

// elsewhere is a folder that is not in a temporary one.
func elsewhere(t testing.TB) string {
	t.Helper()
	cache, _ := os.UserCacheDir()
	here, _ := os.Getwd()
	for _, parent := range []string{cache, here, "/dev/shm"} {
		if parent == "" || os.MkdirAll(parent, 0o700) != nil {
			continue
		}
		resolved, err := filepath.EvalSymlinks(parent)
		if err != nil || strings.HasPrefix(resolved+"/", "/tmp/") || strings.HasPrefix(resolved, "/private/") || strings.HasPrefix(resolved, "/var/tmp/") {
			continue
		}
		return folderIn(t, resolved)
	}
	t.Skip("every folder that can be written to here is a temporary one")
	return ""
}

func folderIn(t testing.TB, parent string) string {
	t.Helper()
	folder, err := os.MkdirTemp(parent, "keepsake-guard-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	resolved, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// write makes a file and the folders above it, and returns its path.
func write(t testing.TB, content string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// folder makes a folder and returns its path.
func folder(t testing.TB, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(name, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// link makes a link at the path to goal, and returns the path.
func link(t testing.TB, goal string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.Symlink(goal, name); err != nil {
		t.Skipf("links can't be made here: %v", err)
	}
	return name
}

// at surveys a path.
func at(kind, path string) guard.Target {
	return newTarget(memory.Locator{Kind: kind, Path: path}, nil)
}

// chroma surveys the collection of a server.
func chroma(address, id, mark string) guard.Target {
	l := memory.Locator{
		Kind: memory.KindChroma, Address: address, Tenant: "default_tenant", Database: "default_database",
		Collection: "neo-knowledge-base", CollectionID: id,
	}
	return newTarget(l, &witness{id: id, mark: mark})
}

// newTarget is a target as the store of the locator's kind surveys it. No store
// surveys for being replaced what is of another kind.
func newTarget(l memory.Locator, w guard.Witness) guard.Target {
	return guard.NewTarget(context.Background(), map[string]guard.Nature{
		memory.KindChroma: guard.Served, memory.KindCollections: guard.Embedded, memory.KindGraph: guard.Graph,
		memory.KindFiles: guard.Files, memory.KindSQLite: guard.Database,
	}[l.Kind], l, w)
}

// requestFor asks for the first operation that fits the target's kind.
func requestFor(target guard.Target) guard.Request {
	req := guard.Request{Mode: "replace", Target: target, Source: "backup-2026-11-22T22-41-33.610Z"}
	switch target.Locator().Kind {
	case memory.KindGraph:
		req.Operation, req.Subsystem = "mc.graph.replace", memory.GraphSystem
	case memory.KindFiles:
		req.Operation, req.Subsystem = "concepts.replace", memory.Concepts
	default:
		req.Operation, req.Subsystem = "kb.chroma.replace", memory.KB
	}
	return req
}

// agreement is a plan for the targets, with 100 rows lost and 40 changed each.
func agreement(plan string, targets ...guard.Target) guard.Agreement {
	a := guard.Agreement{Operation: guard.RestoreReplace, Plan: plan, Bundle: strings.Repeat("ab", 32)}
	for _, target := range targets {
		a.Losses = append(a.Losses, guard.Loss{Target: target, Lost: 100, Changed: 40})
	}
	return a
}

// confirmed is the request with a fresh token for it.
func (b *bench) confirmed(t testing.TB, req guard.Request) guard.Request {
	t.Helper()
	a := agreement("plan-1", req.Target)
	token, _, err := b.Issue(rand.Reader, a)
	if err != nil {
		t.Fatal(err)
	}
	req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
	return req
}

// ask decides, and checks what holds for every decision: a refusal is typed, has
// no permit, and one line was written.
func (b *bench) ask(t testing.TB, req guard.Request) (guard.Permit, error) {
	t.Helper()
	before := bytes.Count(b.audit.Bytes(), []byte("\n"))
	permit, err := b.AssertDestructiveTargetAllowed(context.Background(), req)
	if got := bytes.Count(b.audit.Bytes(), []byte("\n")) - before; got != 1 {
		t.Errorf("audit lines = %d, want 1", got)
	}
	var refused *guard.RefusedError
	switch {
	case err == nil && permit.Class() == "":
		t.Error("allowed with the zero permit")
	case err != nil && permit != (guard.Permit{}):
		t.Errorf("refused with a permit: %v", err)
	case err != nil && !errors.As(err, &refused):
		t.Errorf("refusal is a %T, want a *RefusedError", err)
	}
	return permit, err
}

// wantRefused checks class and ground of a refusal.
func wantRefused(t testing.TB, err error, class guard.Class, ground error) {
	t.Helper()
	var refused *guard.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want refused: %v", err, ground)
	}
	if refused.Class != class {
		t.Errorf("class = %s, want %s (%v)", refused.Class, class, err)
	}
	if !errors.Is(err, ground) {
		t.Errorf("got %v, want %v", err, ground)
	}
}

// wantAllowed checks the class of a permit, and that it covers what was asked.
func wantAllowed(t testing.TB, permit guard.Permit, err error, class guard.Class, req guard.Request) {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v, want allowed", err)
	}
	if permit.Class() != class {
		t.Errorf("class = %s, want %s", permit.Class(), class)
	}
	if err := permit.Covers(req.Operation, req.Target.Locator()); err != nil {
		t.Errorf("Covers what was asked: %v", err)
	}
}

// memoryLedger is a ledger for the tests that ask a hundred thousand times.
type memoryLedger map[string]string

func (m memoryLedger) Create(name string, value []byte) error {
	if _, taken := m[name]; taken {
		return fs.ErrExist
	}
	m[name] = string(value)
	return nil
}

func (m memoryLedger) Read(name string) ([]byte, error) {
	value, ok := m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(value), nil
}

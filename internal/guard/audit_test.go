package guard_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

func TestAuditLine(t *testing.T) {
	away := elsewhere(t)
	file := write(t, "x", away, "g.sqlite")
	link(t, file, away, "l.sqlite")
	b := newBench(t).allow()
	b.BackupRoot = folder(t, away, "root")
	req := b.confirmed(t, requestFor(at(memory.KindGraph, filepath.Join(away, "l.sqlite"))))
	if _, err := b.ask(t, req); err != nil {
		t.Fatal(err)
	}
	b.Environment = guard.Environment{}
	collection := requestFor(chroma("http://h:8000", "id-1", mark(guard.MarkDisposable, "id-2", "", false)))
	if _, err := b.ask(t, collection); err == nil {
		t.Fatal("allowed")
	}
	partial := at(memory.KindFiles, folder(t, b.BackupRoot, ".backup-partial-"+stamp+"-abcd"))
	if _, err := b.ask(t, guard.Request{Operation: guard.Prune, Target: partial, Reason: "its owner is dead"}); err != nil {
		t.Fatal(err)
	}

	lines := b.lines(t)
	for i, want := range []map[string]any{
		{
			"time": "2026-11-22T22:41:33Z", "decision": "allowed", "operation": "mc.graph.replace", "subsystem": "graph", "mode": "replace",
			"class": "production", "reason": "NEO_ALLOW_PRODUCTION_DESTRUCTIVE and the token of plan plan-1",
			"source": "backup-2026-11-22T22-41-33.610Z", "plan": "plan-1",
		},
		{"decision": "refused", "operation": "kb.chroma.replace", "subsystem": "kb", "class": "production", "reason": "the environment does not allow destroying production; no token confirms the plan"},
		{"decision": "allowed", "operation": "prune", "class": "own", "reason": "a folder of this tool in the backup root", "policy": "its owner is dead"},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s = %v, want %v", i, key, lines[i][key], value)
			}
		}
	}
	target := object(t, lines[0]["target"])
	for key, want := range map[string]any{"resolved": file, "exists": true, "links": 1.0} {
		if target[key] != want {
			t.Errorf("target.%s = %v, want %v", key, target[key], want)
		}
	}
	if target["inode"] == nil || target["device"] == nil {
		t.Errorf("target = %v, want device and inode", target)
	}
	if got := object(t, target["locator"])["path"]; got != filepath.Join(away, "l.sqlite") {
		t.Errorf("target.locator.path = %v, want the path as it was given", got)
	}
	seen := object(t, lines[1]["target"])
	if mark, _ := seen["mark"].(string); !strings.Contains(mark, "id-2") || seen["exists"] != true {
		t.Errorf("target = %v, want the mark that was seen", seen)
	}
}

// object is a JSON object of an audit line.
func object(t *testing.T, value any) map[string]any {
	t.Helper()
	m, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%v is a %T, want an object", value, value)
	}
	return m
}

func TestAuditOfAbsentTarget(t *testing.T) {
	b := newBench(t)
	if _, err := b.ask(t, requestFor(at(memory.KindGraph, filepath.Join(scratch(t), "new")))); err != nil {
		t.Fatal(err)
	}
	target := object(t, b.lines(t)[0]["target"])
	if target["exists"] != false || target["inode"] != nil || target["device"] != nil {
		t.Errorf("target = %v, want nothing that its parent has", target)
	}
}

type shortWriter struct{}

func (shortWriter) Write(b []byte) (int, error) { return len(b) - 1, nil }

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

// What can't be written down isn't allowed, and what was refused stays refused
// for its own reason.
func TestAuditFails(t *testing.T) {
	for name, c := range map[string]struct {
		audit io.Writer
		cause error
	}{
		"full":  {fullWriter{}, errFull},
		"short": {shortWriter{}, io.ErrShortWrite},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Audit = c.audit
			permit, err := b.AssertDestructiveTargetAllowed(t.Context(), requestFor(at(memory.KindGraph, ":memory:")))
			wantRefused(t, err, guard.Disposable, guard.ErrNoAudit)
			if permit != (guard.Permit{}) || !errors.Is(err, c.cause) {
				t.Errorf("got %v, want its cause and no permit", err)
			}
			_, err = b.AssertDestructiveTargetAllowed(t.Context(), requestFor(at(memory.KindGraph, "/etc/hosts")))
			wantRefused(t, err, guard.Production, guard.ErrNoToken)
			wantRefused(t, err, guard.Production, guard.ErrNoAudit)
		})
	}
}

// A run that could not write its decision down can be made again.
func TestAuditFailureKeepsThePlan(t *testing.T) {
	b := newBench(t).allow()
	req := b.confirmed(t, requestFor(at(memory.KindGraph, "/etc/hosts")))
	b.Audit = fullWriter{}
	_, err := b.AssertDestructiveTargetAllowed(t.Context(), req)
	wantRefused(t, err, guard.Production, guard.ErrNoAudit)
	b.Audit = &b.audit
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)
}

func TestAuditFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for _, c := range []struct{ before, want string }{
		{"", "{1}\n"},
		{"{1}\n", "{1}\n{1}\n"},
		{"{1}\n{to", "{1}\n{to\n{1}\n"},
	} {
		write(t, c.before, path)
		a, err := guard.OpenAudit(path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := a.Write([]byte("{1}\n")); n != 4 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != c.want {
			t.Errorf("after %q: got %q, %v, want %q", c.before, got, err, c.want)
		}
		if _, err := a.Write([]byte("x")); err == nil {
			t.Error("Write after Close: no error")
		}
	}
	t.Run("made when it isn't there", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "new.jsonl")
		a, err := guard.OpenAudit(path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("got %v, %v, want an empty file", info, err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		if _, err := guard.OpenAudit(t.TempDir()); err == nil {
			t.Error("OpenAudit of a folder: no error")
		}
	})
}

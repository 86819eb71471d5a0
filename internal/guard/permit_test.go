package guard_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

func TestZeroPermitCoversNothing(t *testing.T) {
	var p guard.Permit
	if err := p.Covers("", memory.Locator{}); !errors.Is(err, guard.ErrNotPermitted) {
		t.Errorf("Covers nothing: %v, want ErrNotPermitted", err)
	}
	l := memory.Locator{Kind: memory.KindGraph, Path: ":memory:"}
	if err := p.Covers("mc.graph.replace", l); !errors.Is(err, guard.ErrNotPermitted) {
		t.Errorf("Covers: %v, want ErrNotPermitted", err)
	}
}

// permitFor asks for a disposable path.
func permitFor(t *testing.T, kind, path string) (guard.Permit, guard.Request) {
	t.Helper()
	req := requestFor(at(kind, path))
	permit, err := newBench(t).ask(t, req)
	wantAllowed(t, permit, err, guard.Disposable, req)
	return permit, req
}

func TestPermitIsForOneTarget(t *testing.T) {
	server := chroma("http://127.0.0.1:49152", "id-1", mark(guard.MarkDisposable, "id-1", "", false))
	req := requestFor(server)
	permit, err := newBench(t).ask(t, req)
	wantAllowed(t, permit, err, guard.Disposable, req)
	for name, change := range map[string]func(l *memory.Locator){
		"kind":     func(l *memory.Locator) { l.Kind = memory.KindCollections },
		"address":  func(l *memory.Locator) { l.Address = "http://127.0.0.1:49153" },
		"path":     func(l *memory.Locator) { l.Path = "/tmp" },
		"tenant":   func(l *memory.Locator) { l.Tenant = "other" },
		"database": func(l *memory.Locator) { l.Database = "other" },
		"name":     func(l *memory.Locator) { l.Collection = "other" },
		"id":       func(l *memory.Locator) { l.CollectionID = "id-2" },
	} {
		t.Run(name, func(t *testing.T) {
			l := server.Locator()
			change(&l)
			if err := permit.Covers(req.Operation, l); !errors.Is(err, guard.ErrNotPermitted) {
				t.Errorf("Covers: %v, want ErrNotPermitted", err)
			}
		})
	}
	t.Run("operation", func(t *testing.T) {
		if err := permit.Covers(guard.Undo, server.Locator()); !errors.Is(err, guard.ErrNotPermitted) {
			t.Errorf("Covers: %v, want ErrNotPermitted", err)
		}
	})
}

// The permit looks again at the write.
func TestPermitLooksAgain(t *testing.T) {
	temp := scratch(t)
	t.Run("same", func(t *testing.T) {
		path := write(t, "x", temp, "same")
		permit, req := permitFor(t, memory.KindGraph, path)
		write(t, "longer", path) // written to, not exchanged
		if err := permit.Covers(req.Operation, req.Target.Locator()); err != nil {
			t.Errorf("Covers: %v", err)
		}
	})
	t.Run("folder that was filled", func(t *testing.T) {
		path := folder(t, temp, "folder")
		permit, req := permitFor(t, memory.KindFiles, path)
		folder(t, path, "sub")
		write(t, "x", path, "file")
		if err := permit.Covers(req.Operation, req.Target.Locator()); err != nil {
			t.Errorf("Covers: %v", err)
		}
	})
	t.Run("still absent, its folder made", func(t *testing.T) {
		path := filepath.Join(temp, "made", "later")
		permit, req := permitFor(t, memory.KindGraph, path)
		folder(t, filepath.Dir(path))
		if err := permit.Covers(req.Operation, req.Target.Locator()); err != nil {
			t.Errorf("Covers: %v", err)
		}
	})
	t.Run("absent elsewhere", func(t *testing.T) {
		away := elsewhere(t)
		path := filepath.Join(temp, "turned", "later")
		permit, req := permitFor(t, memory.KindGraph, path)
		link(t, away, filepath.Dir(path))
		if err := permit.Covers(req.Operation, req.Target.Locator()); !errors.Is(err, guard.ErrTargetMoved) {
			t.Errorf("Covers: %v, want ErrTargetMoved", err)
		}
	})
	for name, change := range map[string]func(path string) error{
		"exchanged":    func(path string) error { return os.Rename(write(t, "y", temp, "y"), path) },
		"gone":         os.Remove,
		"another name": func(path string) error { return os.Link(path, path+"-too") },
		"parent is a link": func(path string) error {
			away := elsewhere(t)
			if err := os.Rename(filepath.Dir(path), filepath.Join(temp, "moved")); err != nil {
				return err
			}
			write(t, "x", away, "g")
			return os.Symlink(away, filepath.Dir(path))
		},
		"same file, moved away": func(path string) error {
			away := filepath.Join(temp, "away")
			return errors.Join(os.Rename(filepath.Dir(path), away), os.Symlink(away, filepath.Dir(path)))
		},
		"can't be looked at": func(path string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(path)), os.WriteFile(filepath.Dir(path), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "x", scratch(t), "in", "g")
			permit, req := permitFor(t, memory.KindGraph, path)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if err := permit.Covers(req.Operation, req.Target.Locator()); !errors.Is(err, guard.ErrTargetMoved) {
				t.Errorf("Covers: %v, want ErrTargetMoved", err)
			}
		})
	}
}

func TestPermitInMemory(t *testing.T) {
	permit, req := permitFor(t, memory.KindGraph, ":memory:")
	if err := permit.Covers(req.Operation, req.Target.Locator()); err != nil {
		t.Errorf("Covers: %v", err)
	}
}

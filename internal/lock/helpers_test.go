package lock_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/lock"
)

func since() time.Time { return time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC) }

// me is a process that isn't there: what is live, the tests say.
func me() lock.Owner {
	return lock.Owner{PID: 100, Host: "host", BootID: "boot", Start: "1", Command: "keepsake backup", Since: since()}
}

// bench is a place to lock.
type bench struct {
	*testing.T
	path string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{t, filepath.Join(t.TempDir(), "root.lock")}
}

func (b *bench) options(mode lock.Mode) lock.Options {
	return lock.Options{Path: b.path, Mode: mode, Me: me()}
}

func (b *bench) acquire(opts lock.Options) *lock.Lock {
	b.Helper()
	l, err := lock.Acquire(context.Background(), opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { b.release(l) })
	return l
}

func (b *bench) release(l *lock.Lock) {
	b.Helper()
	if err := l.Release(); err != nil {
		b.Error(err)
	}
}

// held expects the lock to be held, and returns by whom.
func (b *bench) held(opts lock.Options) []lock.Owner {
	b.Helper()
	l, err := lock.Acquire(context.Background(), opts)
	var held *lock.HeldError
	if !errors.As(err, &held) || !errors.Is(err, lock.ErrHeld) {
		b.Fatalf("got %v, %v, want a HeldError", l, err)
	}
	if held.Path != b.path {
		b.Errorf("held is %s, want %s", held.Path, b.path)
	}
	return held.Owners
}

// leave puts an owner file there, as a holder leaves it who can't clean up.
func (b *bench) leave(name string, o lock.Owner) {
	b.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		b.Fatal(err)
	}
	b.leaveText(name, string(data))
}

func (b *bench) leaveText(name, text string) {
	b.Helper()
	if err := os.MkdirAll(b.path+".owners", 0o755); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.path+".owners", name)
	if err := os.WriteFile(b.path+".left", []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(b.path+".left", file); err != nil {
		b.Fatal(err)
	}
}

// files are the names beside the lock file, by spaces.
func (b *bench) files() string {
	b.Helper()
	entries, err := os.ReadDir(b.path + ".owners")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// running says that only that process runs, with that start.
func running(pid int, start string) func(lock.Owner) (bool, bool) {
	return func(o lock.Owner) (bool, bool) { return o.PID == pid && o.Start == start, true }
}

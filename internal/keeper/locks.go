package keeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/guard"
	"keepsake/internal/lock"
)

// The lock files, in the backup root and in keepsake's own folder of the data.
const (
	rootLock   = ".lock"
	targetLock = "lock"
)

// locks are those that a run holds, by path.
type locks map[string]*lock.Lock

// lockRoot keeps other runs from the backup root: all of them, or those that
// change it. Where a run only reads, a root that isn't there, or that nobody may
// write to, needs no lock.
func (m *Memory) lockRoot(ctx context.Context, mode lock.Mode) error {
	if m.Root() == "" {
		return nil
	}
	if mode == lock.Exclusive {
		if err := m.make(m.Root()); err != nil {
			return fmt.Errorf("make backup root: %w", err)
		}
	}
	err := m.lock(ctx, filepath.Join(m.Root(), rootLock), mode)
	if mode == lock.Shared && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return nil
	}
	if err == nil && mode == lock.Exclusive { // who shares the root only appends to the new log
		old, now := filepath.Join(m.Root(), oldAuditLog), filepath.Join(m.Root(), auditLog)
		if err := guard.RenameAudit(old, now); err != nil {
			m.notify("%v", err) // no line is lost, and a backup is not to fail over it
		}
	}
	return err
}

// lockTarget keeps other runs from the memory. A data folder that isn't there is
// nobody's, and is locked once it has been made.
func (m *Memory) lockTarget(ctx context.Context, mode lock.Mode) error {
	dir := m.cfg.DataDir.V
	if _, err := os.Stat(dir); dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := m.make(m.ownDir()); err != nil {
		return fmt.Errorf("make folder for the lock: %w", err)
	}
	return m.lock(ctx, filepath.Join(m.ownDir(), targetLock), mode)
}

// lock takes a lock, which is held until Close. A second time is once.
func (m *Memory) lock(ctx context.Context, path string, mode lock.Mode) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // everyone has to mean the same file
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	if m.held[path] != nil {
		return nil
	}
	l, err := lock.Acquire(ctx, lock.Options{
		Path: path, Mode: mode, Wait: m.opts.LockWait, Me: m.opts.Me, Alive: m.opts.Alive, Now: m.opts.Now,
	})
	if errors.Is(err, lock.ErrHeld) {
		return fail(Locked, "locked", err)
	}
	if err != nil {
		return err
	}
	for _, o := range l.TookOver {
		m.notify("took over the lock %s of %s, which has ended", m.relative(path), o)
	}
	if m.held == nil {
		m.held = locks{}
	}
	m.held[path] = l
	return nil
}

// holds reports whether this run has a lock.
func (m *Memory) holds(path string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return err == nil && m.held[filepath.Join(dir, filepath.Base(path))] != nil
}

// Unlocked is a lock that was removed, and whose it was.
type Unlocked struct {
	Path  string
	Owner lock.Owner
}

// Unlock removes the locks of the backup root and of the memory whose owner nobody
// here can judge. Those that it returns are gone, also beside an error.
func (m *Memory) Unlock() (removed []Unlocked, err error) {
	for _, path := range []string{filepath.Join(m.Root(), rootLock), filepath.Join(m.ownDir(), targetLock)} {
		owners, err := lock.Break(lock.Options{Path: path, Me: m.opts.Me, Alive: m.opts.Alive})
		if errors.Is(err, lock.ErrHeld) {
			return removed, fail(Locked, "runs", err)
		}
		if err != nil {
			return removed, err
		}
		for _, o := range owners {
			removed = append(removed, Unlocked{path, o})
		}
	}
	return removed, nil
}

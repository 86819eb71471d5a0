package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"keepsake/internal/guard"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
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
func (m *memoryAt) lockRoot(ctx context.Context, mode lock.Mode) error {
	if m.root() == "" {
		return nil
	}
	if mode == lock.Exclusive {
		if err := os.MkdirAll(m.root(), 0o700); err != nil {
			return fmt.Errorf("make backup root: %w", err)
		}
	}
	err := m.lock(ctx, filepath.Join(m.root(), rootLock), mode)
	if mode == lock.Shared && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return nil
	}
	if err == nil && mode == lock.Exclusive { // who shares the root only appends to the new log
		old, now := filepath.Join(m.root(), oldAuditLog), filepath.Join(m.root(), auditLog)
		if err := guard.RenameAudit(old, now); err != nil {
			m.app.warn("%v", err) // no line is lost, and a backup is not to fail over it
		}
	}
	return err
}

// lockTarget keeps other runs from the memory. A data folder that isn't there is
// nobody's, and is locked once it has been made.
func (m *memoryAt) lockTarget(ctx context.Context, mode lock.Mode) error {
	dir := m.cfg.DataDir.V
	if _, err := os.Stat(dir); dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(m.ownDir(), 0o700); err != nil {
		return fmt.Errorf("make folder for the lock: %w", err)
	}
	return m.lock(ctx, filepath.Join(m.ownDir(), targetLock), mode)
}

// lockForRestore keeps others from the memory, and from the bundles: from all of
// them where a safety bundle is made. What only looks needs no lock.
func (m *memoryAt) lockForRestore(ctx context.Context, f restoreFlags) error {
	if f.dryRun || f.plan {
		return nil
	}
	root := lock.Shared
	if f.mode == string(restore.ModeReplace) || f.resume {
		root = lock.Exclusive
	}
	return errors.Join(m.lockRoot(ctx, root), m.lockTarget(ctx, lock.Exclusive))
}

// lock takes a lock, which the run holds until unlock. A second time is once.
func (m *memoryAt) lock(ctx context.Context, path string, mode lock.Mode) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // everyone has to mean the same file
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	if m.held[path] != nil {
		return nil
	}
	l, err := lock.Acquire(ctx, lock.Options{
		Path: path, Mode: mode, Wait: m.app.flags.lockWait, Me: m.app.me(), Alive: alive, Now: m.app.Now,
	})
	if errors.Is(err, lock.ErrHeld) {
		return fail(exitLocked, err, "wait for it, or let keepsake wait with --lock-wait 10m")
	}
	if err != nil {
		return err
	}
	for _, o := range l.TookOver {
		m.app.warn("took over the lock %s of %s, which has ended", m.app.relative(path), o)
	}
	if m.held == nil {
		m.held = locks{}
	}
	m.held[path] = l
	return nil
}

// release lets go of all that the run holds: temporary files, then its locks.
func (m *memoryAt) release() {
	if m.temp.remove != nil {
		if err := m.temp.remove(); err != nil {
			m.app.warn("%v", err)
		}
		m.temp = temporary{}
	}
	for path, l := range m.held {
		if err := l.Release(); err != nil {
			m.app.warn("let go of lock %s: %v", path, err)
		}
	}
	m.held = nil
}

func (a *app) unlockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unlock",
		Short: "Remove locks whose owner nobody here can judge",
		Long: `Removes the locks of the backup root and of the memory that were left by runs
which this machine can't see: another machine's, on a network file system. Locks
of dead runs of this machine need no unlock: the next run takes them over. A
lock whose process runs is not removed.`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.unlock() },
	}
}

func (a *app) unlock() error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	removed := []lock.Owner{}
	for _, path := range []string{filepath.Join(m.root(), rootLock), filepath.Join(m.ownDir(), targetLock)} {
		owners, err := lock.Break(lock.Options{Path: path, Me: a.me(), Alive: alive})
		if errors.Is(err, lock.ErrHeld) {
			return fail(exitLocked, err, "it runs: wait for it, or end it")
		}
		if err != nil {
			return err
		}
		for _, o := range owners {
			a.say("Removed the lock %s of %s.\n", a.relative(path), o)
		}
		removed = append(removed, owners...)
	}
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"removed": removed})
	}
	if len(removed) == 0 {
		a.say("Nothing to unlock.\n")
	}
	return nil
}

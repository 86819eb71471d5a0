package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"keepsake/internal/backup"
	"keepsake/internal/lock"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// foresee goes through a backup and writes nothing. What a disk refuses only while it
// is written to is all that it can't know.
func (m *Memory) foresee(ctx context.Context, b Backup, opts backup.Options) (*backup.Receipt, *Removing, error) {
	if err := errors.Join(m.lookAtRoot(ctx, lock.Exclusive), m.lookAtTarget(ctx, lock.Shared), m.blocked()); err != nil {
		return nil, nil, err
	}
	if err := m.roomForBackup(b); err != nil {
		return nil, nil, err
	}
	opts, err := m.wouldIdentify(opts)
	if err != nil {
		return nil, nil, err
	}
	r, err := backup.Survey(ctx, opts)
	if err != nil {
		return r, nil, m.unpublished(err)
	}
	if err := m.roomFor(b, r.Bytes); err != nil { // now it is known
		return r, nil, err
	}
	m.lateRows(ctx, r)
	return r, m.foreseeRetention(opts.MemoryID), nil
}

// foreseeRetention says why retention would not run after a backup, nil when it would.
func (m *Memory) foreseeRetention(id string) *Removing {
	_, err := m.policy(cmp.Or(id, "a new one"))
	if err == nil {
		return nil
	}
	r := m.newRemoving()
	r.DryRun, r.Err = true, fmt.Errorf("retention would not run: %w", err)
	return r
}

// lookAtRoot reports, by its error, whether lockRoot and who writes a bundle would
// get at the backup root.
func (m *Memory) lookAtRoot(ctx context.Context, mode lock.Mode) error {
	if m.Root() == "" {
		return nil
	}
	if mode == lock.Exclusive {
		if err := store.Writable(m.Root()); err != nil {
			return fmt.Errorf("make backup root: %w", err)
		}
	}
	err := m.lookAtLock(ctx, filepath.Join(m.Root(), rootLock), mode)
	if mode == lock.Shared && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// lookBeforeRestore looks at the locks that a restore takes.
func (m *Memory) lookBeforeRestore(ctx context.Context, mode restore.Mode) error {
	root := lock.Shared
	if mode == restore.ModeReplace {
		root = lock.Exclusive
	}
	return errors.Join(m.lookAtRoot(ctx, root), m.lookAtTarget(ctx, lock.Exclusive))
}

// lookAtTarget is lookAtRoot for lockTarget and the memory's own folder.
func (m *Memory) lookAtTarget(ctx context.Context, mode lock.Mode) error {
	if m.cfg.DataDir.V == "" {
		return nil
	}
	if err := store.Writable(m.ownDir()); err != nil {
		return fmt.Errorf("make folder for the lock: %w", err)
	}
	return m.lookAtLock(ctx, filepath.Join(m.ownDir(), targetLock), mode)
}

// lookAtLock reports whether lock would get a lock.
func (m *Memory) lookAtLock(ctx context.Context, path string, mode lock.Mode) error {
	err := lock.Look(ctx, lock.Options{
		Path: path, Mode: mode, Wait: m.opts.LockWait, Me: m.opts.Me, Alive: m.opts.Alive, Now: m.opts.Now,
	})
	if errors.Is(err, lock.ErrHeld) {
		return fail(Locked, "locked", err)
	}
	return err
}

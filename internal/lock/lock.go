// Package lock keeps runs apart that must not touch one place at once: a backup
// root, a target. It says who holds a lock since when, takes over what dead
// processes left, and leaves alone what it can't judge. Terms, files and the
// order of steps are in DESIGN.md.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Mode is how a lock is held: by one process alone, or by many together.
type Mode int

// The modes. The zero Mode is the strict one.
const (
	Exclusive Mode = iota
	Shared
)

// Options say what to lock, and who does.
type Options struct {
	// Path is the lock file. Its folder exists. The file is made when it isn't
	// there, and never removed.
	Path string
	Mode Mode
	// Wait is how long to wait for others to let go; 0 tries once.
	Wait time.Duration
	Me   Owner
	// Alive reports whether an owner of this machine runs; known is false when
	// that can't be said, as when its process id may have been given anew. Nil
	// knows nothing. AliveBy makes one.
	Alive func(Owner) (alive, known bool)
	// Now says since when the lock is held. Nil takes Me.Since, when the run
	// began to wait.
	Now func() time.Time
}

// Lock is a lock that is held. It ends with Release or with the process.
type Lock struct {
	// TookOver are the dead processes that this lock was taken over from.
	TookOver []Owner
	kernel   *flock.Flock
	entry    string // path of our owner file
}

// A lock that is held is tried again after firstPause, then ever less often, but
// no less often than every lastPause.
const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// grace is how often a lock is tried beyond Wait while nobody has said who holds
// it: who has only just taken it is about to.
const grace = 8

// Acquire takes a lock. When others hold it still after Wait, the error is a
// *HeldError that names them. When ctx ends it is that of ctx. After an error
// nothing is held, and nothing is left behind.
func Acquire(ctx context.Context, opts Options) (*Lock, error) { return opts.patiently(ctx, try) }

// patiently tries to get a lock until Wait is over.
func (opts Options) patiently(ctx context.Context, try func(Options) (*Lock, []Owner, error)) (*Lock, error) {
	patience, stop := context.WithTimeout(ctx, opts.Wait)
	defer stop()
	pause, beyond := firstPause, 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for lock %s: %w", opts.Path, err)
		}
		last := patience.Err() != nil
		l, inTheWay, err := try(opts)
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock %s: %w", opts.Path, err)
		case l != nil:
			return l, nil
		case last && (len(inTheWay) > 0 || beyond == grace):
			return nil, &HeldError{Path: opts.Path, Owners: inTheWay}
		case last:
			beyond++
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
}

// try takes the lock, or says who is in the way.
func try(opts Options) (*Lock, []Owner, error) {
	kernel, err := tryKernel(opts.Path, opts.Mode)
	if err != nil {
		return nil, nil, err
	}
	if kernel == nil {
		all, err := readEntries(opts.Path)
		return nil, owners(inTheWay(all, opts.Mode)), err
	}
	l := &Lock{kernel: kernel}
	held, err := l.enter(opts)
	if err != nil || len(held) > 0 {
		return nil, held, errors.Join(err, l.Release())
	}
	return l, nil, nil
}

// enter says for all to read that the lock is held, unless somebody beyond the
// kernel's reach holds it. Everyone writes first and looks then, so that of two
// at once at least one sees the other.
func (l *Lock) enter(opts Options) ([]Owner, error) {
	if held, _, err := sift(opts); err != nil || len(held) > 0 {
		return held, err
	}
	me := opts.Me
	if opts.Now != nil {
		me.Since = opts.Now()
	}
	entry, err := writeEntry(opts.Path, opts.Mode, me)
	if err != nil {
		return nil, err
	}
	l.entry = entry
	held, dead, err := sift(opts, entry)
	if err != nil || len(held) > 0 {
		return held, err
	}
	l.TookOver = owners(dead)
	return nil, removeEntries(dead)
}

// tryKernel takes the kernel's lock of a file; nil when it is held. A file that
// was removed or replaced meanwhile locks nobody out, and counts as held: it is
// tried again.
func tryKernel(path string, mode Mode) (*flock.Flock, error) {
	kernel := flock.New(path, flock.SetPermissions(0o644))
	take := kernel.TryLock
	if mode == Shared {
		take = kernel.TryRLock
	}
	if ok, err := take(); err != nil || !ok {
		return nil, err
	}
	locked, err := kernel.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(path); err == nil && os.SameFile(locked, there) {
			return kernel, nil
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return nil, errors.Join(err, kernel.Close())
}

// Release lets go. It is harmless on a Lock that isn't held, and twice.
func (l *Lock) Release() error {
	if l == nil || l.kernel == nil {
		return nil
	}
	kernel, entry := l.kernel, l.entry
	l.kernel, l.entry = nil, ""
	var err error
	if entry != "" {
		err = removeFile(entry) // first: who gets the lock next is not to find it
	}
	if err = errors.Join(err, kernel.Close()); err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}

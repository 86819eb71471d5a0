// Package faulty is a file system whose steps fail where a test wants them to.
// It is for tests: it takes each step on the real file system, or doesn't.
package faulty

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"keepsake/internal/atomicfile"
)

// Op names a kind of step.
type Op string

// The steps, one for each method of atomicfile.FS and atomicfile.Handle.
const (
	Create          Op = "create"
	Mkdir           Op = "mkdir"
	Rename          Op = "rename"
	RenameNoReplace Op = "rename without replacing"
	RemoveAll       Op = "remove"
	SyncDir         Op = "sync directory"
	Write           Op = "write"
	Sync            Op = "fsync"
	Close           Op = "close"
)

// ErrKilled is what every step returns once a plan has killed the process.
var ErrKilled = errors.New("killed here")

// Step is one step about to be taken. N counts from 1 over the whole FS. Path is
// the file or directory; of a rename, the new name.
type Step struct {
	N    int
	Op   Op
	Path string
}

// Fault is what becomes of a step. The zero Fault lets it happen.
type Fault struct {
	// Err fails the step, which then changes nothing but for what Partial says.
	Err error
	// Partial makes a failing Write put down the first half of its bytes.
	Partial bool
}

// Plan decides about each step. It is called under a lock, in the order of the
// steps, and may itself change files: the step has not happened yet.
type Plan func(Step) Fault

// FS takes the steps of Next as Plan says. It may be used by many goroutines.
type FS struct {
	Next atomicfile.FS
	Plan Plan

	mu    sync.Mutex
	steps int
}

// New returns the real file system under plan. A nil plan only counts.
func New(plan Plan) *FS { return &FS{Next: atomicfile.System{}, Plan: plan} }

// Steps returns how many steps were asked for so far.
func (f *FS) Steps() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps
}

// At returns a plan that fails the k-th step alone.
func At(k int, fault Fault) Plan {
	return func(s Step) Fault {
		if s.N == k {
			return fault
		}
		return Fault{}
	}
}

// From returns a plan that fails the k-th step and all after it, as a full disk
// does for every step that takes room. Steps that give room back go on.
func From(k int, fault Fault) Plan {
	return func(s Step) Fault {
		if s.N >= k && s.Op != RemoveAll && s.Op != Close {
			return fault
		}
		return Fault{}
	}
}

// KillAt returns a plan that leaves the disk as if the process had been killed
// just before the k-th step: neither it nor any later one happens, clean-up
// included. A write under way is torn in the middle.
func KillAt(k int) Plan {
	return func(s Step) Fault {
		if s.N < k {
			return Fault{}
		}
		return Fault{Err: ErrKilled, Partial: s.N == k}
	}
}

func (f *FS) step(op Op, path string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.Plan == nil {
		return Fault{}
	}
	return f.Plan(Step{N: f.steps, Op: op, Path: filepath.Clean(path)})
}

func (f *FS) do(op Op, path string, act func() error) error {
	if fault := f.step(op, path); fault.Err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: fault.Err}
	}
	return act()
}

// Create implements atomicfile.FS.
func (f *FS) Create(path string, perm fs.FileMode) (atomicfile.Handle, error) {
	var h atomicfile.Handle
	err := f.do(Create, path, func() (err error) {
		h, err = f.Next.Create(path, perm)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &handle{fsys: f, next: h, path: path}, nil
}

// Mkdir implements atomicfile.FS.
func (f *FS) Mkdir(path string, perm fs.FileMode) error {
	return f.do(Mkdir, path, func() error { return f.Next.Mkdir(path, perm) })
}

// Rename implements atomicfile.FS.
func (f *FS) Rename(from, to string) error {
	return f.do(Rename, to, func() error { return f.Next.Rename(from, to) })
}

// RenameNoReplace implements atomicfile.FS.
func (f *FS) RenameNoReplace(from, to string) error {
	return f.do(RenameNoReplace, to, func() error { return f.Next.RenameNoReplace(from, to) })
}

// RemoveAll implements atomicfile.FS.
func (f *FS) RemoveAll(path string) error {
	return f.do(RemoveAll, path, func() error { return f.Next.RemoveAll(path) })
}

// SyncDir implements atomicfile.FS.
func (f *FS) SyncDir(path string) error {
	return f.do(SyncDir, path, func() error { return f.Next.SyncDir(path) })
}

type handle struct {
	fsys *FS
	next atomicfile.Handle
	path string
}

// Write implements io.Writer.
func (h *handle) Write(p []byte) (int, error) {
	fault := h.fsys.step(Write, h.path)
	if fault.Err == nil {
		return h.next.Write(p)
	}
	n := 0
	if fault.Partial {
		n, _ = h.next.Write(p[:len(p)/2])
	}
	return n, &fs.PathError{Op: string(Write), Path: h.path, Err: fault.Err}
}

// Sync implements atomicfile.Handle.
func (h *handle) Sync() error {
	return h.fsys.do(Sync, h.path, h.next.Sync)
}

// Close implements atomicfile.Handle. It always lets go of the real file, so that tests leak none.
func (h *handle) Close() error {
	fault := h.fsys.step(Close, h.path)
	err := h.next.Close()
	if fault.Err != nil {
		return &fs.PathError{Op: string(Close), Path: h.path, Err: fault.Err}
	}
	return err
}

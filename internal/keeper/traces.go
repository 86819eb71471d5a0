package keeper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keepsake/internal/lock"
	"keepsake/internal/memoryid"
)

// traces are what a run made only to be able to work. One that comes to nothing takes
// them away with its end: a wrong data folder stays as it was.
type traces struct {
	folders []string // that were not there, the outermost first
	id      string   // of the memory, which had none
	// lasting says that the run has left something that needs them.
	lasting bool
}

// make makes a folder of ours, with those above it.
func (m *Memory) make(dir string) error {
	var absent []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		absent = append(absent, at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	slices.Reverse(absent)
	m.traces.folders = append(m.traces.folders, absent...)
	return nil
}

// tidy takes the traces of a run away that came to nothing. What somebody else has put
// there stays, and what can't be removed is no failure of the run.
func (m *Memory) tidy() {
	t := m.traces
	m.traces = traces{}
	if t.lasting || len(t.folders) == 0 {
		return
	}
	for path, l := range m.held {
		if slices.ContainsFunc(t.folders, func(dir string) bool { return sameFolder(dir, filepath.Dir(path)) }) {
			delete(m.held, path)
			m.unmake(path, l, t.id)
		}
	}
	_ = removeEmpty(filepath.Join(m.Root(), auditLog))
	for _, dir := range slices.Backward(t.folders) {
		_ = os.Remove(dir)
	}
}

// unmake removes a lock, and with that of the memory the id that was given in vain,
// while nobody else holds it.
func (m *Memory) unmake(path string, l *lock.Lock, id string) {
	if err := l.Release(); err != nil { // it may be shared
		m.notify("let go of lock %s: %v", path, err)
		return
	}
	alone, err := lock.Acquire(context.Background(), lock.Options{Path: path, Me: m.opts.Me, Alive: m.opts.Alive, Now: m.opts.Now})
	if err != nil {
		return // others work here
	}
	if filepath.Base(path) == targetLock {
		_ = memoryid.Forget(m.cfg.DataDir.V, id)
	}
	_ = alone.Erase()
}

// removeEmpty removes a file that holds nothing.
func removeEmpty(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return err
	}
	return os.Remove(path)
}

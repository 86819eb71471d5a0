package bundle

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"keepsake/internal/atomicfile"
	"keepsake/internal/lock"
)

// Partial is a folder of a backup root that a process owns as long as it is at
// work there: a bundle on its way, or temporary files. Its owner file is locked.
type Partial struct {
	dir  string // "" once it is gone
	fsys FS
	lock *flock.Flock
}

// ownerRecord is the owner file. Older versions read it: it has no more fields.
type ownerRecord struct {
	PID       int       `json:"pid"`
	Host      string    `json:"host"`
	BootID    string    `json:"bootId"`
	Tool      string    `json:"tool"`
	StartedAt time.Time `json:"startedAt"`
}

// MakePartial makes a partial in opts.Root, which is made when it is absent. Of
// opts it takes Root, FS, Now, Tool and Owner. After an error nothing is left.
func MakePartial(opts Options) (*Partial, error) {
	p := &Partial{fsys: cmp.Or[FS](opts.FS, atomicfile.System{})}
	root, err := filepath.Abs(opts.Root)
	if err == nil {
		err = atomicfile.MkdirAll(p.fsys, root, dirPerm)
	}
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, TempName(PartialPrefix, FormatTimestamp(opts.Now)))
	if err := p.fsys.Mkdir(dir, dirPerm); err != nil {
		return nil, err
	}
	p.dir = dir
	if err := p.own(opts); err != nil {
		return nil, errors.Join(err, p.Remove())
	}
	return p, nil
}

// own writes the owner file and locks it.
func (p *Partial) own(opts Options) error {
	o := opts.Owner
	data, err := json.Marshal(ownerRecord{o.PID, o.Host, o.BootID, opts.Tool, opts.Now.UTC()})
	if err != nil {
		return fmt.Errorf("marshal owner: %w", err)
	}
	path := filepath.Join(p.dir, ownerFile)
	if err := writeSmall(p.fsys, path, append(data, '\n')); err != nil {
		return err
	}
	kernel := existingLock(path)
	held, err := kernel.TryLock()
	if err == nil && !held {
		err = errors.New("another process holds it")
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	p.lock = kernel
	return nil
}

// existingLock is a lock on a file that it never makes.
func existingLock(path string) *flock.Flock { return flock.New(path, flock.SetFlag(os.O_RDONLY)) }

// Dir is the folder, "" once it is gone.
func (p *Partial) Dir() string { return p.dir }

// Remove removes the folder with all that is in it. It may be called twice. What
// it can't remove has a dead owner, and goes with what killed runs left.
func (p *Partial) Remove() error {
	if p == nil || p.dir == "" {
		return nil
	}
	err := p.release() // first: Windows removes no open file
	if e := p.fsys.RemoveAll(p.dir); e != nil {
		return errors.Join(err, e)
	}
	p.dir = ""
	return err
}

// release lets the owner file go. It may be called twice.
func (p *Partial) release() error {
	if p.lock == nil {
		return nil
	}
	kernel := p.lock
	p.lock = nil
	return kernel.Close()
}

// Abandoned reports whether nobody owns a partial any more: its lock is free, and
// the owner was on this machine, in an earlier boot or as a process that is known
// to have ended. Nil knows nothing of processes. One without an owner file was
// killed at the very start or the very end; the caller holds the backup root's
// lock, so nobody is between those steps now.
func Abandoned(dir string, me lock.Owner, alive func(lock.Owner) (alive, known bool)) (bool, error) {
	path := filepath.Join(dir, ownerFile)
	kernel := existingLock(path)
	free, err := kernel.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !free:
		return false, nil
	}
	dead, err := isDead(path, me, alive)
	if err = errors.Join(err, kernel.Close()); err != nil { // Windows removes no open file
		return false, err
	}
	return dead, nil
}

// isDead judges the owner of a partial whose lock is free.
func isDead(path string, me lock.Owner, alive func(lock.Owner) (alive, known bool)) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	var o ownerRecord
	switch {
	case json.Unmarshal(data, &o) != nil:
		return true, nil // torn: killed while it was written
	case o.Host != me.Host:
		return false, nil // locks may not reach across machines
	case o.BootID != me.BootID, o.PID == me.PID:
		return true, nil // we don't hold the lock: it was an earlier process with our id
	case alive == nil:
		return false, nil
	}
	running, known := alive(lock.Owner{PID: o.PID, Host: o.Host, BootID: o.BootID})
	return known && !running, nil
}

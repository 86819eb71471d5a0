package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keepsake/internal/atomicfile"
)

// Owner says which process writes a bundle. BootID changes with every start of
// the machine, so that a process id of before it names nobody.
type Owner struct {
	PID    int    `json:"pid"`
	Host   string `json:"host"`
	BootID string `json:"bootId"`
}

type ownerRecord struct {
	Owner
	Tool      string    `json:"tool"`
	StartedAt time.Time `json:"startedAt"`
}

// own writes the owner file of a partial and locks it.
func own(fsys atomicfile.FS, dir string, r ownerRecord) (*flock.Flock, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("marshal owner: %w", err)
	}
	path := filepath.Join(dir, ownerFile)
	if err := writeSmall(fsys, path, append(data, '\n')); err != nil {
		return nil, err
	}
	lock := existingLock(path)
	held, err := lock.TryLock()
	if err == nil && !held {
		err = errors.New("another process holds it")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock, nil
}

// existingLock is a lock on a file that it never makes.
func existingLock(path string) *flock.Flock { return flock.New(path, flock.SetFlag(os.O_RDONLY)) }

// PartialOptions say who looks for what dead processes left.
type PartialOptions struct {
	Root string
	FS   atomicfile.FS // nil is the real one
	// Me is the process that asks.
	Me Owner
	// Alive reports whether a process of this machine runs. Nil takes every
	// process for alive.
	Alive func(pid int) bool
}

// RemoveDeadPartials removes what killed backups left in a backup root, and
// returns the names. One that can't be removed doesn't keep it from the others. It touches only directories named as Create names them,
// whose owner is gone: the lock is free, and the owner was on this machine, in an
// earlier boot or as a process that no longer runs. A partial without an owner
// file was killed at the very start or the very end; the caller holds the backup
// root's lock, so nobody is between those steps now.
func RemoveDeadPartials(opts PartialOptions) ([]string, error) {
	entries, err := os.ReadDir(opts.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list partials: %w", err)
	}
	var removed []string
	var failed []error
	for _, e := range entries {
		if !e.IsDir() || !isPartial(e.Name()) {
			continue
		}
		gone, err := removeIfDead(filepath.Join(opts.Root, e.Name()), opts)
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("remove partial %s: %w", e.Name(), err))
		case gone:
			removed = append(removed, e.Name())
		}
	}
	return removed, errors.Join(failed...)
}

// isPartial knows the names that Create makes.
func isPartial(name string) bool {
	_, ok := stampAndRandom(name, PartialPrefix)
	return ok
}

// stampAndRandom takes the name of a partial or of trash apart: prefix,
// timestamp, "-", random.
func stampAndRandom(name, prefix string) (timestamp string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) != len(timestampLayout)+1+randomLen || rest[len(timestampLayout)] != '-' {
		return "", false
	}
	timestamp = rest[:len(timestampLayout)]
	_, err := ParseTimestamp(timestamp)
	return timestamp, err == nil
}

func removeIfDead(dir string, opts PartialOptions) (bool, error) {
	path := filepath.Join(dir, ownerFile)
	lock := existingLock(path)
	free, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, orSystem(opts.FS).RemoveAll(dir)
	case err != nil:
		return false, err
	case !free:
		return false, nil
	}
	dead, err := isDead(path, opts)
	err = errors.Join(err, lock.Close()) // Windows removes no open file
	if err != nil || !dead {
		return false, err
	}
	return true, orSystem(opts.FS).RemoveAll(dir)
}

// isDead judges the owner of a partial whose lock is free.
func isDead(path string, opts PartialOptions) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	var owner ownerRecord
	switch {
	case json.Unmarshal(data, &owner) != nil:
		return true, nil // torn: killed while it was written
	case owner.Host != opts.Me.Host:
		return false, nil // locks may not reach across machines
	case owner.BootID != opts.Me.BootID, owner.PID == opts.Me.PID:
		return true, nil // we don't hold the lock: it was an earlier process with our id
	case opts.Alive == nil:
		return false, nil
	}
	return !opts.Alive(owner.PID), nil
}

func orSystem(fsys atomicfile.FS) atomicfile.FS {
	if fsys == nil {
		return atomicfile.System{}
	}
	return fsys
}

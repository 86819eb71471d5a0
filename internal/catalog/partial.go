package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/atomicfile"
	"keepsake/internal/bundle"
	"keepsake/internal/lock"
)

// PartialOptions say who looks for what dead processes left.
type PartialOptions struct {
	Root string
	FS   atomicfile.FS // nil is the real one
	// Me is the process that asks.
	Me lock.Owner
	// Alive is as that of lock.Options: nil knows nothing.
	Alive func(lock.Owner) (alive, known bool)
}

// RemoveDeadPartials removes what killed runs left in a backup root, bundles on
// their way and scratch folders, and returns the names. One that can't be removed
// doesn't keep it from the others. It touches only directories named as ours are,
// and of these only those that bundle.Abandoned says nobody owns. The caller
// holds the backup root's lock.
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
		if _, ours := bundle.ParseTempName(bundle.PartialPrefix, e.Name()); !ours || !e.IsDir() {
			continue
		}
		dir := filepath.Join(opts.Root, e.Name())
		dead, err := bundle.Abandoned(dir, opts.Me, opts.Alive)
		if err == nil && dead {
			err = cmp.Or[atomicfile.FS](opts.FS, atomicfile.System{}).RemoveAll(dir)
		}
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("remove partial %s: %w", e.Name(), err))
		case dead:
			removed = append(removed, e.Name())
		}
	}
	return removed, errors.Join(failed...)
}

// Scratch is a folder for temporary files in a backup root, on the disk that has
// room for a bundle. It is a partial: what a killed run leaves of it goes with
// what it leaves of a bundle.
type Scratch struct{ *bundle.Partial }

// MakeScratch makes a scratch folder as bundle.MakePartial does. The caller holds
// the root's lock until Remove.
func MakeScratch(opts bundle.Options) (Scratch, error) {
	p, err := bundle.MakePartial(opts)
	if err != nil {
		return Scratch{}, fmt.Errorf("make scratch folder: %w", err)
	}
	return Scratch{p}, nil
}

// Remove removes the folder with all that is in it. It may be called twice.
func (s Scratch) Remove() error {
	if err := s.Partial.Remove(); err != nil {
		return fmt.Errorf("remove scratch folder: %w", err)
	}
	return nil
}

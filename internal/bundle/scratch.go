package bundle

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"

	"keepsake/internal/atomicfile"
)

// Scratch is a folder for temporary files in a backup root, on the disk that has
// room for a bundle. It is named and owned as a partial is: what a killed run leaves
// of it goes with what it leaves of a bundle.
type Scratch struct {
	dir  string
	fsys atomicfile.FS
	lock *flock.Flock
}

// MakeScratch makes a scratch folder in opts.Root, which is made when it is absent.
// Of opts it takes Root, FS, Now, Tool and Owner. The caller holds the root's lock
// until Remove.
func MakeScratch(opts Options) (*Scratch, error) {
	s := &Scratch{fsys: orSystem(opts.FS)}
	root, err := filepath.Abs(opts.Root)
	if err == nil {
		err = atomicfile.MkdirAll(s.fsys, root, dirPerm)
	}
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	dir := filepath.Join(root, PartialPrefix+FormatTimestamp(opts.Now)+"-"+rand.Text()[:randomLen])
	if err := s.fsys.Mkdir(dir, dirPerm); err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	s.dir = dir
	if s.lock, err = own(s.fsys, dir, ownerRecord{opts.Owner, opts.Tool, opts.Now.UTC()}); err != nil {
		return nil, errors.Join(fmt.Errorf("make scratch folder: %w", err), s.Remove())
	}
	return s, nil
}

// Dir is the folder; what is made in it is anybody's.
func (s *Scratch) Dir() string { return s.dir }

// Remove removes the folder with all that is in it. It may be called twice.
func (s *Scratch) Remove() error {
	if s == nil || s.dir == "" {
		return nil
	}
	var err error
	if s.lock != nil { // Windows removes no open file
		err = s.lock.Close()
	}
	err = errors.Join(err, s.fsys.RemoveAll(s.dir))
	if err != nil {
		return fmt.Errorf("remove scratch folder: %w", err)
	}
	s.dir = ""
	return nil
}

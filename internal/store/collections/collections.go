// Package collections is the embedded engine: any number of vector collections
// in one SQLite file, for demos, trials and drills, where no server is wanted.
// It is a source and a target like every other store. DESIGN.md beside this
// file is the promise it keeps on disk.
package collections

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Config says where the file is and which sections live in it.
type Config struct {
	// Path is the file. It need not exist: reading finds every section absent
	// then, and Merge makes it.
	Path string
	// Collections maps each section to the name of its collection.
	Collections map[memory.Section]string
	// BusyTimeout is how long to wait for another process's lock; 0 is five seconds.
	BusyTimeout time.Duration
	// Now stamps captures. Without it they carry no times.
	Now func() time.Time
}

// Store is the collections of one file, seen for reading and for writing.
type Store struct {
	config Config
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Target = (*Store)(nil)
)

// New returns the store that config describes. It touches nothing.
func New(config Config) *Store {
	if config.BusyTimeout <= 0 {
		config.BusyTimeout = 5 * time.Second
	}
	if config.Now == nil {
		config.Now = func() time.Time { return time.Time{} }
	}
	return &Store{config: config}
}

// collectionOf returns the name of a section's collection.
func (s *Store) collectionOf(section memory.Section) (string, error) {
	name, ok := s.config.Collections[section]
	if !ok || name == "" {
		return "", fmt.Errorf("find collection of %s: %w: no collection is configured for it in %s",
			section, store.ErrAbsent, s.config.Path)
	}
	return name, nil
}

// locator names the collection, whether it exists or not; id may be empty.
func (s *Store) locator(name, id string) memory.Locator {
	return memory.Locator{
		Kind:         memory.KindCollections,
		Path:         resolve(s.config.Path),
		Collection:   name,
		CollectionID: id,
	}
}

// resolve follows the links of the deepest part of path that exists, so that
// one file has one name.
func resolve(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	target, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(abs) != abs {
		return filepath.Join(resolve(filepath.Dir(abs)), filepath.Base(abs))
	}
	if err != nil {
		return abs
	}
	return target
}

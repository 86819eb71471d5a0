// Package collections is the embedded engine: any number of vector collections
// in one SQLite file, for demos, trials and drills, where no server is wanted.
// It is a source and a target like every other store. DESIGN.md beside this
// file is the promise it keeps on disk.
package collections

import (
	"fmt"
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
	_ store.Store    = (*Store)(nil)
	_ store.Replacer = (*Store)(nil)
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
	// What can't be resolved was refused before, or will be: it is named as given.
	path, _, _ := store.Locate(s.config.Path)
	return memory.Locator{
		Kind:         memory.KindCollections,
		Path:         path,
		Collection:   name,
		CollectionID: id,
	}
}

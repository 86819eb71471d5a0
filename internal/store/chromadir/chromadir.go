// Package chromadir reads the persist directory of a Chroma, with no server and
// none of Chroma's code: its SQLite database, the files of its vector indexes,
// and the queue of what those don't hold yet. It works on copies and writes
// nothing into the directory, whether a server has it open, crashed, or is
// gone. What the files are is in docs/chroma.md.
package chromadir

import (
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Config says where a directory is. Path, TempDir and Collections are required.
type Config struct {
	// Path is the persist directory: the one that holds chroma.sqlite3.
	Path     string
	Tenant   string // default_tenant
	Database string // default_database

	// Collections names the collection of each section.
	Collections map[memory.Section]string
	// Others is the subsystem of the collections that Collections does not name;
	// empty leaves them out. Takes says which of them Open finds: nil takes all but
	// what swaps left. Rescue takes all.
	Others memory.Subsystem
	Takes  func(collection string) bool
	// Literal are those of Others that somebody named as they are.
	Literal []string

	// Known says whether a source reads a collection, or leaves it out on purpose: Open
	// tells of the others. Nil knows nothing, and nothing is told. Chosen says that
	// somebody named the database.
	Known  func(tenant, database, collection string) bool
	Chosen bool

	// TempDir is an existing folder with room for a copy of the database and of
	// the indexes. What is made in it is gone after Close.
	TempDir string
	// Now is the clock for the times of a capture and for how long the lock was
	// held; without it they stay zero.
	Now func() time.Time
	// BusyTimeout is how long to wait for a server to let go of its database; 0
	// is ten seconds.
	BusyTimeout time.Duration
	// Tries is how often to look again when the directory changes under the
	// copying, 0 is ten times.
	Tries int
}

// The defaults of Config.
const (
	defaultTenant   = "default_tenant"
	defaultDatabase = "default_database"
	defaultBusy     = 10 * time.Second
	defaultTries    = 10
)

// Dir is a persist directory, as a store.Store. It keeps nothing open between
// calls.
type Dir struct{ config Config }

var _ store.Store = (*Dir)(nil)

// New returns the directory that config names, without looking at it.
func New(config Config) *Dir {
	if config.Tenant == "" {
		config.Tenant = defaultTenant
	}
	if config.Database == "" {
		config.Database = defaultDatabase
	}
	if config.BusyTimeout <= 0 {
		config.BusyTimeout = defaultBusy
	}
	if config.Tries <= 0 {
		config.Tries = defaultTries
	}
	if config.Now == nil {
		config.Now = func() time.Time { return time.Time{} }
	}
	return &Dir{config}
}

// locator names a collection of the directory, whose links are resolved.
func locator(path string, found *collection) memory.Locator {
	return memory.Locator{
		Kind: memory.KindChromaDir, Path: path, Tenant: found.tenant, Database: found.database,
		Collection: found.name, CollectionID: found.id,
	}
}

// Package opaque keeps files that are no stream of records, whole: SQLite
// databases of any schema, and any other file. The records of a section are
// consecutive blocks of the file's bytes. A database is read as one consistent
// copy that SQLite makes of it, so a restored one is the same database, not the
// same file.
package opaque

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// block is the length of a record, but for the last one of a file.
const block = 1 << 20

// Source is a file, or the files that a pattern matches, of one subsystem.
type Source struct {
	Subsystem memory.Subsystem
	// Path is absolute: a file, or a pattern with *, ?, [...], {...} and ** as in
	// doublestar. The base is the longest part without them, of a plain file its
	// folder; a section's name is the path below it. Hidden files and folders, and
	// folders behind a link, are never matched.
	Path string
	// Base, where it is set, is the folder as it is, whatever characters it has, and
	// Path the pattern below it, with slashes.
	Base string
	// Exclude are patterns relative to the base. What one matches is left out; of
	// a folder all that is below it.
	Exclude []string
	// SQLite says that the files are databases.
	SQLite bool
	// SkipJSONL leaves *.jsonl out: another store reads them.
	SkipJSONL bool
	// Plans are those of the replaces of this memory: what one moved away bears its name,
	// and is no source.
	Plans []string
	// Names are the paths of sections that don't stand at base and name: where a
	// restore is to put them.
	Names map[memory.Section]string
}

// Config says where files are.
type Config struct {
	Sources []Source
	// TempDir is where copies are made while they are read. It must have room for
	// the largest file.
	TempDir string
	// Now stamps captures. Without it they carry no times.
	Now func() time.Time
	// FS takes the steps by which files are replaced; nil is the real one.
	FS atomicfile.FS
}

// Files are the files of a Config, as a store.Store and a store.Replacer. They
// keep nothing open between calls.
type Files struct {
	config Config
	// readDir lists a folder. It is a seam: root may read every one.
	readDir func(string) ([]fs.DirEntry, error)
	// copied is called when a file has been copied, before it is looked at again.
	copied func()
}

var (
	_ store.Store    = (*Files)(nil)
	_ store.Replacer = (*Files)(nil)
)

// New returns the files that config names, without looking at them.
func New(config Config) *Files {
	if config.Now == nil {
		config.Now = func() time.Time { return time.Time{} }
	}
	if config.FS == nil {
		config.FS = atomicfile.System{}
	}
	return &Files{config: config, readDir: os.ReadDir, copied: func() {}}
}

func (s Source) locator(path string) memory.Locator {
	kind := memory.KindFiles
	if s.SQLite {
		kind = memory.KindSQLite
	}
	return memory.Locator{Kind: kind, Path: path}
}

func (s Source) section(name string) memory.Section {
	return memory.Section(string(s.Subsystem) + "/" + name)
}

// source returns the source that holds section, whether or not it exists. A
// database is never the section of a source of other files that matches it too.
func (f *Files) source(section memory.Section) (Source, error) {
	var odd error
	for _, databases := range []bool{true, false} {
		for _, s := range f.config.Sources {
			if s.SQLite != databases || s.Subsystem != section.Subsystem() {
				continue
			}
			if err := checkName(section.Name()); err != nil {
				odd = unreachable(s.Path, err)
				continue
			}
			held, err := s.holds(section)
			if err != nil {
				return s, unreachable(s.Path, err)
			}
			if held && (s.SQLite || !f.claimed(s.path(section))) {
				return s, nil
			}
		}
	}
	if odd != nil {
		return Source{}, odd
	}
	return Source{}, fmt.Errorf("section %s: %w: no file is configured for it", section, store.ErrAbsent)
}

// Package flat reads and writes JSONL files: folders in which each file is a
// section, and single files. Lines are kept byte for byte; what is in them is
// looked at only where a merge needs to know who a line is.
package flat

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

const extension = ".jsonl"

// Source is a file, or a folder of files, of one subsystem.
type Source struct {
	Subsystem memory.Subsystem
	// Path is the file or the folder. It need not exist.
	Path string
	// Name is the section's name within the subsystem when Path is a file. Empty
	// means that Path is a folder: each <name>.jsonl in it is a section <name>.
	Name string
	// Keyed says that a line is known by its "id", else by "source", "target" and
	// "type": a merge keeps the live line of that key. Without it the file is a
	// log, in which equal lines may stand more than once.
	Keyed bool
}

// Config says where files are.
type Config struct {
	Sources []Source
	// Now stamps captures. Without it they carry no times.
	Now func() time.Time
	// FS takes the steps by which files are replaced; nil is the real one.
	FS atomicfile.FS
}

// Files are the files of a Config, as a store.Store and a store.Replacer. They
// keep nothing open between calls.
type Files struct{ config Config }

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
	return &Files{config}
}

// folder reports whether the source is a folder of sections.
func (s Source) folder() bool { return s.Name == "" }

// section is the section of a file of the source.
func (s Source) section(name string) memory.Section {
	return memory.Section(string(s.Subsystem) + "/" + name)
}

// holds reports whether section belongs to the source, whether or not it exists.
func (s Source) holds(section memory.Section) bool {
	if s.folder() {
		return section.Subsystem() == s.Subsystem && section.Name() != ""
	}
	return section == s.section(s.Name)
}

// file is the path of a section that the source holds. A name from a bundle must
// not lead out of the folder, and must be one that a reading would take.
func (s Source) file(section memory.Section) (string, error) {
	if !s.folder() {
		return s.Path, nil
	}
	name := section.Name() + extension
	if strings.ContainsAny(name, `/\:`) || hidden(name) || !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is no name for a file", name)
	}
	return filepath.Join(s.Path, name), nil
}

// hidden files belong to editors, file managers and half-done writes.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// source returns the source that holds section.
func (f *Files) source(section memory.Section) (Source, error) {
	for _, s := range f.config.Sources {
		if s.holds(section) {
			return s, nil
		}
	}
	return Source{}, fmt.Errorf("section %s: %w: no file is configured for it", section, store.ErrAbsent)
}

func locator(path string) memory.Locator {
	return memory.Locator{Kind: memory.KindFiles, Path: path}
}

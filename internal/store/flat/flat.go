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
	"keepsake/internal/pattern"
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
	// Pattern says which files of a folder are meant, those below it included: a
	// section is the path of its file without ".jsonl". Its Glob is "*.jsonl" when it
	// is empty; of what else it matches nothing is taken.
	Pattern pattern.Pattern
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
	switch {
	case !s.folder():
		return section == s.section(s.Name)
	case section.Subsystem() != s.Subsystem || section.Name() == "":
		return false
	}
	return s.Pattern.Glob == "" || s.Pattern.Takes(section.Name()+extension)
}

// file is the path of a section that the source holds. A name from a bundle must
// not lead out of the folder, and must be one that a reading would take.
func (s Source) file(section memory.Section) (string, error) {
	if !s.folder() {
		return s.Path, nil
	}
	name := section.Name() + extension
	if strings.ContainsAny(name, `\:`) || !s.pattern().Takes(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%q is no name for a file", name)
	}
	return filepath.Join(s.Path, filepath.FromSlash(name)), nil
}

// pattern is what the files of a folder are meant by.
func (s Source) pattern() pattern.Pattern {
	p := s.Pattern
	if p.Glob == "" {
		p.Glob = "*" + extension
	}
	return p
}

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

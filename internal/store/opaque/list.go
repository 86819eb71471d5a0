package opaque

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// entry is a file that is there.
type entry struct {
	source  Source
	section memory.Section
	path    string // links resolved
	// refused says why it must not be read: it would be wrong to follow it, and as
	// wrong to go on as if it were not there.
	refused error
}

// lister lists the files of one source.
type lister struct {
	files    *Files
	source   Source
	wanted   []memory.Section
	base     string // links resolved
	found    []entry
	findings []memory.Finding
	unlisted []error // of folders that can't be opened
}

// list finds the files of a source among the sections wanted, all when there are
// none. A folder that can't be read is told of, the base itself is an error: what is in
// it is not absent.
func (f *Files) list(source Source, wanted []memory.Section) (*lister, error) {
	l := &lister{files: f, source: source, wanted: wanted}
	ofSource := func(s memory.Section) bool { return s.Subsystem() == source.Subsystem }
	if len(wanted) > 0 && !slices.ContainsFunc(wanted, ofSource) {
		return l, nil
	}
	base, _ := source.split()
	if !filepath.IsAbs(base) {
		return nil, unreachable(source.Path, errors.New("the path is not absolute"))
	}
	resolved, info, err := store.Locate(base)
	if err != nil {
		return nil, unreachable(base, err)
	}
	if info == nil {
		return l, nil
	}
	if !info.IsDir() {
		return nil, unreachable(base, fmt.Errorf("it is no folder but %s", beside.Kind(info.Mode())))
	}
	l.base = resolved
	return l, l.folder("")
}

// folder lists a folder by its name below the base.
func (l *lister) folder(name string) error {
	dir := filepath.Join(l.base, filepath.FromSlash(name))
	entries, err := l.files.readDir(dir) // sorted
	if errors.Is(err, fs.ErrNotExist) && name != "" {
		return nil // it went away meanwhile
	}
	if err != nil && name != "" {
		l.unlisted = append(l.unlisted, unreachable(dir, err))
		return nil
	}
	if err != nil {
		return unreachable(dir, err)
	}
	for _, e := range entries {
		if hidden(e.Name()) && !l.source.pattern().Hidden() {
			continue
		}
		if err := l.one(path.Join(name, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) one(name string, e fs.DirEntry) error {
	if e.IsDir() {
		may, err := l.source.mayHold(name)
		if err != nil {
			return unreachable(l.source.Path, err)
		}
		if !may {
			return nil
		}
		return l.folder(name)
	}
	section := l.source.section(name)
	match, err := l.source.matches(name)
	if err != nil {
		return unreachable(l.source.Path, err)
	}
	if !match || len(l.wanted) > 0 && !slices.Contains(l.wanted, section) || l.taken(name) {
		return nil
	}
	l.file(name, section)
	return nil
}

// taken reports whether a file is a database of another source, or lies beside a
// database because SQLite keeps it there.
func (l *lister) taken(name string) bool {
	base, _ := l.source.split()
	file := filepath.Join(base, filepath.FromSlash(name))
	if !l.source.SQLite {
		return l.files.claimed(file)
	}
	for _, s := range l.files.config.Sources {
		if s.SQLite && l.files.isSidecar(s, file) {
			return true
		}
	}
	return false
}

// file resolves a file. A link that leads out of the base, or to nothing, and a
// name that a bundle can't have, are refused; what is no file gets a finding.
func (l *lister) file(name string, section memory.Section) {
	at := filepath.Join(l.base, filepath.FromSlash(name))
	found := entry{source: l.source, section: section, path: at}
	resolved, info, err := store.Locate(at)
	switch {
	case err != nil:
		found.refused = beside.Bare(err)
	case info == nil:
		return // it went away meanwhile
	case !info.Mode().IsRegular():
		l.findings = append(l.findings, memory.Finding{
			Level: memory.Warning, Code: "no-file", Section: section, File: at,
			Message: "it is no file but " + beside.Kind(info.Mode()) + ", and is left out",
			Hint:    "exclude it, or give its contents a place of their own",
		})
		return
	case !within(l.base, resolved):
		found.refused = fmt.Errorf("it is a link that leads out of its folder, to %s", resolved)
	case checkName(name) != nil:
		found.refused = checkName(name)
	default:
		found.path = resolved
	}
	l.found = append(l.found, found)
}

// within reports whether a path is below a folder; both are resolved.
func within(folder, path string) bool {
	name, err := filepath.Rel(folder, path)
	return err == nil && name != "." && filepath.IsLocal(name)
}

func unreachable(path string, err error) error {
	return fmt.Errorf("open %s: %w: %w", path, store.ErrUnreachable, beside.Bare(err))
}

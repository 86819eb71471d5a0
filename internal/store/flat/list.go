package flat

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// entry is a file that is there.
type entry struct {
	section memory.Section
	path    string // links resolved
	// refused says why its lines must not be read: it would be wrong to follow
	// it, and as wrong to go on as if it were not there.
	refused error
}

// list finds the files of a source among the sections wanted (all, when there
// are none), and says what is wrong with the others. What is absent is not.
func (s Source) list(wanted []memory.Section) (found []entry, findings []memory.Finding, err error) {
	if len(wanted) > 0 && !slices.ContainsFunc(wanted, s.holds) {
		return nil, nil, nil
	}
	path, info, err := store.Locate(s.Path)
	if err != nil {
		return nil, nil, unreachable(s.Path, err)
	}
	if info == nil {
		return nil, nil, nil
	}
	if s.folder() {
		return s.listFolder(path, info, wanted)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, unreachable(path, fmt.Errorf("it is no file but %s", beside.Kind(info.Mode())))
	}
	return []entry{{section: s.section(s.Name), path: path}}, nil, nil
}

func (s Source) listFolder(dir string, info fs.FileInfo, wanted []memory.Section) (found []entry, findings []memory.Finding, err error) {
	if !info.IsDir() {
		return nil, nil, unreachable(dir, fmt.Errorf("it is no folder but %s", beside.Kind(info.Mode())))
	}
	names, err := s.names(dir)
	if err != nil {
		return nil, nil, unreachable(dir, err)
	}
	for _, name := range names {
		base, isJSONL := strings.CutSuffix(name, extension)
		section := s.section(base)
		if !isJSONL || len(wanted) > 0 && !slices.Contains(wanted, section) {
			continue
		}
		entry, finding := inside(dir, name)
		entry.section = section
		switch {
		case finding != nil:
			finding.Section = section
			findings = append(findings, *finding)
		case entry.path != "":
			found = append(found, entry)
		}
	}
	if len(found)+len(findings) == 0 && len(wanted) == 0 && s.Pattern.Glob == "" {
		findings = append(findings, memory.Finding{
			Level: memory.Warning, Code: "folder-without-jsonl", Section: memory.Section(s.Subsystem), File: dir,
			Message: "the folder exists and holds no " + extension + " files",
		})
	}
	return found, findings, nil
}

// names lists what is in the folder, or what the pattern means below it.
func (s Source) names(dir string) (names []string, err error) {
	if s.Pattern.Glob != "" {
		return s.Pattern.List(dir)
	}
	entries, err := os.ReadDir(dir) // sorted
	for _, e := range entries {
		if s.pattern().Takes(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// inside resolves a name of a folder. A link that leads out of it, or to
// nothing, is refused; what is no file gets a finding. The zero entry is that of
// a file that went away meanwhile.
func inside(dir, name string) (entry, *memory.Finding) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	resolved, info, err := store.Locate(path)
	switch {
	case err != nil:
		return entry{path: path, refused: beside.Bare(err)}, nil
	case info == nil:
		return entry{}, nil
	case !info.Mode().IsRegular():
		return entry{}, &memory.Finding{
			Level: memory.Warning, Code: "no-file", File: path,
			Message: "it is no file but " + beside.Kind(info.Mode()) + ", and is left out",
			Hint:    "rename it, so that it doesn't end in " + extension,
		}
	case !within(dir, resolved):
		return entry{path: path, refused: fmt.Errorf("it is a link that leads out of its folder, to %s", resolved)}, nil
	}
	return entry{path: resolved}, nil
}

// within reports whether a resolved path is below a folder.
func within(dir, resolved string) bool {
	rel, err := filepath.Rel(dir, resolved)
	return err == nil && filepath.IsLocal(rel)
}

func unreachable(path string, err error) error {
	return fmt.Errorf("open %s: %w: %w", path, store.ErrUnreachable, beside.Bare(err))
}

package flat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// entry is a file that is there.
type entry struct {
	section memory.Section
	path    string // links resolved
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
		return nil, nil, unreachable(path, fmt.Errorf("it is no file but %s", kind(info.Mode())))
	}
	return []entry{{s.section(s.Name), path}}, nil, nil
}

func (s Source) listFolder(dir string, info fs.FileInfo, wanted []memory.Section) (found []entry, findings []memory.Finding, err error) {
	if !info.IsDir() {
		return nil, nil, unreachable(dir, fmt.Errorf("it is no folder but %s", kind(info.Mode())))
	}
	names, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, nil, unreachable(dir, err)
	}
	for _, name := range names {
		base, isJSONL := strings.CutSuffix(name.Name(), extension)
		section := s.section(base)
		if !isJSONL || hidden(name.Name()) || len(wanted) > 0 && !slices.Contains(wanted, section) {
			continue
		}
		path, refusal := inside(dir, name.Name())
		if refusal != nil {
			refusal.Section = section
			findings = append(findings, *refusal)
			continue
		}
		if path != "" {
			found = append(found, entry{section, path})
		}
	}
	if len(found)+len(findings) == 0 && len(wanted) == 0 {
		findings = append(findings, memory.Finding{
			Level: memory.Warning, Code: "folder-without-jsonl", Section: memory.Section(s.Subsystem), File: dir,
			Message: "the folder exists and holds no " + extension + " files",
		})
	}
	return found, findings, nil
}

// inside resolves a name of a folder. It refuses what a backup must not follow
// or cannot read: a link that leads out, and what is no file. A file that went
// away meanwhile is neither.
func inside(dir, name string) (path string, refusal *memory.Finding) {
	path = filepath.Join(dir, name)
	resolved, info, err := store.Locate(path)
	switch {
	case err != nil:
		return "", &memory.Finding{
			Level: memory.Refusal, Code: "unreachable-file", File: path, Message: err.Error(),
			Hint: "mend or remove it",
		}
	case info == nil:
		return "", nil
	case !info.Mode().IsRegular():
		return "", &memory.Finding{
			Level: memory.Warning, Code: "no-file", File: path,
			Message: "it is no file but " + kind(info.Mode()) + ", and is left out",
			Hint:    "rename it, so that it doesn't end in " + extension,
		}
	case filepath.Dir(resolved) != dir:
		return "", &memory.Finding{
			Level: memory.Refusal, Code: "link-leaves", File: path,
			Message: "it is a link that leads out of its folder, to " + resolved,
			Hint:    "put the file itself there, or configure its own place",
		}
	}
	return resolved, nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.Type().String()
}

func unreachable(path string, err error) error {
	return fmt.Errorf("open %s: %w: %w", path, store.ErrUnreachable, bare(err))
}

// bare takes the path off an error that will name it anyway.
func bare(err error) error {
	var failure *fs.PathError
	if errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

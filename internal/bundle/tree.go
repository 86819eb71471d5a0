package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"

	"keepsake/internal/memory"
)

// tree is what lies in a bundle's directory.
type tree struct {
	files    map[string]int64 // bytes by path, with slashes
	folders  map[string]bool
	findings []memory.Finding
}

// names returns the paths of the files, sorted.
func (t *tree) names() []string {
	all := make([]string, 0, len(t.files))
	for name := range t.files {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// errEntries ends a scan that finds too much.
var errEntries = errors.New("too many files and folders")

// scan lists a bundle without following a link or opening a file. Of one with
// too many entries it lists the first, and finds that.
func scan(root *os.Root, limits Limits) (*tree, error) {
	t := &tree{files: make(map[string]int64), folders: make(map[string]bool)}
	err := t.folder(root, ".", limits)
	switch {
	case errors.Is(err, errEntries):
		t.findings = append(t.findings, memory.Finding{
			Level: memory.Refusal, Code: CodeEntries,
			Message: fmt.Sprintf("has more than %d files and folders", limits.Entries),
		})
	case err != nil:
		return nil, fmt.Errorf("list bundle: %w", err)
	}
	return t, nil
}

func (t *tree) folder(root *os.Root, dir string, limits Limits) error {
	entries, err := readDir(root, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if len(t.files)+len(t.folders) >= limits.Entries {
			return errEntries
		}
		if err := t.entry(root, path.Join(dir, e.Name()), e, limits); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) entry(root *os.Root, name string, e fs.DirEntry, limits Limits) error {
	info, err := e.Info()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		t.folders[name] = true
		return t.folder(root, name, limits)
	case !info.Mode().IsRegular():
		t.findings = append(t.findings, memory.Finding{
			Level: memory.Refusal, Code: CodeNotRegular, File: name,
			Message: "is a " + describe(info.Mode()) + ", not a regular file",
		})
		return nil
	}
	t.files[name] = info.Size()
	return nil
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries, err
}

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// Package pattern says what the patterns of paths mean that an operator writes: one
// meaning for whoever reads files by them and for whoever only reasons about them.
package pattern

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Pattern says which files below a folder are meant. Names that begin with a dot, and
// what is in folders of such names, are only where the pattern itself has a dot there,
// as in a shell: most belong to editors, to version control and to half-done writes.
type Pattern struct {
	// Glob is what their paths match, relative to the folder, with slashes, in the
	// syntax of doublestar: "**/*.md".
	Glob string
	// Exclude are globs of what is left out all the same: a file, or a folder with all
	// that is in it.
	Exclude []string
}

// Takes reports whether the file of that path, relative and with slashes, is meant. One
// whose name is no UTF-8 may be: that nothing can be done with it is for others to say.
func (p Pattern) Takes(name string) bool {
	if !fs.ValidPath(strings.ToValidUTF8(name, "_")) || name == "." || dotted(name) > dotted(p.Glob) {
		return false
	}
	ok, err := doublestar.Match(p.Glob, name)
	return err == nil && ok && !p.Excludes(name)
}

// dotted counts the parts of a path or pattern that begin with a dot.
func dotted(path string) (n int) {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, ".") {
			n++
		}
	}
	return n
}

// Hidden reports whether the pattern means something whose name begins with a dot.
func (p Pattern) Hidden() bool { return dotted(p.Glob) > 0 }

// Excludes reports whether a file or folder, or a folder above it, is left out.
func (p Pattern) Excludes(name string) bool {
	return slices.ContainsFunc(p.Exclude, func(glob string) bool {
		for at := name; at != "."; at = path.Dir(at) {
			if ok, err := doublestar.Match(glob, at); err == nil && ok {
				return true
			}
		}
		return false
	})
}

// MayReach reports whether something below a folder, relative and with slashes, may be
// meant, so that other folders need not be read.
func (p Pattern) MayReach(folder string) bool {
	if p.Excludes(folder) {
		return false
	}
	parts, names := strings.Split(p.Glob, "/"), strings.Split(folder, "/")
	for i, name := range names {
		if i == len(parts) || strings.ContainsAny(parts[i], "{}") { // which may hold slashes
			return i < len(parts)
		}
		if parts[i] == "**" {
			return true
		}
		if ok, err := doublestar.Match(parts[i], name); err != nil || !ok {
			return false
		}
	}
	return len(parts) > len(names)
}

// Validate refuses what is no pattern, and would match nothing.
func (p Pattern) Validate() error {
	for _, glob := range append([]string{p.Glob}, p.Exclude...) {
		if !doublestar.ValidatePattern(glob) {
			return fmt.Errorf("pattern %q: %w", glob, doublestar.ErrBadPattern)
		}
	}
	return nil
}

// List returns what is meant and is no folder, sorted. Folders that are links are not
// gone into: they may lead out, or round. A folder that can't be read is an error.
func (p Pattern) List(dir string) ([]string, error) {
	if _, err := os.ReadDir(dir); err != nil { // an absent one would match nothing
		return nil, fmt.Errorf("list %s in %s: %w", p.Glob, dir, err)
	}
	var found []string
	err := doublestar.GlobWalk(os.DirFS(dir), p.Glob, func(name string, d fs.DirEntry) error {
		if !d.IsDir() && p.Takes(name) {
			found = append(found, name)
		}
		return nil
	}, doublestar.WithFailOnIOErrors(), doublestar.WithNoHidden(), doublestar.WithNoFollow())
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", p.Glob, dir, err)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

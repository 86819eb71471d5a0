package opaque

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"

	"keepsake/internal/memory"
)

// checkName refuses what a reading would never have called a section: a name
// must not lead out of its base on any system, and is part of file names.
func checkName(name string) error {
	odd := func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }
	if name == "" || path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) ||
		strings.ContainsAny(name, `\:`) || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q is no name for a file", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if hidden(part) || strings.TrimRight(part, ". ") != part {
			return fmt.Errorf("%q is no name for a file", name)
		}
	}
	return nil
}

// hidden files belong to editors, file managers and half-done writes.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// ours reports whether a name is one that a commit gives to what it moves away.
func ours(name string) bool { return asideName().MatchString(name) }

func asideName() *regexp.Regexp { return regexp.MustCompile(`\.(aside|parking)-[0-9A-Za-z-]+$`) }

// sidecars are what SQLite keeps beside a database.
func sidecars() []string { return []string{"-wal", "-shm", "-journal"} }

// split returns the base, with the separators of the system, and the pattern
// below it, with slashes.
func (s Source) split() (base, pattern string) {
	if s.Base != "" {
		return s.Base, s.Path
	}
	base, pattern = doublestar.SplitPattern(filepath.ToSlash(s.Path))
	return filepath.FromSlash(base), pattern
}

// path is where a section stands that the source holds.
func (s Source) path(section memory.Section) string {
	if path, found := s.Names[section]; found {
		return path
	}
	base, _ := s.split()
	return filepath.Join(base, filepath.FromSlash(section.Name()))
}

// holds reports whether a section belongs to the source, whether or not it
// exists. An error is one of a pattern.
func (s Source) holds(section memory.Section) (bool, error) {
	if section.Subsystem() != s.Subsystem || checkName(section.Name()) != nil {
		return false, nil
	}
	if _, found := s.Names[section]; found {
		return true, nil
	}
	return s.matches(section.Name())
}

// matches reports whether a name below the base is one of the source's.
func (s Source) matches(name string) (bool, error) {
	if s.SkipJSONL && strings.HasSuffix(name, ".jsonl") || ours(path.Base(name)) {
		return false, nil
	}
	_, pattern := s.split()
	match, err := doublestar.Match(pattern, name)
	if err != nil || !match {
		return false, patternError(pattern, err)
	}
	excluded, err := s.excludes(name)
	return !excluded, err
}

// excludes reports whether a name, or a folder above it, is excluded.
func (s Source) excludes(name string) (bool, error) {
	for _, pattern := range s.Exclude {
		for at := name; at != "."; at = path.Dir(at) {
			match, err := doublestar.Match(filepath.ToSlash(pattern), at)
			if err != nil || match {
				return match, patternError(pattern, err)
			}
		}
	}
	return false, nil
}

func patternError(pattern string, err error) error {
	if err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return nil
}

// mayHold reports whether something below a folder could match, so that others
// need not be read.
func (s Source) mayHold(folder string) (bool, error) {
	if excluded, err := s.excludes(folder); err != nil || excluded {
		return false, err
	}
	_, pattern := s.split()
	if strings.Contains(pattern, "{") { // alternatives may have slashes in them
		return true, nil
	}
	parts, names := strings.Split(pattern, "/"), strings.Split(folder, "/")
	for i, name := range names {
		if i < len(parts) && parts[i] == "**" {
			return true, nil
		}
		if i >= len(parts)-1 {
			return false, nil
		}
		if match, err := doublestar.Match(parts[i], name); err != nil || !match {
			return false, patternError(pattern, err)
		}
	}
	return true, nil
}

// claimed reports whether a path is a database of the set, or one of the files
// that SQLite keeps beside one.
func (f *Files) claimed(file string) bool {
	for _, s := range f.config.Sources {
		if s.SQLite && (s.isDatabase(file) || f.isSidecar(s, file)) {
			return true
		}
	}
	return false
}

func (f *Files) isSidecar(s Source, file string) bool {
	for _, suffix := range sidecars() {
		if stem, cut := strings.CutSuffix(file, suffix); cut && s.isDatabase(stem) {
			return true
		}
	}
	return false
}

// isDatabase reports whether the source matches a path.
func (s Source) isDatabase(file string) bool {
	for _, named := range s.Names {
		if named == file {
			return true
		}
	}
	base, _ := s.split()
	name, err := filepath.Rel(base, file)
	if err != nil || !filepath.IsLocal(name) {
		return false
	}
	match, err := s.matches(filepath.ToSlash(name))
	return err == nil && match
}

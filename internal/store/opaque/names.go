package opaque

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"

	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store/sqlitefile"
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
		if strings.TrimRight(part, ". ") != part {
			return fmt.Errorf("%q is no name for a file", name)
		}
	}
	return nil
}

// hidden files belong to editors, file managers and half-done writes.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// ours reports whether a name is one that a commit gives to what is not done yet, or to
// what it moves away: that bears the name of a plan, and a plan of ours.
func (s Source) ours(name string) bool {
	if hidden(name) && strings.HasSuffix(name, ".tmp") {
		return true
	}
	for _, infix := range []string{".aside-", ".parking-"} {
		i := strings.LastIndex(name, infix)
		if i < 0 {
			continue
		}
		rest := name[i+len(infix):]
		if slices.ContainsFunc(s.Plans, func(plan string) bool { return rest == plan || strings.HasPrefix(rest, plan+"-") }) {
			return true
		}
	}
	return false
}

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

// pattern is what the files below the base are meant by.
func (s Source) pattern() pattern.Pattern {
	_, glob := s.split()
	p := pattern.Pattern{Glob: glob}
	for _, exclude := range s.Exclude {
		p.Exclude = append(p.Exclude, filepath.ToSlash(exclude))
	}
	return p
}

// matches reports whether a name below the base is one of the source's. An error is
// one of a pattern.
func (s Source) matches(name string) (bool, error) {
	if s.SkipJSONL && strings.HasSuffix(name, ".jsonl") || s.ours(path.Base(name)) {
		return false, nil
	}
	p := s.pattern()
	return p.Takes(name), p.Validate()
}

// mayHold reports whether something below a folder could match, so that others
// need not be read.
func (s Source) mayHold(folder string) (bool, error) {
	p := s.pattern()
	return p.MayReach(folder), p.Validate()
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
	for _, suffix := range sqlitefile.Beside() {
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

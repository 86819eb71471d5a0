package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// meta are the characters that make a path a pattern.
const meta = "*?[{"

// splitPattern tells the folder of a path from the pattern below it, which is ""
// for a path that is none.
func splitPattern(path string) (dir, pattern string, err error) {
	if !strings.ContainsAny(path, meta) {
		return path, "", nil
	}
	// On Windows a backslash stands between folders; elsewhere it escapes.
	dir, pattern = doublestar.SplitPattern(filepath.ToSlash(path))
	dir = escaped.ReplaceAllString(dir, "$1")
	if volume := filepath.VolumeName(dir); volume != "" && volume == dir {
		dir += "/"
	}
	return filepath.FromSlash(dir), pattern, checkPattern(pattern)
}

var escaped = regexp.MustCompile(`\\(.)`)

// checkPattern refuses a pattern that is malformed, and one that would match other
// than it seems to.
func checkPattern(pattern string) error {
	parts := strings.Split(pattern, "/")
	switch {
	case !doublestar.ValidatePattern(pattern):
		return fmt.Errorf("%.60q is no pattern", pattern)
	case slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." }):
		return fmt.Errorf("%.60q is no pattern of paths below a folder: a part of it is empty or only dots", pattern)
	case slices.ContainsFunc(parts, func(p string) bool { return p != "**" && strings.Contains(p, "**") }):
		// It would be read as one *, and so match none of the folders below.
		return errors.New("** has to stand alone between slashes, as in **/*.md")
	}
	return nil
}

// mayReach reports whether the pattern may match something below dir.
func mayReach(pattern, dir string) bool {
	parts := strings.Split(pattern, "/")
	for i, name := range strings.Split(dir, "/") {
		if i == len(parts) || strings.ContainsAny(parts[i], "{}") { // which may hold slashes
			return i < len(parts)
		}
		if parts[i] == "**" {
			return true
		}
		if !matchPath(parts[i], name) {
			return false
		}
	}
	return len(parts) > len(strings.Split(dir, "/"))
}

// literal returns the pattern that matches path and nothing else.
func literal(path string) string {
	return special.ReplaceAllStringFunc(strings.ReplaceAll(path, `\`, `\\`), func(c string) string { return "[" + c + "]" })
}

var special = regexp.MustCompile(`[*?[{}]`)

// matchPath reports whether a path with slashes matches a pattern that is checked.
func matchPath(pattern, path string) bool {
	ok, err := doublestar.Match(pattern, path)
	return err == nil && ok
}

var (
	anyFolders = regexp.MustCompile(`\*\*/?`)
	choice     = regexp.MustCompile(`\{([^,{}]*)[^{}]*\}`)
	class      = regexp.MustCompile(`\[\^?\\?(.)[^\]]*\]`)
)

// example returns something that the pattern matches, more often than not: fill for
// a *, x for a ?, the first of each set and of each choice.
func example(pattern, fill string) string {
	text := anyFolders.ReplaceAllString(pattern, "")
	text = choice.ReplaceAllString(class.ReplaceAllString(text, "$1"), "$1")
	text = strings.NewReplacer("*", fill, "?", "x").Replace(text)
	return escaped.ReplaceAllString(text, "$1")
}

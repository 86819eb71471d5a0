package pattern

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

// Split tells the folder of a path from the pattern below it, which is ""
// for a path that is none.
func Split(path string) (dir, pattern string, err error) {
	if !strings.ContainsAny(path, meta) {
		return path, "", nil
	}
	// On Windows a backslash stands between folders; elsewhere it escapes.
	dir, pattern = doublestar.SplitPattern(filepath.ToSlash(path))
	dir = escaped.ReplaceAllString(dir, "$1")
	if volume := filepath.VolumeName(dir); volume != "" && volume == dir {
		dir += "/"
	}
	return filepath.FromSlash(dir), pattern, Check(pattern)
}

var escaped = regexp.MustCompile(`\\(.)`)

// Check refuses a pattern that is malformed, and one that would match other
// than it seems to.
func Check(pattern string) error {
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

// Literal returns the pattern that matches path and nothing else.
func Literal(path string) string {
	return special.ReplaceAllStringFunc(strings.ReplaceAll(path, `\`, `\\`), func(c string) string { return "[" + c + "]" })
}

var special = regexp.MustCompile(`[*?[{}]`)

var (
	anyFolders = regexp.MustCompile(`\*\*/?`)
	choice     = regexp.MustCompile(`\{([^,{}]*)[^{}]*\}`)
	class      = regexp.MustCompile(`\[\^?\\?(.)[^\]]*\]`)
)

// Example returns something that the pattern matches, more often than not: fill for
// a *, x for a ?, the first of each set and of each choice.
func Example(pattern, fill string) string {
	text := anyFolders.ReplaceAllString(pattern, "")
	text = choice.ReplaceAllString(class.ReplaceAllString(text, "$1"), "$1")
	text = strings.NewReplacer("*", fill, "?", "x").Replace(text)
	return escaped.ReplaceAllString(text, "$1")
}

package cli_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestFlagsAreNamedInTheCommandLineAlone: below cli no text names a flag or a command.
// What can be typed is looked up by a code, in cli/hints.go.
func TestFlagsAreNamedInTheCommandLineAlone(t *testing.T) {
	typed := regexp.MustCompile(`(^|[^-\w])--[a-z]|\bkeepsake (backup|config|doctor|list|pin|prune|rescue|restore|show|undo|unlock|unpin|verify)\b`)
	looked := 0
	for file, source := range sources(t) {
		file = filepath.ToSlash(file)
		if !strings.HasPrefix(file, "internal/") || strings.HasPrefix(file, "internal/cli/") {
			continue
		}
		ast.Inspect(source, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			looked++
			value, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			if found := typed.FindString(value); found != "" {
				t.Errorf("%s: %q names %q: give it a code, and cli the words", file, value, strings.TrimSpace(found))
			}
			return true
		})
	}
	if looked < 1000 {
		t.Errorf("looked at %d texts, want all of them", looked)
	}
}

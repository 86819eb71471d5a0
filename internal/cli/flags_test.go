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

// TestKindsAreKnownInTheTable: outside the stores and the wiring a kind of store is
// named in three lines at most; all else asks the table.
func TestKindsAreKnownInTheTable(t *testing.T) {
	named := namesIn(t, func(file string) bool {
		return !strings.HasPrefix(file, "internal/store/") && !strings.HasPrefix(file, "internal/keeper/")
	}, regexp.MustCompile(`^memory\.Kind[A-Z]`))
	if len(named) > 3 {
		t.Errorf("got %q, want three at most", named)
	}
}

// TestExitCodesAreInOneFile: what an end is worth as an exit code is said there alone.
func TestExitCodesAreInOneFile(t *testing.T) {
	named := namesIn(t, func(file string) bool {
		return strings.HasPrefix(file, "internal/cli/") && file != "internal/cli/exit.go"
	}, regexp.MustCompile(`^exit[A-Z]`))
	for _, at := range named {
		if !strings.HasSuffix(at, "exitCode") {
			t.Errorf("got %s, want a ground", at)
		}
	}
}

// namesIn lists the names that match in the files that are wanted, with their files.
func namesIn(t *testing.T, wanted func(file string) bool, name *regexp.Regexp) (named []string) {
	t.Helper()
	looked := 0
	for file, source := range sources(t) {
		if file = filepath.ToSlash(file); !wanted(file) {
			continue
		}
		looked++
		ast.Inspect(source, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok {
					text = of.Name + "." + n.Sel.Name
				}
			}
			if name.MatchString(text) {
				named = append(named, file+": "+text)
			}
			return true
		})
	}
	if looked < 20 {
		t.Errorf("looked at %d files, want all of them", looked)
	}
	return named
}

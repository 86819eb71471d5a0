package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const guardPackage = internal + "guard"

// TestOnlyOneFileOfKeeperMakesGuardRules keeps what depguard and forbidigo can't
// say: engines may carry guard.Rules, and only one file of keeper may fill them in,
// so that there is one place to read for what production may lose.
func TestOnlyOneFileOfKeeperMakesGuardRules(t *testing.T) {
	made := makersOfRules(t, os.DirFS("../.."))
	if len(made) > 1 || len(made) == 1 && !strings.HasPrefix(made[0], "internal/keeper/") {
		t.Errorf("got guard.Rules{…} in %q, want it in one file of internal/keeper", made)
	}
}

func TestMakersOfGuardRulesAreFound(t *testing.T) {
	source := func(body string) string {
		return "package p\n\nimport g " + strconv.Quote(guardPackage) + "\n\n" + body + "\n"
	}
	root := t.TempDir()
	// A field that is set on rules that came from elsewhere is guard's to prevent.
	write(t, root, "internal/restore/literal.go", source("var r = g.Rules{}"))
	write(t, root, "internal/restore/pointer.go", source("var r = &g.Rules{}"))
	write(t, root, "internal/restore/field.go", source("func f(r *g.Rules) { r.Production = true }"))
	write(t, root, "internal/restore/carried.go", source("func f(r g.Rules) g.Rules { return r }"))
	write(t, root, "internal/restore/made_test.go", source("var r = g.Rules{}"))
	write(t, root, "internal/guard/rules.go", "package guard\n\ntype Rules struct{}\n\nvar r = Rules{}\n")
	got := makersOfRules(t, os.DirFS(root))
	want := []string{"internal/restore/literal.go", "internal/restore/pointer.go"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// makersOfRules returns the files outside tests that hold a guard.Rules literal.
func makersOfRules(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var makers []string
	err := fs.WalkDir(tree, "internal", func(path string, d fs.DirEntry, err error) error {
		// storetest is part of tests only, as depguard sees to.
		if err != nil || d.IsDir() || strings.HasPrefix(path, "internal/store/storetest/") || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if makesRules(file) {
			makers = append(makers, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return makers
}

func makesRules(file *ast.File) bool {
	name := ""
	for _, spec := range file.Imports {
		if path, _ := strconv.Unquote(spec.Path.Value); path == guardPackage {
			name = "guard"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.CompositeLit); ok {
			selector, ok := literal.Type.(*ast.SelectorExpr)
			found = found || ok && name != "" && selector.Sel.Name == "Rules" && isNamed(selector.X, name)
		}
		return !found
	})
	return found
}

func isNamed(x ast.Expr, name string) bool {
	ident, ok := x.(*ast.Ident)
	return ok && ident.Name == name
}

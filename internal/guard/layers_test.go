package guard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Go can't say "only these packages may call this", so this test does: targets
// are made by stores, those of bundles by their own package, rules by the command
// line. Tests may do all of it.
func TestWhoMayCallWhat(t *testing.T) {
	allowed := map[string]string{
		"NewTarget":    "store/", // a survey
		"DemoTarget":   "demo/",
		"BundleTarget": "catalog/",
		"Rules":        "keeper/", // guard.Rules{…}
		"OpenAudit":    "keeper/",
	}
	root := ".."
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if strings.HasPrefix(name, "guard/") || strings.Contains(name, "storetest/") {
			return nil
		}
		files++
		for _, use := range madeHere(t, path) {
			if folder, special := allowed[use]; special && !strings.HasPrefix(name, folder) {
				t.Errorf("%s makes guard.%s: only %s* may", name, use, folder)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("no file was looked at")
	}
}

// madeHere lists what a file calls or makes a literal of in package guard.
func madeHere(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var uses []string
	note := func(e ast.Expr) {
		if s, ok := e.(*ast.SelectorExpr); ok {
			if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "guard" {
				uses = append(uses, s.Sel.Name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			note(n.Fun)
		case *ast.CompositeLit:
			note(n.Type)
		}
		return true
	})
	return uses
}

package cli_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store/chroma/chromatest"
)

// B1: one command puts a bundle back, named by its path.
func TestAC_B1(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	before := a.digests()
	bundle := copied(t, a.backup())
	a.forget()
	r := a.must(0, "restore", bundle)
	says(t, r.stdout, "Every row was read back and compared: all are in.")
	sameDigests(t, a.digests(), before)
}

// B2: only the stores reach databases and servers, and a restore writes through
// their contract alone.
func TestAC_B2(t *testing.T) {
	merges := map[string]bool{}
	for file, source := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, i := range source.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			reaches := path == "database/sql" || path == "net/http" || strings.HasPrefix(path, "modernc.org/")
			if reaches && !strings.HasPrefix(dir, "internal/store/") {
				t.Errorf("%s imports %s, want only internal/store/* to", file, path)
			}
		}
		if !strings.HasPrefix(dir, "internal/store") && len(calls(source, "Merge")) > 0 {
			merges[dir] = true
		}
	}
	want := []string{"internal/demo", "internal/restore"} // the demo makes a memory of its own
	if got := slices.Sorted(maps.Keys(merges)); !slices.Equal(got, want) {
		t.Errorf("stores are merged into by %q, want %q", got, want)
	}
	for _, f := range sources(t, "internal/restore") {
		for _, write := range []string{"Create", "Remove", "RemoveAll", "Rename", "Truncate", "Symlink", "Link"} {
			for _, c := range calls(f, write) {
				if c == "target" { // a store's, which asks for a permit
					continue
				}
				t.Errorf("restore calls %s.%s: what it writes beside its journal goes through a store", c, write)
			}
		}
	}
}

// B8: there is one way to restore: a plan that only the preflight makes, run at
// one place.
func TestAC_B8(t *testing.T) {
	plan := reflect.TypeOf(restore.Plan{})
	for i := range plan.NumField() {
		if f := plan.Field(i); f.IsExported() {
			t.Errorf("restore.Plan has the field %s: it could be made without a preflight", f.Name)
		}
	}
	for name, want := range map[string][]string{
		"Preflight":         {"internal/drill/drill.go", "internal/keeper/change.go"}, // once each
		"Run":               {"internal/drill/drill.go", "internal/keeper/change.go"},
		"PreflightTakeback": {"internal/keeper/undo.go"},
	} {
		var at []string
		for file, source := range sources(t) {
			for _, of := range calls(source, name) {
				if of == "restore" {
					at = append(at, filepath.ToSlash(file))
				}
			}
		}
		if slices.Sort(at); !slices.Equal(at, want) {
			t.Errorf("restore.%s is called in %q, want %q alone", name, at, want)
		}
	}
	// What changes a store is called by the engine alone, and a permit is asked for
	// there.
	for name, want := range map[string][]string{
		"Stage":     {"internal/restore/swap.go"},
		"StageBack": {"internal/restore/swap.go"},
		"Commit":    {"internal/restore/safety.go"},
		"Remove":    {"internal/restore/takeback.go"},
		"AssertDestructiveTargetAllowed": {
			"internal/keeper/permit.go", "internal/restore/swap.go", "internal/restore/takeback.go",
		},
	} {
		at := map[string]bool{}
		for file, source := range sources(t, "internal/cli", "internal/keeper", "internal/restore", "internal/backup", "cmd") {
			for _, of := range calls(source, name) {
				if of != "os" {
					at[filepath.ToSlash(file)] = true
				}
			}
		}
		if got := slices.Sorted(maps.Keys(at)); !slices.Equal(got, want) {
			t.Errorf("%s is called in %q, want %q alone", name, got, want)
		}
	}
}

// sources parses what ships, below the folders given, by path from the module's
// root. Suites and servers for tests don't ship.
func sources(t *testing.T, below ...string) map[string]*ast.File {
	t.Helper()
	const root = "../.."
	if len(below) == 0 {
		below = []string{"cmd", "internal"}
	}
	found := map[string]*ast.File{}
	for _, dir := range below {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") ||
				strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err == nil {
				found[rel], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no sources below %q", below)
	}
	return found
}

// calls lists what a method or function of that name is called on in a file.
func calls(file *ast.File, name string) (on []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == name {
			x, _ := s.X.(*ast.Ident)
			if x == nil {
				x = ast.NewIdent("…")
			}
			on = append(on, x.Name)
		}
		return true
	})
	return on
}

// B5: merge is the default, can be repeated, and is safe whatever the target holds.
func TestAC_B5(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	whole := a.digests()
	bundle := a.backup()
	kb, mem := a.ids(memory.KnowledgeBase), a.ids(memory.Memories)

	a.sub("Complete", func(t *testing.T) {
		live := a.state()
		r := a.must(0, "restore", bundle)
		says(t, r.stdout, "Nothing to do: every row was in already.")
		same(t, "what lives", but(a.state(), "file .keepsake/restores/"), live)
	})
	a.sub("PartlyFilled", func(t *testing.T) {
		a.deletes(memory.Memories, mem[:10]...)
		a.sql("DELETE FROM Edges WHERE rowid IN (SELECT rowid FROM Edges LIMIT 7)")
		out := a.json(0, "restore", bundle)
		expect(t, section(t, out, memory.Memories), 10.0, "added")
		expect(t, section(t, out, memory.Memories), 40.0, "same")
		expect(t, section(t, out, memory.Graph), 7.0, "added")
		expect(t, section(t, out, memory.KnowledgeBase), 0.0, "added")
		sameDigests(t, a.digests(), whole)
	})
	a.sub("RowsOfItsOwn", func(t *testing.T) {
		a.adds(memory.KnowledgeBase, "not-in-the-bundle")
		a.sql("INSERT INTO Nodes VALUES ('newer', NULL, '{\"id\":\"newer\"}')")
		a.appends(a.data("concepts", "nodes.jsonl"), `{"id":"newer"}`+"\n")
		a.deletes(memory.KnowledgeBase, kb[:5]...)
		live := a.state()
		expect(t, section(t, a.json(0, "restore", bundle), memory.KnowledgeBase), 5.0, "added")
		kept(t, a.state(), live)
		if got := len(a.ids(memory.KnowledgeBase)); got != len(kb)+1 {
			t.Errorf("got %d rows, want %d", got, len(kb)+1)
		}
		a.deletes(memory.KnowledgeBase, "not-in-the-bundle")
	})
	a.sub("DifferingRows", func(t *testing.T) {
		a.updates(memory.Memories, map[string]any{"prompt": "rewritten", "only": "live"}, "the newer text", mem[0], mem[1])
		live := a.digests()
		r := a.must(0, "restore", bundle, "--records")
		says(t, r.stderr, "differs mc/memory: "+mem[0], "differs mc/memory: "+mem[1])
		sameDigests(t, a.digests(), live)
	})
	a.sub("Empty", func(t *testing.T) {
		a.forget()
		out := a.json(0, "restore", bundle)
		expect(t, section(t, out, memory.KnowledgeBase), true, "created")
		sameDigests(t, a.digests(), whole)
		for _, s := range a.json(0, "restore", bundle)["sections"].([]any) {
			expect(t, s.(map[string]any), 0.0, "added")
		}
		sameDigests(t, a.digests(), whole)
	})
}

// but returns a state without the names that begin with prefix.
func but(state map[string]string, prefix string) map[string]string {
	maps.DeleteFunc(state, func(name, _ string) bool { return strings.HasPrefix(name, prefix) })
	return state
}

// kept fails the test unless each record and collection that lived still does,
// just so. Files have grown.
func kept(t *testing.T, now, live map[string]string) {
	t.Helper()
	for name, was := range live {
		if !strings.HasPrefix(name, "file ") && now[name] != was {
			t.Errorf("%s: got %q, want %q as before", name, now[name], was)
		}
	}
}

// B9: what the runbook tells an operator to type exists.
func TestAC_B9(t *testing.T) {
	a := bare(t)
	text := readFile(t, "../../docs/runbook.md")
	global := flags(a.must(0, "--help").stdout)
	typed := regexp.MustCompile("(?m)^    keepsake (.*)$|`keepsake ([^`]*)`").FindAllStringSubmatch(text, -1)
	if len(typed) < 6 {
		t.Fatalf("got %d commands in the runbook, want more", len(typed))
	}
	for _, match := range typed {
		words := strings.Fields(match[1] + match[2])
		command := words[:1]
		if words[0] == "config" {
			command = words[:2]
		}
		known := flags(a.must(0, append(slices.Clone(command), "--help")...).stdout)
		for _, w := range words[1:] {
			if name, _, _ := strings.Cut(w, "="); strings.HasPrefix(w, "-") && !known[name] && !global[name] {
				t.Errorf("keepsake %s: there is no %s", strings.Join(words, " "), name)
			}
		}
	}
	// A flag that stands alone is some command's, or everyone's.
	known := map[string]bool{}
	for _, command := range []string{"backup", "restore", "verify", "undo", "prune", "pin", "doctor"} {
		maps.Copy(known, flags(a.must(0, command, "--help").stdout))
	}
	for _, match := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !known[match[1]] && !global[match[1]] {
			t.Errorf("no command has %s", match[1])
		}
	}
}

// flags lists the flags that a help text offers.
func flags(help string) map[string]bool {
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`).FindAllStringSubmatch(help, -1) {
		found[match[1]], found[match[2]] = true, true
	}
	return found
}

// B10, by its names: a merge that goes well.
func TestAC_B10_HappyMerge(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Summaries, memory.Memories, memory.Graph)
	before := a.digests()
	a.backup()
	a.forget()
	for _, s := range a.json(0, "restore", "latest")["sections"].([]any) {
		got := s.(map[string]any)
		if got["state"] != "done" || got["added"] != got["records"] || got["same"] != got["records"] || got["missing"] != 0.0 {
			t.Errorf("got %v, want every row added and the same", got)
		}
	}
	sameDigests(t, a.digests(), before)
}

// B10: a bundle that is not whole is refused.
func TestAC_B10_IntegrityRefusal(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Summaries, memory.Memories)
	bundle := copied(t, a.backup("--only", "kb,mc"))
	path := payload(t, bundle, memory.Memories)
	writeLines(t, path, lines(t, path)[:39])
	r := a.refuses(4, "restore", bundle)
	says(t, r.stderr, "keepsake: restore refused, nothing was written: ", "has 39 rows, the meta says 40", "SHA-256 is ")
}

// B10: a topology that is not the bundle's is refused.
func TestAC_B10_TopologyRefusal(t *testing.T) {
	a, bundle := splitLater(t)
	r := a.refuses(5, "restore", bundle)
	says(t, r.stderr, "the bundle was made of a unified memory, the target is federated", "--force-topology-mismatch restores it all the same")
}

// B10: the flag passes by that refusal, and by no other.
func TestAC_B10_ForceFlagBypass(t *testing.T) {
	a, bundle := splitLater(t)
	broken := copied(t, bundle)
	remove(t, payload(t, broken, memory.Graph))
	a.refuses(4, "restore", broken, "--force-topology-mismatch")
	r := a.must(0, "restore", bundle, "--force-topology-mismatch")
	says(t, r.stderr, "warning: the bundle was made of a unified memory, the target is federated")
	sameDigests(t, a.digests(), a.want)
}

// split is a memory that is empty on two servers, and what it held on one.
type split struct {
	*agent
	want records
}

func splitLater(t *testing.T) (split, string) {
	t.Helper()
	a := newAgent(t, true)
	a.remember()
	f := split{a, a.digests()}
	bundle := a.backup()
	a.mc.Server = chromatest.Start(t)
	a.forget()
	return f, bundle
}

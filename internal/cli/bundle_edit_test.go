package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
)

// backup makes a bundle and returns its path.
func (a *agent) backup(args ...string) string {
	a.t.Helper()
	path, _ := a.json(0, append([]string{"backup"}, args...)...)["path"].(string)
	return path
}

// copied returns a copy of a bundle, of the same name, that can be written to.
func copied(t *testing.T, bundle string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(bundle))
	if err := os.CopyFS(dir, os.DirFS(bundle)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// payload returns the file of a section in a bundle.
func payload(t *testing.T, bundle string, section memory.Section) string {
	t.Helper()
	for _, pattern := range []string{string(section) + ".jsonl*", string(section) + "-backup-*"} {
		if found, _ := filepath.Glob(filepath.Join(bundle, filepath.FromSlash(pattern))); len(found) == 1 {
			return found[0]
		}
	}
	t.Fatalf("%s has no one file of %s", bundle, section)
	return ""
}

// lines returns the lines of a file, which ends with a newline unless it is empty.
func lines(t *testing.T, path string) []string {
	t.Helper()
	text := readFile(t, path)
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		t.Fatalf("%s has no newline at its end", path)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func writeLines(t *testing.T, path string, lines []string) {
	t.Helper()
	text := strings.Join(lines, "\n") + "\n"
	if len(lines) == 0 {
		text = ""
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// editLine replaces one line of a section, counted from 1.
func editLine(t *testing.T, bundle string, section memory.Section, n int, line string) {
	t.Helper()
	path := payload(t, bundle, section)
	all := lines(t, path)
	all[n-1] = line
	writeLines(t, path, all)
}

func readMeta(t *testing.T, bundle string) map[string]any {
	t.Helper()
	var meta map[string]any
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(bundle, "bundle-meta.json"))), &meta); err != nil {
		t.Fatal(err)
	}
	return meta
}

func writeMeta(t *testing.T, bundle string, meta map[string]any) {
	t.Helper()
	data, err := json.Marshal(meta)
	if err == nil {
		err = os.WriteFile(filepath.Join(bundle, "bundle-meta.json"), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// asNeo leaves of a bundle's meta what Neo.mjs writes: counts, and no hashes.
func asNeo(t *testing.T, bundle string) {
	t.Helper()
	meta := readMeta(t, bundle)
	delete(meta, "keepsake")
	writeMeta(t, bundle, meta)
	remove(t, bundle, "SHA256SUMS")
}

// asOlder takes a bundle's meta away altogether.
func asOlder(t *testing.T, bundle string) {
	t.Helper()
	remove(t, bundle, "SHA256SUMS")
	remove(t, bundle, "bundle-meta.json")
}

func remove(t *testing.T, path ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

// dig follows keys, and numbers of list elements, into a JSON document.
func dig(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: no object to find %q in: %v", path, key, v)
			}
			v = m[key]
		case int:
			list, ok := v.([]any)
			if !ok || key >= len(list) {
				t.Fatalf("%v: no list with an element %d: %v", path, key, v)
			}
			v = list[key]
		}
	}
	return v
}

// section returns what a document of --json, or a meta's keepsake block, says of
// one section.
func section(t *testing.T, document map[string]any, name memory.Section) map[string]any {
	t.Helper()
	list, _ := document["sections"].([]any)
	for _, s := range list {
		m, _ := s.(map[string]any)
		if m["section"] == string(name) || m["name"] == string(name) {
			return m
		}
	}
	t.Fatalf("no section %s in %v", name, document)
	return nil
}

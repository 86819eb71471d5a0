package cli_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/store/chroma/chromatest"
)

// state is all that a command could change, by name: each record that lives,
// each collection, and each file of the data folder but for the bundles.
func (a *agent) state() map[string]string {
	a.t.Helper()
	all := map[string]string{}
	for section, records := range a.digests() {
		for digest, n := range records {
			all[fmt.Sprintf("%s %x", section, digest)] = fmt.Sprint(n)
		}
	}
	for _, s := range []server{a.kb, a.mc} {
		if s.Server == nil {
			continue
		}
		var collections []map[string]any
		s.Call(a.t, http.MethodGet, chromatest.Collections(s.database), nil, &collections)
		for _, c := range collections {
			all[fmt.Sprintf("collection %v", c["name"])] = fmt.Sprint(c["id"], c["metadata"], c["configuration_json"])
		}
	}
	for name, sum := range tree(a.t, a.data()) {
		if !strings.HasPrefix(name, "backups/") {
			all["file "+name] = sum
		}
	}
	return all
}

// tree returns the SHA-256 of every file below dir, by its path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if isLock(filepath.ToSlash(rel)) {
			return nil
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(rel)] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isLock reports whether a file is a lock, which stays, or the guard's log, which
// only grows, or what a verify noted beside a bundle.
func isLock(path string) bool {
	base := filepath.Base(path)
	return base == "lock" || base == ".lock" || strings.HasPrefix(base, ".notes") || base == ".guard-audit.log" || strings.Contains(path, "lock.owners/")
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: got %s, want it absent", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %s: got %.80q, want %.80q", what, name, got[name], want[name])
		}
	}
}

// refuses runs a command that has to end with code and to leave everything as it
// was: what lives, and the bundles.
func (a *agent) refuses(code int, args ...string) result {
	a.t.Helper()
	live, kept := a.state(), tree(a.t, a.data("backups"))
	r := a.must(code, args...)
	same(a.t, "what lives", a.state(), live)
	same(a.t, "the bundles", tree(a.t, a.data("backups")), kept)
	a.noResidue()
	return r
}

// noResidue fails the test if the backup root holds anything but bundles, and what
// is known of them.
func (a *agent) noResidue() {
	a.t.Helper()
	for _, name := range a.rootEntries() {
		if !strings.HasPrefix(name, "backup-") && !strings.HasPrefix(name, ".notes") && name != ".guard-audit.log" {
			a.t.Errorf("the backup root holds %s, want bundles alone", name)
		}
	}
}

// rootEntries lists the backup root, but for its lock and the guard's log.
func (a *agent) rootEntries() []string {
	a.t.Helper()
	entries, err := os.ReadDir(a.data("backups"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".lock") && e.Name() != ".guard-audit.log" {
			names = append(names, e.Name())
		}
	}
	return names
}

// says fails the test unless text holds each of the words.
func says(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("got %q, want it to say %q", text, w)
		}
	}
}

// silent fails the test if text holds one of the words.
func silent(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("got %q, want no %q", text, w)
		}
	}
}

package chromadir_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/store/chromadir"
)

// TestPipesAreNotOpened: opening a pipe waits for who writes into it.
func TestPipesAreNotOpened(t *testing.T) {
	dir := t.TempDir()
	for _, index := range []string{"one", "two"} {
		mkdir(t, filepath.Join(dir, index))
	}
	for _, name := range []string{"header.bin", "data_level0.bin", "length.bin", "index_metadata.pickle"} {
		if err := syscall.Mkfifo(filepath.Join(dir, "one", name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "two", "header.bin"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config(t, dir)
	c.Others = "rescued"
	session, report, err := chromadir.Rescue(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if len(report.Collections) != 2 {
		t.Fatalf("got %+v, want both indexes", report.Collections)
	}
	i := slices.IndexFunc(report.Collections, func(r chromadir.Recovered) bool { return r.Folder == "one" })
	if i < 0 || !strings.Contains(strings.Join(report.Collections[i].Problems, "\n"), "header.bin: it is no regular file") {
		t.Errorf("got %+v, want a word on header.bin", report.Collections)
	}
}

package chromadir_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// TestTrue_11_NeverByName leaves out what a swap left behind by a mark that names it,
// and nothing by its name.
func TestTrue_11_NeverByName(t *testing.T) {
	s := chromatest.Shared(t)
	database := s.Database(t)
	names := []string{"kb-shadow-1", "kb-parking-2", "kb-failed-shadow-3", "marked-aside", "kb-aside-of-mine", "copied-mark"}
	sections := map[memory.Section]string{}
	for _, name := range names {
		createIn(t, s, database, name, nil)
		sections[sectionOf(name)] = name
	}
	var found struct{ ID string }
	s.Call(t, http.MethodGet, chromatest.Collections(database)+"/marked-aside", nil, &found)
	for _, name := range []string{"marked-aside", "copied-mark"} {
		var one struct{ ID string }
		s.Call(t, http.MethodGet, chromatest.Collections(database)+"/"+name, nil, &one)
		mark := guard.Mark{Kind: guard.MarkAside, ID: found.ID, Plan: "p", Finished: true}
		s.Call(t, http.MethodPut, chromatest.Collections(database)+"/"+one.ID, map[string]any{
			"new_metadata": map[string]any{guard.MarkKey: mark.Encode(), "keepsake:swap": "{}", "kept": "yes"},
		}, nil)
	}
	dir := chromadir.New(chromadir.Config{Path: s.Dir(), Database: database, Others: "x", TempDir: t.TempDir()})
	got := read(t, dir)
	var left []string
	for _, spec := range got.specs {
		left = append(left, spec.Collection.Name)
		if spec.Collection.Name == "copied-mark" {
			equalJSON(t, "metadata", spec.Collection.Metadata, []byte(`{"kept":"yes"}`))
		}
	}
	want := []string{"copied-mark", "kb-aside-of-mine", "kb-failed-shadow-3", "kb-parking-2", "kb-shadow-1"}
	if !slices.Equal(left, want) {
		t.Errorf("got sources %q, want %q", left, want)
	}
	if len(got.findings) != 1 {
		t.Errorf("got findings %v, want one for what was left out", got.findings)
	}
	named := chromadir.New(chromadir.Config{Path: s.Dir(), Database: database, Collections: sections, TempDir: t.TempDir()})
	if got := read(t, named); len(got.specs) != len(names) {
		t.Errorf("got %d sections, want each that somebody named", len(got.specs))
	}
}

// TestOpenErrors says what can't be a directory.
func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, says string
		ground           error
	}{
		{"Nothing", filepath.Join(t.TempDir(), "none"), "there is nothing", store.ErrUnreachable},
		{"File", file, "it is no folder", store.ErrUnreachable},
		{"OtherFolder", t.TempDir(), "it holds no chroma.sqlite3", store.ErrUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			session, err := chromadir.New(config(t, tt.path, "rows")).Open(t.Context(), nil)
			if session != nil || !errors.Is(err, tt.ground) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, %v, want an error that says %q", session, err, tt.says)
			}
		})
	}
	t.Run("NoTempDir", func(t *testing.T) {
		c := config(t, chromatest.Shared(t).Dir(), "rows")
		c.TempDir = ""
		if _, err := chromadir.New(c).Open(t.Context(), nil); err == nil {
			t.Error("got a session without a folder for its copies")
		}
	})
	t.Run("Cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := chromadir.New(config(t, chromatest.Shared(t).Dir(), "rows")).Open(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

// TestCopiesAreTemporary wants nothing left after Close, and the directory named
// by where its links lead.
func TestCopiesAreTemporary(t *testing.T) {
	s := chromatest.Shared(t)
	database := s.Database(t)
	send(t, s, createIn(t, s, database, "rows", nil)+"add", storetest.Vectors("a", 20, true))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Dir(), link); err != nil {
		t.Skip(err)
	}
	temp := t.TempDir()
	c := chromadir.Config{Path: link, Database: database, Collections: sectionsOf("rows"), TempDir: temp, Now: time.Now}
	session, err := chromadir.New(c).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if held := session.(*chromadir.Session).Held(); held <= 0 {
		t.Errorf("got a lock held for %v, want how long it was", held)
	}
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := filepath.EvalSymlinks(link)
	if err != nil {
		t.Fatal(err)
	}
	want := memory.Locator{
		Kind: memory.KindChromaDir, Path: resolved, Tenant: "default_tenant", Database: database,
		Collection: "rows", CollectionID: specs[0].Collection.ID,
	}
	if specs[0].Locator != want || want.CollectionID == "" {
		t.Errorf("got locator %+v, want %+v", specs[0].Locator, want)
	}
	n := 0
	for id, err := range session.(*chromadir.Session).IDs(t.Context(), sectionOf("rows")) {
		if err != nil || string(id) != storetest.ID(n) {
			t.Fatalf("id %d: got %q, %v, want %q", n, id, err, storetest.ID(n))
		}
		n++
	}
	if n != 20 {
		t.Errorf("got %d ids, want 20", n)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Read(t.Context(), sectionOf("rows")); err == nil {
		t.Error("got a reading of a closed session")
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("got %v, %v left in the temporary folder, want nothing", left, err)
	}
}

// TestLocked waits for a server that is writing, and no longer than it is told
// to.
func TestLocked(t *testing.T) {
	s := chromatest.Start(t)
	send(t, s, create(t, s, "rows", nil)+"add", storetest.Vectors("a", 20, true))
	s.Kill()
	db := openDB(t, filepath.Join(s.Dir(), "chroma.sqlite3"))
	defer db.Close()
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	c := config(t, s.Dir(), "rows")
	c.BusyTimeout = 50 * time.Millisecond
	if _, err := chromadir.New(c).Open(t.Context(), nil); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "lock") {
		t.Errorf("got %v, want ErrUnreachable and the lock", err)
	}
	if _, _, err := chromadir.Rescue(t.Context(), c); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("rescue: got %v, want ErrUnreachable", err)
	}
}

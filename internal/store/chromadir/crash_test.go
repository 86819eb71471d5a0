package chromadir_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // to make what a crash leaves

	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// TestCrashed kills a server in the middle of writes: whatever it acknowledged
// is read, whole, and what it gives after a restart is the same.
func TestCrashed(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			s := chromatest.Start(t, options...)
			names := []string{"first", "second"}
			paths := []string{
				create(t, s, names[0], savedEach("l2", 100)),
				create(t, s, names[1], space("ip")),
			}
			for round := range int64(3) {
				w := writers{url: s.URL(), paths: paths, mortal: true, enough: 500 + 300*round, reached: make(chan struct{})}
				w.number.Store(round * 1_000_000)
				for _, path := range paths {
					empty(t, s, path)
				}
				stop := w.start(t, 4)
				<-w.reached
				s.Kill()
				stop()
				before := storetest.Tree(t, s.Dir())
				got := read(t, chromadir.New(config(t, s.Dir(), names...)))
				if storetest.Tree(t, s.Dir()) != before {
					t.Error("reading changed the directory")
				}
				checkAcknowledged(t, &w, names, got)
				s.Restart(t)
				equal(t, got, read(t, overHTTP(t, s, names...)))
			}
		})
	}
}

// empty deletes all rows that writers make.
func empty(t *testing.T, s *chromatest.Server, path string) {
	t.Helper()
	var ids []string
	for w := range 4 {
		for i := range 150 {
			ids = append(ids, fmt.Sprintf("writer-%d-row-%d", w, i))
		}
	}
	remove(t, s, path, ids...)
}

// checkAcknowledged wants every row as its last acknowledged write left it.
func checkAcknowledged(t *testing.T, w *writers, names []string, got contents) {
	t.Helper()
	for n, name := range names {
		found := map[string]int64{}
		for _, rec := range got.rows[sectionOf(name)] {
			id, v := checkOneState(t, sectionOf(name), rec)
			found[id] = v
		}
		for _, one := range w.all {
			for i := range 150 {
				id := fmt.Sprintf("writer-%d-row-%d", one.number, i)
				if one.unknown[id] {
					continue
				}
				if got, want := found[id], one.there[n][id]; got != want {
					t.Errorf("%s: row %s: got write %d, want %d (0 for none)", name, id, got, want)
				}
			}
		}
	}
}

// TestHotJournal reads a database whose process was killed in the middle of a
// commit: its journal is to be rolled back, in the copy alone.
func TestHotJournal(t *testing.T) {
	s := chromatest.Start(t)
	send(t, s, create(t, s, "rows", nil)+"add", storetest.Vectors("a", 300, true))
	want := read(t, overHTTP(t, s, "rows"))
	s.Kill()
	dir := t.TempDir()
	interrupt(t, filepath.Join(s.Dir(), "chroma.sqlite3"), filepath.Join(dir, "chroma.sqlite3"))
	before := storetest.Tree(t, dir)
	equal(t, read(t, chromadir.New(config(t, dir, "rows"))), want)
	if storetest.Tree(t, dir) != before {
		t.Error("reading changed the directory")
	}
}

// interrupt leaves at goal what a process leaves that is killed while it commits:
// half of its pages in the file, and the journal with the old ones.
func interrupt(t *testing.T, path, goal string) {
	t.Helper()
	query := url.Values{"_pragma": {"cache_size(1)", "cache_spill(1)", "journal_mode(delete)"}}
	db, err := sql.Open("sqlite", "file://"+path+"?"+query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`UPDATE embedding_metadata SET string_value = string_value || hex(randomblob(500)), int_value = 7`); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-journal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goal+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

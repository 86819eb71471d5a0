package chromadir_test

import (
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

func TestMain(m *testing.M) { chromatest.Main(m) }

// TestSuite holds a directory that its server has open to what every store
// promises to those who read.
func TestSuite(t *testing.T) {
	for name, space := range map[string]string{"L2": "l2", "Cosine": "cosine"} {
		t.Run(name, func(t *testing.T) {
			tolerance := 0.0
			if space == "cosine" {
				tolerance = 5e-7
			}
			server := chromatest.Shared(t)
			storetest.Run(t, storetest.Factory{
				New:         func(t *testing.T) storetest.Fixture { return fixture(t, server, space) },
				Unreachable: unreachable,
				OneRefused:  oneRefused,
				Tolerance:   tolerance,
				Rows:        700,
				Leaks: []goleak.Option{
					goleak.IgnoreAnyFunction("keepsake/internal/store/chroma/chromatest.(*life).run"),
				},
			})
		})
	}
}

// fixture is a database of its own on the server.
func fixture(t *testing.T, server *chromatest.Server, space string) storetest.Fixture {
	t.Helper()
	database, section := server.Database(t), memory.Memories
	var path string
	return storetest.Fixture{
		Store: chromadir.New(chromadir.Config{
			Path: server.Dir(), Database: database, TempDir: t.TempDir(), Now: time.Now,
			Collections: map[memory.Section]string{section: "neo-agent-memory"},
		}),
		Spec: memory.SectionSpec{Name: section, Kind: memory.Vectors, Dimension: storetest.Dimension, Distance: space},
		Put: func(t *testing.T, rows []memory.Record) {
			if path == "" {
				path = createIn(t, server, database, "neo-agent-memory", savedEach(space, 300))
			}
			for len(rows) > 0 {
				n := min(len(rows), 150)
				send(t, server, path+"add", rows[:n])
				rows = rows[n:]
			}
		},
		Delete: func(t *testing.T, ids []string) { remove(t, server, path, ids...) },
		State:  func(t *testing.T) string { return storetest.Tree(t, server.Dir()) },
	}
}

// oneRefused is a copy of a directory, in which one collection's index is a folder of
// folders.
func oneRefused(t *testing.T) (st store.Store, good, bad memory.Section) {
	t.Helper()
	server := chromatest.Start(t)
	for _, name := range []string{"rows", "broken"} {
		send(t, server, createIn(t, server, "default_database", name, savedEach("l2", 50))+"add", storetest.Vectors("a", 120, true))
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(server.Dir())); err != nil {
		t.Fatal(err)
	}
	var segment string
	db, err := sql.Open("sqlite", "file://"+filepath.Join(dir, "chroma.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const query = "SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection WHERE c.name = 'broken' AND s.scope = 'VECTOR'"
	if err := db.QueryRow(query).Scan(&segment); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, segment, "data_level0.bin")
	if err := errors.Join(os.Remove(data), os.Mkdir(data, 0o755)); err != nil {
		t.Fatal(err)
	}
	return chromadir.New(config(t, dir, "rows", "broken")), sectionOf("rows"), sectionOf("broken")
}

func unreachable(t *testing.T) (store.Store, store.Target, memory.Section) {
	return chromadir.New(config(t, filepath.Join(t.TempDir(), "none"), "rows")), nil, sectionOf("rows")
}

// createIn makes a collection in a database.
func createIn(t testing.TB, s *chromatest.Server, database, name string, more map[string]any) string {
	t.Helper()
	body := map[string]any{"name": name}
	for k, v := range more {
		body[k] = v
	}
	var made struct{ ID string }
	s.Call(t, http.MethodPost, chromatest.Collections(database), body, &made)
	return chromatest.Collections(database) + "/" + made.ID + "/"
}

package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/store/chroma/chromatest"
)

// front has the workshop's configuration name a proxy in front of its server.
func (w *workshop) front(config string, decide func(chromatest.Request) chromatest.Fault) {
	w.t.Helper()
	proxy := chromatest.Proxy(w.t, w.Server, decide)
	w.configure(strings.ReplaceAll(config, "SERVER", "chroma:"+proxy.URL()))
}

// idOf is the id of a collection.
func (w *workshop) idOf(name string) string {
	w.t.Helper()
	var found struct{ ID string }
	w.Call(w.t, http.MethodGet, w.collections()+"/"+name, nil, &found)
	return found.ID
}

// breaks answers 500 to what of a server's requests is about the collections.
func breaks(op string, ids ...string) func(chromatest.Request) chromatest.Fault {
	return func(r chromatest.Request) chromatest.Fault {
		for _, id := range ids {
			if strings.Contains(r.Path, id+"/"+op) {
				return chromatest.Fault{Status: http.StatusInternalServerError, Text: `{"error":"InternalError","message":"Error loading hnsw index"}`}
			}
		}
		return chromatest.Fault{}
	}
}

// TestTrue_06_OneCollectionOf: a collection that can't be counted, or not be got, is
// refused alone; all that are refused are named at once, and the rest is published
// where that is allowed.
func TestTrue_06_OneCollectionOf(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma: SERVER\n"
	for generation, options := range generations {
		for _, op := range []string{"count", "get"} {
			t.Run(generation+" "+op, func(t *testing.T) {
				w := newWorkshop(t, config, options...)
				for _, name := range []string{"alpha", "beta", "gamma", "delta"} {
					w.fill(name, 4)
				}
				w.front(config, breaks(op, w.idOf("beta"), w.idOf("gamma")))
				for _, dry := range [][]string{{}, {"--dry-run"}} {
					r := w.must(8, append([]string{"backup"}, dry...)...)
					says(t, r.stderr, "no bundle was made", "chroma/beta", "chroma/gamma", "500")
					silent(t, r.stderr, "chroma/alpha: ", "chroma/delta: ")
				}
				same(t, "the bundles", w.shelfOf(), map[string]string{})
				r := w.must(3, "backup", "--allow-degraded")
				says(t, r.stderr, "chroma/beta: not in the bundle: ", "chroma/gamma: not in the bundle: ")
				wantBundled(t, w.newestBundle(), map[string]float64{"chroma/alpha": 4, "chroma/delta": 4, "chroma/beta": 0, "chroma/gamma": 0})
			})
		}
	}
}

func (w *workshop) newestBundle() string {
	w.t.Helper()
	all, err := filepath.Glob(filepath.Join(w.home, "backups", "backup-*", "bundle-meta.json"))
	if err != nil || len(all) == 0 {
		w.t.Fatalf("got no bundle, %v", err)
	}
	return filepath.Dir(all[len(all)-1])
}

// TestTrue_06_OneDamagedCollectionOfADirectory: what is damaged of a Chroma directory
// is one collection; the others are read from it.
func TestTrue_06_OneDamagedCollectionOfADirectory(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nsources:\n  chroma: chromadir:DIRECTORY\n")
	for _, name := range []string{"alpha", "beta", "gamma"} {
		w.fill(name, 4)
	}
	for _, name := range []string{"beta", "gamma"} {
		var segment string
		db := openSQLite(t, filepath.Join(w.Dir(), "chroma.sqlite3"))
		query := fmt.Sprintf("SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection WHERE c.name = '%s' AND s.scope = 'VECTOR'", name)
		if err := db.QueryRow(query).Scan(&segment); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		header := filepath.Join(w.Dir(), segment, "header.bin")
		if err := os.RemoveAll(header); err != nil {
			t.Fatal(err)
		}
		w.mkdir(header) // a folder in the place of a file
	}
	says(t, w.must(8, "backup").stderr, "no bundle was made", `"beta"`, `"gamma"`, "it is no regular file")
	r := w.must(3, "backup", "--allow-degraded")
	says(t, r.stderr, "chroma/beta: not in the bundle: ", "chroma/gamma: not in the bundle: ")
	wantBundled(t, w.newestBundle(), map[string]float64{"chroma/alpha": 4, "chroma/beta": 0, "chroma/gamma": 0})
}

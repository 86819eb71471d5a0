package cli_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/store/chroma/chromatest"
)

// TestTrue_11_NamedAndNotThere: what the configuration names, and was never there, is no
// empty backup: of a server and of its directory.
func TestTrue_11_NamedAndNotThere(t *testing.T) {
	for generation, options := range generations {
		t.Run(generation, func(t *testing.T) {
			w := newWorkshop(t, "", options...)
			w.fill("facts", 3)
			for _, store := range []string{"SERVER", "chromadir:DIRECTORY"} {
				w.configure("preset: chroma\nsources:\n  chroma:\n    store: " + store + "\n    collections: [facts, fcats]\n")
				says(t, w.must(8, "backup").stderr, "chroma/fcats is named in the configuration, and there is no such collection")
				w.must(8, "backup", "--dry-run")
				says(t, w.must(3, "backup", "--allow-degraded").stderr, "chroma/fcats: not in the bundle: ")
				wantBundled(t, w.newestBundle(), map[string]float64{"chroma/facts": 3, "chroma/fcats": 0})
			}
			w.configure("preset: chroma\nsources:\n  chroma: SERVER#fcats\n")
			w.must(8, "backup")
		})
	}
}

// TestTrue_11_NeverByName: memories that are named as the leftovers of a swap are taken,
// by a pattern and by their name; what bears a mark of ours is taken where somebody
// names it, and only there.
func TestTrue_11_NeverByName(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nsources:\n  chroma: SERVER\n")
	for _, name := range []string{"self-shadow-work", "valet-parking-log", "kept"} {
		w.fill(name, 3)
	}
	id := w.idOf("kept")
	mark := guard.Mark{Kind: guard.MarkAside, ID: id, Plan: "p", Finished: true}
	w.Call(t, http.MethodPut, chromatest.Collections("default_database")+"/"+id, map[string]any{
		"new_metadata": map[string]any{guard.MarkKey: mark.Encode()},
	}, nil)
	both := map[string]float64{"chroma/self-shadow-work": 3, "chroma/valet-parking-log": 3}
	wantBundled(t, w.backupWith(0), both)
	w.configure("preset: chroma\nsources:\n  chroma: chromadir:DIRECTORY\n")
	wantBundled(t, w.backupWith(0), both)
	for _, store := range []string{"SERVER", "chromadir:DIRECTORY"} {
		w.configure("preset: chroma\nsources:\n  named:\n    store: " + store + "\n    collections: [self-shadow-work, kept]\n")
		wantBundled(t, w.backupWith(0, "--only", "named"), map[string]float64{"named/self-shadow-work": 3, "named/kept": 3})
	}
}

// TestTrue_11_EveryPage: behind something that gives two collections at a time, all are
// listed; where it gives the same two for ever, that is no listing.
func TestTrue_11_EveryPage(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma: SERVER\n"
	for generation, options := range generations {
		t.Run(generation, func(t *testing.T) {
			w := newWorkshop(t, config, options...)
			want := map[string]float64{}
			for _, name := range []string{"one", "two", "three", "four", "five"} {
				w.fill(name, 2)
				want["chroma/"+name] = 2
			}
			w.front(config, func(r chromatest.Request) chromatest.Fault {
				if r.Method == http.MethodGet && r.Op == "collections" {
					return chromatest.Fault{Rewrite: firstTwo}
				}
				return chromatest.Fault{}
			})
			wantBundled(t, w.backupWith(0), want)
			var first []byte
			w.front(config, func(r chromatest.Request) chromatest.Fault {
				if r.Method == http.MethodGet && r.Op == "collections" {
					return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
						if first == nil {
							first, _ = firstTwo(body)
						}
						return first, nil
					}}
				}
				return chromatest.Fault{}
			})
			says(t, w.must(8, "backup").stderr, "list collections: the server counts 5, but lists 2")
		})
	}
}

// firstTwo cuts a page of collections short.
func firstTwo(body []byte) ([]byte, error) {
	var page []json.RawMessage
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, err
	}
	return json.Marshal(page[:min(2, len(page))])
}

// TestTrue_11_AFilesName: a file is left out as one that a replace of ours moved away only
// where there is such a plan, never by its name.
func TestTrue_11_AFilesName(t *testing.T) {
	w := &workshop{agent: bare(t)}
	w.declare("preset: none\nsources:\n  notes: files:notes/**/*\n  one: files:ideas.parking-lot\n  state: sqlite:state/*\n")
	w.mkdir(w.at("state"))
	w.tasks("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)", "INSERT INTO tasks (title) VALUES ('a')")
	for _, name := range []string{"notes/x.aside-1", "notes/ideas.parking-lot", "notes/plan.md", "ideas.parking-lot"} {
		w.write(w.at(name), "text\n")
	}
	want := map[string]float64{"notes/x.aside-1": 1, "notes/ideas.parking-lot": 1, "notes/plan.md": 1, "one/ideas.parking-lot": 1, "state/tasks.sqlite": 1}
	bundle := w.backupWith(0)
	wantBundled(t, bundle, want)
	w.tasks("INSERT INTO tasks (title) VALUES ('b')")
	w.env[allowed] = "true"
	w.confirmed(0, "restore", bundle, "--only", "state", "--mode", "replace", "--force", "--accept-shrink")
	asides, err := filepath.Glob(w.at("state", "*.aside-*"))
	if err != nil || len(asides) == 0 {
		t.Fatalf("got asides %q, %v, want what the replace moved away", asides, err)
	}
	wantBundled(t, w.backupWith(0), want)
}

// TestTrue_11_OtherDatabases: what of a Chroma no source reads is named: its other
// databases, loudly, and beside chosen collections the others.
func TestTrue_11_OtherDatabases(t *testing.T) {
	for generation, options := range generations {
		t.Run(generation, func(t *testing.T) {
			w := newWorkshop(t, "", options...)
			w.fill("papers", 10)
			w.Call(t, http.MethodPost, "/api/v2/tenants/default_tenant/databases", map[string]string{"name": "big"}, nil)
			w.Call(t, http.MethodPost, chromatest.Collections("big"), map[string]string{"name": "diary"}, nil)
			w.Call(t, http.MethodPost, "/api/v2/tenants", map[string]string{"name": "team"}, nil)
			w.Call(t, http.MethodPost, "/api/v2/tenants/team/databases", map[string]string{"name": "shared"}, nil)
			w.Call(t, http.MethodPost, "/api/v2/tenants/team/databases/shared/collections", map[string]string{"name": "minutes"}, nil)
			w.configure("preset: chroma\nsources:\n  chroma: SERVER\n")
			for _, args := range [][]string{{"backup"}, {"backup", "--dry-run"}, {"doctor"}} {
				r := w.run(args...)
				says(t, strings.Join(strings.Fields(r.stdout+r.stderr), " "), "no source reads 1 database that is here: big (1 collection: diary)")
			}
			w.configure("preset: chroma\nsources:\n  chroma: chromadir:DIRECTORY\n")
			says(t, w.must(0, "backup").stderr, "warning: no source reads 2 databases that are here: big (1 collection: diary), team/shared (1 collection: minutes)")
			w.configure("preset: chroma\nsources:\n  chroma: SERVER\n  big:\n    store: SERVER\n    database: big\n")
			silent(t, w.must(0, "backup").stderr, "no source reads")
			w.fill("notes", 1)
			w.fill("drafts", 1)
			w.configure("preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    collections: p*\n    exclude: drafts\n")
			says(t, w.must(0, "backup").stderr, "note: no source reads 1 collection of database default_database: notes")
		})
	}
}

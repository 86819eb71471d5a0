package cli_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// workshop is an agent that is none of Neo's: a folder with a configuration, and a
// server of its own.
type workshop struct {
	*agent
	*chromatest.Server
}

func newWorkshop(t *testing.T, config string, options ...chromatest.Option) *workshop {
	t.Helper()
	w := &workshop{
		// A path that the guard takes for production, as an agent's is.
		agent:  &agent{t: t, home: filepath.Join(t.TempDir(), ".neo-ai-data", "agent"), env: map[string]string{}, host: keeper.Host{MachineID: testMachine}, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)},
		Server: chromatest.Start(t, options...),
	}
	w.configure(config)
	return w
}

// configure writes the configuration; SERVER and DIRECTORY are those of the server.
func (w *workshop) configure(config string) {
	w.t.Helper()
	config = strings.NewReplacer("SERVER", "chroma:"+w.URL(), "DIRECTORY", w.Dir()).Replace(config)
	w.write(filepath.Join(w.home, "keepsake.yaml"), config)
}

func (w *workshop) collections() string { return chromatest.Collections("default_database") }

// fill adds n rows to a collection, which is made when it isn't there.
func (w *workshop) fill(name string, n int) {
	w.t.Helper()
	var made struct{ ID string }
	w.Call(w.t, http.MethodPost, w.collections(), map[string]any{"name": name, "get_or_create": true}, &made)
	var ids, documents []string
	var embeddings [][]float32
	for i := range n {
		ids, documents = append(ids, fmt.Sprintf("%s-%d", name, i)), append(documents, fmt.Sprintf("document %d", i))
		embeddings = append(embeddings, []float32{float32(i), 0.5, -1})
	}
	w.Call(w.t, http.MethodPost, w.collections()+"/"+made.ID+"/add", map[string]any{"ids": ids, "embeddings": embeddings, "documents": documents}, nil)
}

func (w *workshop) drop(name string) {
	w.t.Helper()
	w.Call(w.t, http.MethodDelete, w.collections()+"/"+name, nil, nil)
}

// bundled are the rows of each section of a bundle, in the order of its meta.
func bundled(t *testing.T, bundle string) map[string]float64 {
	t.Helper()
	rows := map[string]float64{}
	for _, s := range dig(t, readMeta(t, bundle), "keepsake", "sections").([]any) {
		m := s.(map[string]any)
		rows[m["name"].(string)] = m["rows"].(float64)
	}
	return rows
}

func wantBundled(t *testing.T, bundle string, want map[string]float64) {
	t.Helper()
	if got := bundled(t, bundle); !maps.Equal(got, want) {
		t.Errorf("got sections %v, want %v", got, want)
	}
}

// TestPresetChroma: three lines of configuration back everything up that is on a
// server, and put it back after all of it was dropped, under its own names.
func TestPresetChroma(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, "preset: chroma\nsources:\n  chroma: SERVER\n", options...)
			w.fill("papers", 30)
			w.fill("notes.2026", 12)
			w.fill("papers-shadow-1", 5)
			out := w.json(0, "backup")
			bundle := out["path"].(string)
			want := map[string]float64{"chroma/papers": 30, "chroma/notes.2026": 12, "chroma/papers-shadow-1": 5} // a name proves nothing
			wantBundled(t, bundle, want)
			if got, want := filepath.Dir(bundle), filepath.Join(w.home, "backups"); got != want {
				t.Errorf("got a bundle in %s, want it in %s", got, want)
			}
			if got := dig(t, readMeta(t, bundle), "kbChromaCoords"); got != nil {
				t.Errorf("got coordinates %v of a knowledge base, want none", got)
			}
			says(t, w.must(0, "backup").stderr, "collection papers-shadow-1 is named as what a swap of Neo.mjs leaves (*-shadow-*), and is backed up")
			before := lines(t, filepath.Join(bundle, "chroma", "papers-backup-"+strings.TrimPrefix(filepath.Base(bundle), "backup-")+".jsonl"))
			w.drop("papers")
			w.drop("notes.2026")
			says(t, w.must(0, "restore", "latest").stdout, "all are in")
			again := w.backupWith(0)
			wantBundled(t, again, want)
			after := lines(t, filepath.Join(again, "chroma", "papers-backup-"+strings.TrimPrefix(filepath.Base(again), "backup-")+".jsonl"))
			if !slices.Equal(after, before) {
				t.Error("the rows are not what they were")
			}
			says(t, w.must(0, "list").stdout, "chroma 47 rows")
			says(t, w.must(1, "doctor").stdout, "source chroma: 3 sections with 47 rows", "age of chroma: the newest good bundle is")
			w.must(0, "verify", "latest", "--level", "restore")
		})
	}
}

func (w *workshop) backupWith(code int, args ...string) string {
	w.t.Helper()
	return w.json(code, append([]string{"backup"}, args...)...)["path"].(string)
}

// TestTrue_11_SourceGoes: a collection that the configuration names is asked for: once it
// is dropped there is no backup, or a degraded one where that is allowed, until it is
// named no more and its end is accepted; a pattern that matches nothing at all is no
// backup.
func TestTrue_11_SourceGoes(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    collections: [papers*, notes]\n    exclude: '*-tmp'\n")
	for _, name := range []string{"papers", "papers-tmp", "notes", "other"} {
		w.fill(name, 4)
	}
	first := w.backupWith(0)
	wantBundled(t, first, map[string]float64{"chroma/papers": 4, "chroma/notes": 4})
	w.drop("notes")
	for _, args := range [][]string{{}, {"--dry-run"}, {"--accept-lineage", "chroma/notes"}} {
		shelf := w.shelfOf()
		r := w.must(8, append([]string{"backup"}, args...)...)
		says(t, r.stderr, "no bundle was made", "chroma/notes is named in the configuration, and there is no such collection")
		same(t, "the bundles", w.shelfOf(), shelf)
	}
	for range 2 {
		r := w.must(3, "backup", "--allow-degraded")
		says(t, r.stderr, "chroma/notes", "was in "+filepath.Base(first)+", with 4 rows, and is not there any more")
	}
	w.must(3, "backup", "--allow-degraded", "--accept-lineage", "chroma/notes") // it is asked for all the same
	w.configure("preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    collections: papers*\n    exclude: '*-tmp'\n")
	says(t, w.must(0, "restore", "latest", "--dry-run").stdout, "chroma/notes") // the last good one
	w.must(0, "backup", "--accept-lineage", "chroma/notes")
	w.must(0, "backup")
	w.drop("papers")
	before := w.shelfOf()
	says(t, w.must(8, "backup").stderr, "no bundle was made", "source chroma")
	same(t, "the bundles", w.shelfOf(), before)
}

func (w *workshop) shelfOf() map[string]string {
	w.t.Helper()
	return tree(w.t, filepath.Join(w.home, "backups"))
}

// TestSourceWays: one server, read in each way; auto says which it took, and why.
func TestSourceWays(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    source: %s\n    directory: %s\n"
	w := newWorkshop(t, fmt.Sprintf(config, "auto", "DIRECTORY"))
	w.fill("papers", 30)
	captured := func(bundle, method, why string) {
		t.Helper()
		c := dig(t, readMeta(t, bundle), "keepsake", "sections", 0, "capture").(map[string]any)
		if c["method"] != method || !strings.Contains(fmt.Sprint(c["why"]), why) {
			t.Errorf("got %v because %v, want %s because %s", c["method"], c["why"], method, why)
		}
	}
	captured(w.backupWith(0), "directory", "its ids are those that the server lists")
	stale := filepath.Join(t.TempDir(), "stale")
	if err := os.CopyFS(stale, os.DirFS(w.Dir())); err != nil {
		t.Fatal(err)
	}
	w.fill("papers", 33)
	w.configure(fmt.Sprintf(config, "auto", stale))
	captured(w.backupWith(0), "http", "the directory lacks 3 of the ids")
	says(t, w.must(0, "backup").stderr, "note: chroma/papers: read from the server: the directory lacks 3 of the ids")
	w.configure(fmt.Sprintf(config, "directory", "DIRECTORY"))
	w.Kill()
	bundle := w.backupWith(0)
	captured(bundle, "directory", "")
	wantBundled(t, bundle, map[string]float64{"chroma/papers": 33})
	w.configure(fmt.Sprintf(config, "auto", "DIRECTORY"))
	says(t, w.must(8, "backup").stderr, "reach Chroma at "+w.URL())
	w.configure("preset: chroma\nsources:\n  chroma: chromadir:DIRECTORY\n")
	wantBundled(t, w.backupWith(0), map[string]float64{"chroma/papers": 33})
}

// TestSourceBesideNeo: what an operator declares lies beside Neo's six folders.
func TestSourceBesideNeo(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	other := chromatest.Start(t)
	w := &workshop{agent: a, Server: other}
	w.fill("papers", 9)
	w.configure("sources:\n  research: SERVER\n")
	bundle := w.backupWith(0)
	got := bundled(t, bundle)
	if got["research/papers"] != 9 || got[string(memory.Memories)] != 40 {
		t.Errorf("got %v, want Neo's sections and 9 papers", got)
	}
	w.drop("papers")
	w.must(0, "restore", bundle, "--only", "research")
	wantBundled(t, w.backupWith(0, "--only", "research"), map[string]float64{"research/papers": 9})
	as := w.must(0, "restore", bundle, "--only", "research/papers", "--as", "research/papers=papers-of-friday")
	says(t, as.stdout, "all are in")
	wantBundled(t, w.backupWith(0, "--only", "research"), map[string]float64{"research/papers": 9, "research/papers-of-friday": 9})
}

// declare writes the configuration of a workshop without a server.
func (w *workshop) declare(config string) {
	w.t.Helper()
	w.write(filepath.Join(w.home, "keepsake.yaml"), config)
}

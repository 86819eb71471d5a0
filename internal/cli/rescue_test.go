package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// onItsOwnServer returns an agent whose server is its own: it can be killed, and its
// directory damaged. It is unified.
func onItsOwnServer(t *testing.T, options ...chromatest.Option) *agent {
	t.Helper()
	a := bare(t)
	a.kb.Server = chromatest.Start(t, options...)
	a.mc.Server = a.kb.Server
	a.freshDatabases()
	return a
}

// directory copies the server's directory to a place of the test's own.
func (a *agent) directory() string {
	a.t.Helper()
	dir := filepath.Join(a.t.TempDir(), "chroma")
	if err := os.CopyFS(dir, os.DirFS(a.kb.Dir())); err != nil {
		a.t.Fatal(err)
	}
	return dir
}

// indexes are the folders of a directory's indexes.
func indexes(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

func TestRescue(t *testing.T) {
	a := onItsOwnServer(t)
	a.remember()
	want := a.digests()
	a.kb.Kill()
	whole := a.directory()
	a.sub("Whole", func(t *testing.T) {
		out := a.json(0, "rescue", whole)
		expect(t, out, "complete", "status")
		expect(t, out, 106.0, "rows")
		expect(t, section(t, out, memory.Memories), 40.0, "rows")
		expect(t, readMeta(t, out["path"].(string)), "rescue", "keepsake", "reason")
		a.must(0, "verify", out["path"].(string))
		says(t, a.must(10, "restore", "latest").stderr, "no good bundle")
		same(t, "the directory", tree(t, whole), tree(t, a.kb.Dir()))
	})
	a.sub("DatabaseDestroyed", func(t *testing.T) {
		dir := a.directory()
		a.write(filepath.Join(dir, "chroma.sqlite3"), strings.Repeat("\x00", 4096))
		r := a.must(3, "rescue", dir, "-o", filepath.Join(t.TempDir(), "rescued"))
		says(t, r.stderr, "chroma.sqlite3 is damaged", "collections have no names, and no documents")
		says(t, r.stdout, "rescued", "degraded", "no text")
	})
	a.sub("ABackupSaysSo", func(t *testing.T) {
		dir := a.directory()
		a.write(filepath.Join(dir, "chroma.sqlite3"), strings.Repeat("\x00", 4096))
		a.env["KEEPSAKE_KB_CHROMA"] = "chromadir:" + dir
		says(t, a.must(8, "backup").stderr, "is damaged", "keepsake rescue "+dir+" makes a bundle of what it still holds")
	})
	a.sub("IndexLost", func(t *testing.T) {
		dir := a.directory()
		for _, folder := range indexes(t, dir) {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
		}
		// None of the collections was saved in its index yet: the queue has it all.
		expect(t, a.json(0, "rescue", dir), "complete", "status")
		execute(t, openSQLite(t, filepath.Join(dir, "chroma.sqlite3")), "DELETE FROM embeddings_queue WHERE id LIKE 'summary_%'")
		r := a.must(3, "rescue", dir, "--records")
		says(t, r.stderr, `mc/summaries: row "summary_`, "has lost its vector: ")
		path := strings.SplitN(r.stdout, "\n", 2)[0]
		a.restored(path, want)
	})
}

// restored puts what was rescued into an empty memory: all that has its vector.
func (a *agent) restored(bundle string, want records) {
	a.t.Helper()
	b := onItsOwnServer(a.t)
	b.must(0, "restore", bundle, "--only", "kb,mc/memory")
	got := b.digests()
	for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories} {
		sameDigests(a.t, records{s: got[s]}, records{s: want[s]})
	}
	says(a.t, b.must(9, "restore", bundle, "--only", "mc").stderr, "restore incomplete: some rows are not in")
}

// TestRescueInto says where the bundle may go, and that nothing is left where there
// is none.
func TestRescueInto(t *testing.T) {
	a := onItsOwnServer(t)
	a.remember(memory.Memories)
	a.kb.Kill()
	dir, goal := a.directory(), filepath.Join(t.TempDir(), "goal")
	a.must(0, "rescue", dir, "-o", goal)
	a.must(0, "verify", goal)
	into := t.TempDir()
	r := a.must(0, "rescue", dir, "-o", into)
	if got := filepath.Dir(strings.SplitN(r.stdout, "\n", 2)[0]); got != into {
		t.Errorf("got a bundle in %s, want one in %s", got, into)
	}
	file := filepath.Join(t.TempDir(), "file")
	a.write(file, "x")
	for name, tt := range map[string]struct {
		code int
		args []string
		says string
	}{
		"FileInTheWay": {2, []string{dir, "-o", file}, "there is a file of that name"},
		"Nothing":      {8, []string{filepath.Join(into, "none"), "-o", goal + "2"}, "there is nothing"},
		"NoFolder":     {8, []string{file, "-o", goal + "2"}, "it is no folder"},
		"EmptyFolder":  {8, []string{t.TempDir(), "-o", goal + "2"}, "chroma.sqlite3"},
		"Compress":     {2, []string{dir, "--compress", "lz4"}, "neither none nor zstd"},
		"NoDirectory":  {2, nil, "accepts 1 arg"},
	} {
		a.sub(name, func(t *testing.T) {
			before := tree(t, filepath.Dir(goal))
			says(t, a.must(tt.code, append([]string{"rescue"}, tt.args...)...).stderr, tt.says)
			same(t, "the place for the bundle", tree(t, filepath.Dir(goal)), before)
		})
	}
	t.Run("Nowhere", func(t *testing.T) {
		b := bare(t)
		b.home = t.TempDir()
		says(t, b.must(2, "rescue", dir).stderr, "where to? -o names the bundle to make")
	})
}

// TestRescuedMemory: a directory among the memory's data is the memory's; of another
// nobody knows whose it is.
func TestRescuedMemory(t *testing.T) {
	a := onItsOwnServer(t)
	a.remember(memory.Memories)
	own := readMeta(t, a.backup("--only", "mc/memory"))
	a.kb.Kill()
	inside := a.data("chroma", "unified")
	if err := os.CopyFS(inside, os.DirFS(a.kb.Dir())); err != nil {
		t.Fatal(err)
	}
	mine := readMeta(t, a.json(0, "rescue", inside)["path"].(string))
	if got, want := dig(t, mine, "keepsake", "memoryId"), dig(t, own, "keepsake", "memoryId"); got != want {
		t.Errorf("got memory %v, want %v", got, want)
	}
	expect(t, mine, 2.0, "keepsake", "sequence")
	other := readMeta(t, a.json(0, "rescue", a.directory())["path"].(string))
	if got, not := dig(t, other, "keepsake", "memoryId"), dig(t, own, "keepsake", "memoryId"); got == not {
		t.Errorf("a directory elsewhere is said to be of memory %v", got)
	}
}

// TestRescueOfDeclared: what a configuration declares goes back to where it was.
func TestRescueOfDeclared(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    source: directory\n    directory: DIRECTORY\n")
	w.fill("papers", 30)
	mine := readMeta(t, w.backupWith(0))
	w.drop("papers")
	w.fill("papers", 31)
	for _, f := range indexes(t, w.Dir()) {
		if err := os.RemoveAll(f); err != nil { // nothing was saved there yet
			t.Fatal(err)
		}
	}
	bundle := w.json(0, "rescue", w.Dir())["path"].(string)
	wantBundled(t, bundle, map[string]float64{"chroma/papers": 31})
	if got, want := dig(t, readMeta(t, bundle), "keepsake", "memoryId"), dig(t, mine, "keepsake", "memoryId"); got != want {
		t.Errorf("got memory %v, want %v", got, want)
	}
	w.drop("papers")
	w.must(0, "restore", bundle)
	wantBundled(t, w.backupWith(0), map[string]float64{"chroma/papers": 31})
}

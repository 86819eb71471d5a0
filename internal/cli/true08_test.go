package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

// wantSince wants the JSON of a backup to say of a section what changed: added,
// removed, changed and moved, since a bundle.
func wantSince(t *testing.T, out map[string]any, s memory.Section, bundle string, want [4]int) {
	t.Helper()
	said, ok := section(t, out, s)["since"].(map[string]any)
	if !ok {
		t.Errorf("%s: nothing is said of what changed", s)
		return
	}
	got := [4]int{}
	for i, key := range []string{"added", "removed", "changed", "moved"} {
		n, _ := said[key].(float64)
		got[i] = int(n)
	}
	if got != want || said["known"] != true || said["bundle"] != filepath.Base(bundle) {
		t.Errorf("%s: got %v, want +%d −%d ~%d, moved %d, since %s", s, said, want[0], want[1], want[2], want[3], filepath.Base(bundle))
	}
	written := section(t, dig(t, readMeta(t, out["path"].(string)), "keepsake").(map[string]any), s)["since"]
	if fmt.Sprint(written) != fmt.Sprint(said) {
		t.Errorf("%s: the meta says %v, the command %v", s, written, said)
	}
}

// reembeds gives rows other vectors, and leaves the rest of them.
func (a *agent) reembeds(s memory.Section, ids ...string) {
	a.t.Helper()
	var vectors [][]float32
	for i := range ids {
		vector := make([]float32, dimension)
		vector[(i+3)%dimension] = 2
		vectors = append(vectors, vector)
	}
	a.at(s).Call(a.t, http.MethodPost, a.collection(s)+"/update", map[string]any{"ids": ids, "embeddings": vectors}, nil)
}

// TestTrue_08_Since: each backup says of each section which records came, went and
// changed since the last good bundle, over HTTP and from the directory; that a cosine
// collection went through the server in another way moves no vector.
func TestTrue_08_Since(t *testing.T) {
	t.Parallel()
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			a := onItsOwnServer(t, options...)
			a.defaults()
			a.variedMemory()
			a.remember(memory.Graph, "concepts/nodes", memory.TrajectoryLog)
			a.write(a.data("concepts", "nodes.jsonl"), `{"id":"a"}`+"\n"+`{"id":"b"}`+"\n"+`{"id":"b"}`+"\n")
			first := a.backup()
			if said, ok := section(t, dig(t, readMeta(t, first), "keepsake").(map[string]any), memory.Memories)["since"]; ok {
				t.Errorf("the first bundle compares the memories with something: %v", said)
			}

			a.fromDirectories()
			second := a.json(0, "backup")
			for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries, memory.Graph, "concepts/nodes", memory.TrajectoryLog} {
				wantSince(t, second, s, first, [4]int{})
			}

			ids := a.ids(memory.Memories)
			a.adds(memory.Memories, "new 1", "new 2", "new 3")
			a.deletes(memory.Memories, ids[0], ids[1])
			a.updates(memory.Memories, map[string]any{"changed": true}, "changed", ids[2], ids[3], ids[4], ids[5])
			a.reembeds(memory.Memories, ids[6], ids[7], ids[8], ids[9], ids[10])
			a.reembeds(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)[0])
			a.sql(`INSERT INTO Nodes(id, data) VALUES ('new-node', '{"id":"new-node","label":"NEW","properties":{}}')`)
			a.sql("DELETE FROM Edges WHERE rowid IN (SELECT rowid FROM Edges LIMIT 2)")
			a.sql("UPDATE Nodes SET data = json_set(data, '$.label', 'CHANGED') WHERE rowid IN (SELECT rowid FROM Nodes LIMIT 3)")
			a.write(a.data("concepts", "nodes.jsonl"), `{"id":"b"}`+"\n"+`{"id":"a"}`+"\n"+`{"id":"c"}`+"\n"+`{"id":"d"}`+"\n")
			a.point() // over HTTP again
			third := a.json(0, "backup")
			was := second["path"].(string)
			wantSince(t, third, memory.Memories, was, [4]int{3, 2, 4, 5})
			wantSince(t, third, memory.KnowledgeBase, was, [4]int{0, 0, 0, 1})
			wantSince(t, third, memory.Summaries, was, [4]int{})
			wantSince(t, third, memory.Graph, was, [4]int{1, 2, 3, 0})
			wantSince(t, third, "concepts/nodes", was, [4]int{2, 1, 0, 0})
		})
	}
}

// TestTrue_08_SinceOfFiles: files that are kept whole are compared by their bytes.
func TestTrue_08_SinceOfFiles(t *testing.T) {
	a := plain(t, "  notes: {store: 'files:notes/**/*.md'}\n")
	for i := range 3 {
		a.write(a.in("notes", fmt.Sprintf("%d.md", i)), "a note\n")
	}
	first := a.backup()
	a.write(a.in("notes", "1.md"), "another note\n")
	a.write(a.in("notes", "3.md"), "a new note\n")
	out := a.json(0, "backup")
	wantSince(t, out, "notes/0.md", first, [4]int{})
	wantSince(t, out, "notes/1.md", first, [4]int{0, 0, 1, 0})
	wantSince(t, out, "notes/3.md", first, [4]int{1, 0, 0, 0})
}

// TestTrue_08_SinceOfAFolder: of many files there is one line, and it counts those that
// are gone.
func TestTrue_08_SinceOfAFolder(t *testing.T) {
	a := plain(t, "  notes: {store: 'files:notes/**/*.md'}\n  journal: {store: 'files:journal/*.jsonl'}\n")
	note := func(i int) string { return a.in("notes", fmt.Sprintf("%03d.md", i)) }
	day := func(i int) string { return a.in("journal", fmt.Sprintf("%03d.jsonl", i)) }
	for i := range 100 {
		a.write(note(i), fmt.Sprintf("note %d\n", i))
	}
	for i := range 30 {
		a.write(day(i), fmt.Sprintf("{\"day\":%d}\n{\"day\":%[1]d}\n", i))
	}
	line := func(out, name string) string {
		for _, line := range strings.Split(out, "\n") {
			if strings.HasPrefix(line, name) {
				return strings.Join(strings.Fields(line), " ")
			}
		}
		t.Errorf("got %q, want a line of %s", out, name)
		return ""
	}
	says(t, line(a.must(0, "backup").stdout, "notes"), "notes (100 files)", " – ")
	for i := range 3 {
		remove(t, note(10*i))
	}
	remove(t, day(7))
	a.write(note(1), "another\n")
	a.write(note(2), "yet another\n")
	a.write(note(100), "new\n")
	r := a.must(0, "backup")
	says(t, line(r.stdout, "notes"), "notes (98 files)", " +1 −3 ~2 ")
	says(t, line(r.stdout, "journal"), "journal (29 files)", " +0 −2 ~0 ")
	remove(t, note(3))
	out := a.json(0, "backup")
	expect(t, out, "notes", "removed", 0, "source")
	expect(t, out, 1.0, "removed", 0, "files")
	expect(t, out, 1.0, "removed", 0, "records")
}

// TestTrue_08_SinceAnOldBundle: a bundle that was made before there were indexes is
// indexed beside it, once; one whose payload can't be read makes what changed unknown.
func TestTrue_08_SinceAnOldBundle(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	first := a.backup()
	unindexed(t, first)
	a.adds(memory.Memories, "new")
	second := a.json(0, "backup")
	wantSince(t, second, memory.Memories, first, [4]int{1, 0, 0, 0})
	wantSince(t, second, memory.Graph, first, [4]int{})
	made, _ := filepath.Glob(filepath.Join(filepath.Dir(first), ".notes-"+strings.TrimPrefix(filepath.Base(first), "backup-")+".index", "*.idx"))
	if len(made) == 0 {
		t.Errorf("no index lies beside %s", first)
	}
	unindexed(t, second["path"].(string))
	path := payload(t, second["path"].(string), memory.Memories)
	text := strings.Replace(readFile(t, path), "the agent's own", "the agent's OWN", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	third := a.json(0, "backup")
	said := section(t, third, memory.Memories)["since"].(map[string]any)
	if said["known"] != false || said["why"] == nil || said["added"] != 0.0 {
		t.Errorf("compared with what can't be read: got %v, want that it is unknown, and why", said)
	}
	says(t, a.must(0, "backup").stdout, "since")
}

// unindexed makes a bundle one of those before there were indexes.
func unindexed(t *testing.T, bundle string) {
	t.Helper()
	(&bundletest.Broken{T: t, Path: bundle}).Unindexed()
}

package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
)

// neoBundle is a bundle that Neo.mjs 13.1.0 wrote.
const neoBundle = "../bundle/testdata/neo-13.1.0/backup-2026-11-22T23-14-40.692Z"

// TestNeoFixtureRestores restores it and compares every value with what the
// files say, past our own reading of either.
func TestNeoFixtureRestores(t *testing.T) {
	a := newAgent(t, true)
	bundle, err := filepath.Abs(neoBundle)
	if err != nil {
		t.Fatal(err)
	}
	untouched := tree(t, bundle)
	for _, s := range a.json(0, "restore", bundle, "--dry-run")["sections"].([]any) {
		got := s.(map[string]any)
		if n := float64(len(lines(t, payload(t, bundle, memory.Section(got["section"].(string)))))); got["rows"] != n {
			t.Errorf("dry run: got %v, want %v rows", got, n)
		}
	}
	for _, s := range a.json(0, "restore", bundle)["sections"].([]any) {
		got := s.(map[string]any)
		n := float64(len(lines(t, payload(t, bundle, memory.Section(got["section"].(string))))))
		if got["added"] != n || got["same"] != n {
			t.Errorf("got %v, want %v rows added and the same", got, n)
		}
	}
	for s, file := range map[memory.Section]string{
		memory.KnowledgeBase: "kb/knowledge-base-backup-*.jsonl", memory.Memories: "mc/memory-backup-*.jsonl",
		memory.Summaries: "mc/summaries-backup-*.jsonl",
	} {
		sameVectors(t, a, s, decodeLines(t, only(t, bundle, file)))
	}
	sameGraph(t, a, decodeLines(t, only(t, bundle, "graph/graph-backup-*.jsonl")))
	for live, file := range map[string]string{
		a.data("concepts", "nodes.jsonl"):                 "concepts/nodes.jsonl",
		a.data("concepts", "edges.jsonl"):                 "concepts/edges.jsonl",
		a.data("datasets", "rlaif", "trajectories.jsonl"): "trajectories/trajectories.jsonl",
		a.data("sqlite", "sent-to-cull.jsonl"):            "mailbox/sent-to-cull.jsonl",
	} {
		if got, want := readFile(t, live), readFile(t, filepath.Join(bundle, file)); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
	says(t, a.must(0, "restore", bundle).stdout, "Nothing to do")
	same(t, "the fixture", tree(t, bundle), untouched)
}

// only returns the one file that a pattern names.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: got %q, %v, want one file", pattern, found, err)
	}
	return found[0]
}

func decodeLines(t *testing.T, path string) (rows []map[string]any) {
	t.Helper()
	for _, line := range lines(t, path) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// sameVectors compares a collection, as any client sees it, with rows of a file.
func sameVectors(t *testing.T, a *agent, s memory.Section, want []map[string]any) {
	t.Helper()
	var got struct {
		IDs        []string
		Embeddings [][]float32
		Metadatas  []map[string]any
		Documents  []*string
	}
	a.at(s).Call(t, http.MethodPost, a.collection(s)+"/get", map[string]any{"include": []string{"embeddings", "metadatas", "documents"}}, &got)
	if len(got.IDs) != len(want) {
		t.Errorf("%s: got %d rows, want %d", s, len(got.IDs), len(want))
	}
	for _, row := range want {
		i := slices.Index(got.IDs, row["id"].(string))
		if i < 0 {
			t.Errorf("%s: row %v is not there", s, row["id"])
			continue
		}
		var vector []float32
		for _, n := range row["embedding"].([]any) {
			vector = append(vector, float32(n.(float64)))
		}
		if !slices.Equal(got.Embeddings[i], vector) {
			t.Errorf("%s: row %v: embedding: got %v, want %v", s, row["id"], got.Embeddings[i], vector)
		}
		metadata, _ := row["metadata"].(map[string]any)
		maps.DeleteFunc(metadata, func(_ string, v any) bool { return v == nil }) // Chroma has no null
		if !reflect.DeepEqual(got.Metadatas[i], metadata) {
			t.Errorf("%s: row %v: metadata: got %v, want %v", s, row["id"], got.Metadatas[i], metadata)
		}
		if document, given := row["document"].(string); given != (got.Documents[i] != nil) || given && *got.Documents[i] != document {
			t.Errorf("%s: row %v: document: got %v, want %v", s, row["id"], got.Documents[i], row["document"])
		}
	}
}

// sameGraph compares the database with rows of a file, as Neo.mjs imports them.
func sameGraph(t *testing.T, a *agent, want []map[string]any) {
	t.Helper()
	if got := a.graphText("SELECT (SELECT count(*) FROM Nodes) + (SELECT count(*) FROM Edges)"); got != fmt.Sprint(len(want)) {
		t.Errorf("graph: got %s rows, want %d", got, len(want))
	}
	for _, row := range want {
		data := row["data"].(map[string]any)
		table, id := "Nodes", data["id"]
		if row["type"] == "edge" {
			table = "Edges"
			if id == nil {
				id = fmt.Sprintf("%v->%v:%v", data["source"], data["target"], data["type"])
			}
			for _, column := range []string{"source", "target", "type"} {
				if got := a.graphText("SELECT "+column+" FROM Edges WHERE id = ?", id); got != data[column] {
					t.Errorf("edge %v: %s: got %q, want %q", id, column, got, data[column])
				}
			}
		}
		user, _ := data["user_id"].(string)
		if p, ok := data["properties"].(map[string]any); ok && p["userId"] != nil {
			user = p["userId"].(string)
		}
		if got := a.graphText("SELECT user_id FROM "+table+" WHERE id = ?", id); got != user {
			t.Errorf("%s %v: user_id: got %q, want %q", table, id, got, user)
		}
		var got map[string]any
		text := a.graphText("SELECT data FROM "+table+" WHERE id = ?", id)
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, data) {
			t.Errorf("%s %v: data: got %s, %v, want %v", table, id, text, err, data)
		}
	}
}

// TestBundleReadsAsNeo holds a bundle of ours against what the restore of Neo.mjs
// 13.1.0 does with one: which folders it wants, which collection it takes each
// file for by its name, what it reads of a row and of the meta.
func TestBundleReadsAsNeo(t *testing.T) {
	for name, unified := range map[string]bool{"unified": true, "federated": false} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, unified)
			a.remember()
			bundle := a.backup()
			for _, folder := range []string{"kb", "mc", "graph", "concepts", "trajectories", "mailbox"} {
				if info, err := os.Stat(filepath.Join(bundle, folder)); err != nil || !info.IsDir() {
					t.Errorf("no folder %s: %v", folder, err)
				}
			}
			timestamp := strings.TrimPrefix(filepath.Base(bundle), "backup-")
			if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$`).MatchString(timestamp) {
				t.Errorf("timestamp: got %s", timestamp)
			}
			sameVectors(t, a, memory.KnowledgeBase, imports(t, bundle, "kb", "knowledge-base-backup-"+timestamp))
			sameVectors(t, a, memory.Memories, imports(t, bundle, "mc", "memory-backup-"+timestamp))
			sameVectors(t, a, memory.Summaries, imports(t, bundle, "mc", "summaries-backup-"+timestamp))
			sameGraph(t, a, imports(t, bundle, "graph", "graph-backup-"+timestamp))
			sameNames(t, bundle)
			// It takes the first file there is in each of these folders.
			for folder, file := range map[string]string{"trajectories": "trajectories.jsonl", "mailbox": "sent-to-cull.jsonl"} {
				if got := filepath.Base(only(t, bundle, folder+"/*.jsonl")); got != file {
					t.Errorf("%s: got %s, want %s", folder, got, file)
				}
			}
			meta := readMeta(t, bundle)
			topology := meta["topology"].(map[string]any)
			legacy := topology["chromaUnified"] == false && topology["shared_topology"] != true
			if legacy == unified {
				t.Errorf("Neo.mjs takes %v for federated: %v, want %v", topology, legacy, !unified)
			}
			for _, field := range []string{"bundleVersion", "neoVersion", "gitSha", "completedAt"} {
				if _, ok := meta[field]; !ok {
					t.Errorf("the meta has no %s", field)
				}
			}
		})
	}
}

// imports reads the file of a folder that has that name, whose rows have the keys
// that Neo.mjs writes, in its order. Each line has to parse by itself.
func imports(t *testing.T, bundle, folder, name string) []map[string]any {
	t.Helper()
	path := filepath.Join(bundle, folder, name+".jsonl")
	want := []string{"id", "embedding", "metadata", "document"}
	if folder == "graph" {
		want = []string{"type", "data"}
	}
	for _, line := range lines(t, path) {
		if got := keysOf(t, line); !slices.Equal(got, want) {
			t.Fatalf("%s: keys %q, want %q", name, got, want)
		}
	}
	return decodeLines(t, path)
}

// keysOf returns the keys of an object in their order.
func keysOf(t *testing.T, line string) (keys []string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(line))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// sameNames fails the test if a folder holds a file that Neo.mjs would take for
// something else: in mc, all that isn't a memory or a graph is a summary.
func sameNames(t *testing.T, bundle string) {
	t.Helper()
	for folder, prefixes := range map[string][]string{
		"kb": {"knowledge-base-backup-"}, "mc": {"memory-backup-", "summaries-backup-"}, "graph": {"graph-backup-"},
	} {
		for name := range tree(t, filepath.Join(bundle, folder)) {
			known := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
			if !known || !strings.HasSuffix(name, ".jsonl") {
				t.Errorf("%s holds %s, want only %q", folder, name, prefixes)
			}
		}
	}
}

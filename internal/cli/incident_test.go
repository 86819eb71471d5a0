package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

// A month of bundles said 18,835 memories in their meta and had none in the file.
func TestIncidentA_MetaSaysManyFileHasNone(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	a.sub("Backup", func(t *testing.T) {
		memories := a.collection(memory.Memories)
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			switch r.Path {
			case memories + "/count":
				return chromatest.Fault{Rewrite: chromatest.CountOf(18_835)}
			case memories + "/get":
				return chromatest.Fault{Rewrite: chromatest.Instead(`{"ids":[],"embeddings":[],"metadatas":[],"documents":[],"uris":[],"include":[]}`)}
			}
			return chromatest.Fault{}
		})
		r := a.refuses(8, "backup")
		says(t, r.stderr, "mc/memory", "the server counts 18835 rows, but lists 0")
	})
	for name, neo := range map[string]bool{"Sealed": false, "OfNeo": true} {
		a.sub(name, func(t *testing.T) {
			dir := copied(t, bundle)
			if neo {
				asNeo(t, dir)
			}
			writeLines(t, payload(t, dir, memory.Memories), nil)
			says(t, a.refuses(4, "verify", dir).stdout, "DOES NOT VERIFY")
			a.refuses(4, "verify", dir, "--level", "quick")
			a.refuses(4, "restore", dir)
		})
	}
}

// One row was written during the export: 32,272 counted, 32,271 exported, and the
// whole bundle was thrown away, for hours.
func TestIncidentC_OneRowMoreWhileExporting(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries} {
		a.sub(string(s.Subsystem())+"."+s.Name(), func(t *testing.T) {
			a.meanwhile(s, func() { a.adds(s, "written-meanwhile") })
			out := a.json(0, "backup")
			expect(t, out, "complete", "status")
			expect(t, section(t, out, s), "pass", "status")
			expect(t, section(t, out, s), 1.0, "capture", "added")
			expect(t, section(t, out, s), float64(rows()[s]), "capture", "held")
			a.deletes(s, "written-meanwhile")
		})
	}
}

// meanwhile does something as soon as the first rows of a section are asked for,
// which is after its first listing.
func (a *agent) meanwhile(s memory.Section, do func()) {
	a.t.Helper()
	var once sync.Once
	get := a.collection(s) + "/get"
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == get && strings.Contains(string(r.Body), `"ids"`) {
			once.Do(do)
		}
		return chromatest.Fault{}
	})
}

// The count in the meta was the one taken before the export; what was written
// was never counted.
func TestIncidentD_CountedBeforeNeverAfter(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.meanwhile(memory.KnowledgeBase, func() { a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)[:7]...) })
	bundle := a.backup()
	const want = 60 - 7
	if got := len(lines(t, payload(t, bundle, memory.KnowledgeBase))); got != want {
		t.Errorf("lines: got %d, want %d", got, want)
	}
	meta := readMeta(t, bundle)
	expect(t, meta, float64(want), "subsystems", "kb", "count")
	expect(t, meta, "kb", "integrity", 0, "subsystem")
	expect(t, meta, float64(want), "integrity", 0, "sourceCount")
	expect(t, meta, float64(want), "integrity", 0, "bundleCount")
	kb := section(t, meta["keepsake"].(map[string]any), memory.KnowledgeBase)
	expect(t, kb, float64(want), "rows")
	expect(t, kb, 60.0, "capture", "before")
	expect(t, kb, 7.0, "capture", "removed")
}

// A source that was down looked like one that was truly empty.
func TestIncidentI_DownIsNotEmpty(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.backup()
	graph := a.data("sqlite", "memory-core-graph.sqlite")
	for name, tt := range map[string]struct {
		with func(t *testing.T)
		want string
	}{
		"ServerDown": {func(t *testing.T) { a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t) }, "store cannot be reached"},
		"NoDatabase": {func(*testing.T) { a.env["KEEPSAKE_KB_CHROMA"] += "-gone" }, "there is no database"},
		"NoCollection": {
			func(*testing.T) { a.env["NEO_MEMORY_COLLECTION_NAME"] = "renamed" },
			"has no mc/memory: section does not exist",
		},
		"GraphNoDatabase": {func(*testing.T) { a.write(graph, strings.Repeat("no database ", 100)) }, "memory-core-graph.sqlite: store cannot be reached"},
		"GraphGone":       {func(t *testing.T) { remove(t, graph) }, "graph has no graph/graph: section does not exist"},
	} {
		a.sub(name, func(t *testing.T) {
			saved := copied(t, a.data("sqlite"))
			env := a.env["KEEPSAKE_KB_CHROMA"]
			tt.with(t)
			kept := tree(t, a.data("backups"))
			r := a.must(8, "backup")
			says(t, r.stderr, "keepsake: no bundle was made: ", tt.want)
			same(t, "the bundles", tree(t, a.data("backups")), kept)
			a.noResidue()
			a.env["KEEPSAKE_KB_CHROMA"] = env
			delete(a.env, "NEO_MEMORY_COLLECTION_NAME")
			a.restoreFolder(saved, a.data("sqlite"))
		})
	}
	a.sub("TrulyEmpty", func(t *testing.T) {
		a.deletes(memory.Summaries, a.ids(memory.Summaries)...)
		a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)...)
		out := a.json(3, "backup") // it had rows: that is not believed unasked
		expect(t, section(t, out, memory.KnowledgeBase), true, "lineage", "suspect")
		out = a.json(0, "backup", "--accept-lineage", "kb/knowledge-base", "--accept-lineage", "mc/summaries")
		expect(t, section(t, out, memory.KnowledgeBase), "empty", "status")
		expect(t, section(t, out, memory.Summaries), "empty", "status")
		expect(t, out, "kb", "integrity", 0, "subsystem")
		expect(t, out, "empty", "integrity", 0, "status")
		says(t, a.must(0, "backup").stderr, "warning: kb/knowledge-base: the source is there and has no rows", "warning: mc/summaries: ")
	})
}

// restoreFolder puts a folder of the memory back as it was saved.
func (a *agent) restoreFolder(saved, dir string) {
	a.t.Helper()
	remove(a.t, dir)
	a.mkdir(filepath.Dir(dir))
	if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
		a.t.Fatal(err)
	}
}

// A merge by INSERT OR REPLACE cascaded edge deletes and overwrote newer nodes;
// a merge by upsert rolled live KB rows back.
func TestIncidentL_MergeRollsNothingBack(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	kb := a.ids(memory.KnowledgeBase)[0]
	a.updates(memory.KnowledgeBase, map[string]any{"content": "the newer content", "since": 2}, "a document", kb)
	node := a.graphText("SELECT id FROM Nodes ORDER BY rowid LIMIT 1")
	a.sql(`UPDATE Nodes SET data = '{"id":"newer"}' WHERE id = ?`, node)
	a.sql(`INSERT INTO Edges VALUES ('since', NULL, ?1, ?1, 'SEES', '{}')`, node)
	edges := a.graphText("SELECT group_concat(id || data) FROM Edges")
	live := a.digests()

	out := a.json(0, "restore", bundle)
	expect(t, section(t, out, memory.Graph), 1.0, "differs")
	expect(t, section(t, out, memory.KnowledgeBase), 1.0, "differs")
	sameDigests(t, a.digests(), live)
	if got := a.graphText("SELECT group_concat(id || data) FROM Edges"); got != edges {
		t.Errorf("edges: got %s, want %s", got, edges)
	}
}

// Only the first line of each file had been checked: a bad row in the middle left
// half a memory.
func TestIncidentM_BadRowInTheMiddle(t *testing.T) {
	a := newAgent(t, true)
	a.put(specOf(memory.Memories), 400)
	a.remember(memory.Summaries, memory.KnowledgeBase)
	bundle := a.backup("--only", "mc,kb")
	for name, bad := range map[string]string{
		"NotJSON":        `{"id":"half a row","embedding":[0.1,0.2`,
		"OtherDimension": `{"id":"short","embedding":[1],"metadata":null,"document":null}`,
		"NoNumber":       `{"id":"nan","embedding":[` + strings.Repeat("0,", dimension-1) + `1e39],"metadata":null,"document":null}`,
		"NoID":           `{"id":"","embedding":null,"metadata":null,"document":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			a.t = t
			a.forget()
			for _, strip := range []func(*testing.T, string){func(*testing.T, string) {}, asNeo, asOlder} {
				dir := copied(t, bundle)
				editLine(t, dir, memory.Memories, 211, bad)
				strip(t, dir)
				r := a.refuses(4, "restore", dir, "--allow-empty")
				says(t, r.stderr, filepath.Base(payload(t, dir, memory.Memories))+":211: ")
			}
			if a.hasCollection(memory.Memories) {
				t.Error("the refused restore left a collection behind")
			}
		})
	}
}

// What had been checked was read again when it was put in; meanwhile it had changed.
func TestIncidentM_ChangedAfterTheCheck(t *testing.T) {
	for name, neo := range map[string]bool{"Sealed": false, "OfNeo": true} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, true)
			a.remember(memory.Memories, memory.Summaries, memory.KnowledgeBase)
			bundle := copied(t, a.backup("--only", "mc,kb"))
			if neo {
				asNeo(t, bundle)
			}
			a.forget()
			line := lines(t, payload(t, bundle, memory.Memories))[20]
			changed := strings.Replace(line, `"prompt":"`, `"prompt":"!`, 1)
			id, _, _ := strings.Cut(strings.TrimPrefix(line, `{"id":"`), `"`)
			var once sync.Once
			a.behind(&a.kb, func(chromatest.Request) chromatest.Fault { // the first look at the target comes after the check
				once.Do(func() { editLine(t, bundle, memory.Memories, 21, changed) })
				return chromatest.Fault{}
			})
			r := a.must(9, "restore", bundle) // the other sections are what was checked, and go in
			says(t, r.stderr, "bundle has changed")
			if a.hasCollection(memory.Memories) && slices.Contains(a.ids(memory.Memories), id) {
				t.Errorf("row %s went in as nobody checked it", id)
			}
		})
	}
}

// A preflight asked the embedding provider, which was down, and refused good
// restores.
func TestIncidentN_NoProviderIsAsked(t *testing.T) {
	a := newAgent(t, true)
	var asked atomic.Int64
	provider := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer provider.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "OLLAMA_HOST", "OPENAI_BASE_URL", "NEO_EMBEDDING_PROVIDER"} {
		a.env[name] = provider.URL
	}
	embeds := func(model string) {
		a.t.Helper()
		a.mc.Call(t, http.MethodPost, chromatest.Collections(a.mc.database), map[string]any{
			"name": collectionNames()[memory.Memories],
			"configuration": map[string]any{"embedding_function": map[string]any{
				"type": "known", "name": "ollama",
				"config": map[string]any{"url": provider.URL, "model_name": model, "timeout": 1},
			}},
		}, nil)
	}
	embeds("before")
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	a.forget()
	a.must(0, "restore", bundle)
	sameDigests(t, a.digests(), want)
	a.forget()
	embeds("after")
	r := a.must(0, "restore", bundle)
	says(t, r.stderr, "warning: mc/memory: the bundle's vectors were made by ollama before, those of chroma:", "by ollama after: they may not be comparable")
	sameDigests(t, a.digests(), want)
	a.must(0, "verify", bundle)
	if n := asked.Load(); n != 0 {
		t.Errorf("the embedding provider was asked %d times, want never", n)
	}
}

// Graph rows that didn't parse were skipped, and what was expected was set to
// what had been exported.
func TestIncidentQ_RowsThatDoNotParse(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	odd := map[string]string{"torn": `{"id":"torn","label":"TASK"`, "text": "no JSON at all", "list": `["a"]`, "empty": "", "lines": "two\nlines"}
	for id, data := range odd {
		a.sql("INSERT INTO Nodes VALUES (?, 'ada', ?)", id, data)
	}
	a.sql("INSERT INTO Edges VALUES ('odd', NULL, 'torn', 'text', 'SEES', 'no JSON')")
	want := a.digests()
	count := rows()[memory.Graph] + len(odd) + 1
	bundle := a.backup("--only", "graph")
	if got := len(lines(t, payload(t, bundle, memory.Graph))); got != count {
		t.Errorf("the bundle has %d rows, want %d", got, count)
	}
	expect(t, readMeta(t, bundle), float64(count), "subsystems", "graph", "graph", "expected")
	a.forgetFiles()
	a.must(0, "restore", bundle)
	sameDigests(t, a.digests(), want)
	for id, data := range odd {
		if got := a.graphText("SELECT user_id || data FROM Nodes WHERE id = ?", id); got != "ada"+data {
			t.Errorf("node %s: got %q, want %q", id, got, "ada"+data)
		}
	}
	if got := a.graphText("SELECT data FROM Edges WHERE id = 'odd'"); got != "no JSON" {
		t.Errorf("edge: got %q, want %q", got, "no JSON")
	}
}

// A restore said "complete" and ended with 0; all 440 rows had been rejected.
func TestIncidentR_EveryRowRejected(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	a.forget()
	for name, tt := range map[string]struct {
		fault  chromatest.Fault
		field  string
		reason string
	}{
		"Refused":      {chromatest.Fault{Status: 400, Text: `{"error":"InvalidArgumentError","message":"no"}`}, "rejected", "the server refused it: 400"},
		"Acknowledged": {chromatest.Fault{Status: 201, Text: "{}"}, "missing", "acknowledged, but not listed afterwards"},
	} {
		a.sub(name, func(t *testing.T) {
			a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "add" {
					return tt.fault
				}
				return chromatest.Fault{}
			})
			r := a.must(9, "restore", bundle)
			says(t, r.stderr, "keepsake: restore incomplete: some rows are not in", tt.field+" mc/memory: mem_", tt.reason)
			silent(t, r.stdout, "all are in", " complete", "done")
			out := a.json(9, "restore", bundle)
			expect(t, out, false, "complete")
			expect(t, section(t, out, memory.Memories), 40.0, tt.field)
			journal := readFile(t, filepath.Join(out["dir"].(string), "records.jsonl"))
			for row, err := range sample.Records(memory.Memories, 40, dimension, 1) {
				if err != nil {
					t.Fatal(err)
				}
				id, _, _ := strings.Cut(strings.TrimPrefix(string(row), `{"id":`), ",")
				says(t, journal, fmt.Sprintf(`"id":%s,"outcome":%q`, id, tt.field))
			}
		})
	}
	a.must(0, "restore", bundle)
	sameDigests(t, a.digests(), want)
}

// An import that was given one folder swept other folders too; a restore of the
// graph alone wiped the memories.
func TestIncidentT_NothingButWhatWasNamed(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	old := a.backup()
	a.adds(memory.Memories, "in-the-newer-bundle")
	a.sql(`INSERT INTO Nodes VALUES ('in-the-newer-bundle', NULL, '{}')`)
	a.backup()
	a.deletes(memory.Memories, "in-the-newer-bundle")
	a.sql(`DELETE FROM Nodes WHERE id = 'in-the-newer-bundle'`)
	stray := lines(t, payload(t, old, memory.Memories))[0]
	stray = regexp.MustCompile(`"id":"[^"]*"`).ReplaceAllString(stray, `"id":"stray"`) + "\n"
	for _, path := range []string{
		a.data("backups", "memory-backup-stray.jsonl"), a.data("stray.jsonl"),
		filepath.Join(a.home, "dist", "memory-backups", "memory-backup-stray.jsonl"),
	} {
		a.write(path, stray)
	}
	want := a.digests()
	a.sub("OneBundle", func(t *testing.T) {
		a.forget()
		a.must(0, "restore", old)
		sameDigests(t, a.digests(), want)
	})
	a.sub("GraphAlone", func(t *testing.T) {
		a.sql("DELETE FROM Edges")
		asked := a.behind(&a.kb, nil)
		live := tree(t, a.data())
		a.must(0, "restore", old, "--only", "graph")
		for _, op := range []string{"heartbeat", "version"} {
			if n := asked.Count(http.MethodGet, op); n != 0 {
				t.Errorf("the server was asked for its %s %d times, want never", op, n)
			}
		}
		for name, sum := range tree(t, a.data()) {
			if live[name] != sum && !strings.HasPrefix(name, "sqlite/memory-core-graph") && !strings.HasPrefix(name, ".keepsake/restores/") {
				t.Errorf("%s was written to by a restore of the graph", name)
			}
		}
		sameDigests(t, a.digests(), want)
	})
}

// backup --help ran a backup.
func TestIncidentW_HelpRunsNothing(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase)
	asked := a.behind(&a.kb, nil)
	before := a.state()
	commands := regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`).FindAllStringSubmatch(a.must(0, "--help").stdout, -1)
	if len(commands) < 8 {
		t.Fatalf("got %d commands in --help, want all", len(commands))
	}
	for _, match := range commands {
		name := match[1]
		for _, args := range [][]string{{name, "--help"}, {name, "-h"}, {"help", name}, {name, "latest", "--help"}} {
			if r := a.must(0, args...); !strings.Contains(r.stdout, "Usage:") {
				t.Errorf("keepsake %s: got %q, want help", strings.Join(args, " "), r.stdout)
			}
		}
		a.must(2, name, "--no-such-flag")
	}
	for _, args := range [][]string{{"backup", "now"}, {"backup", "--only"}, {"restore"}, {"restore", "a", "b"}, {"verify"}, {"show"}, {"bakcup"}} {
		a.must(2, args...)
	}
	a.kb.front = nil
	same(t, "everything", a.state(), before)
	if got := a.rootEntries(); len(got) != 0 {
		t.Errorf("the backup root holds %q, want nothing", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if n := asked.Count(method, "heartbeat") + asked.Count(method, "get"); n != 0 {
			t.Errorf("the server was asked %d times, want never", n)
		}
	}
}

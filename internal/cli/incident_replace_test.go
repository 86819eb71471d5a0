package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// Deleting nodes cascaded to edges, and newer rows were overwritten for good. A
// replace of the graph makes it the bundle's to the edge, leaves the tables that
// are no memory alone, and what was newer comes back with an undo.
func TestIncidentL_ReplaceOfTheGraph(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	a.sql("CREATE TABLE SummarizationJobs(id TEXT PRIMARY KEY, node TEXT)")
	a.sql("INSERT INTO SummarizationJobs VALUES ('job', (SELECT id FROM Nodes LIMIT 1))")
	want := a.digests()
	bundle := a.backup("--only", "graph")
	a.sql("UPDATE Nodes SET data = json_set(data, '$.label', 'NEWER') WHERE rowid % 2 = 0")
	a.sql("DELETE FROM Edges WHERE rowid % 3 = 0")
	a.sql(`INSERT INTO Nodes(id, data) VALUES ('newer', '{"id":"newer"}')`)
	newer := a.digests()
	a.replaced(bundle)
	sameDigests(t, a.digests(), want)
	if got := a.graphText("SELECT count(*) FROM SummarizationJobs"); got != "1" {
		t.Errorf("got %s jobs, want the one that was there", got)
	}
	a.confirmed(0, "undo")
	sameDigests(t, a.digests(), newer)
}

// A replace had truncated before the bundle was read through.
func TestIncidentM_ReplaceWithABadRowInTheMiddle(t *testing.T) {
	a := newAgent(t, true)
	a.put(specOf(memory.Memories), 400)
	a.remember(memory.Summaries)
	bundle := a.backup("--only", "mc")
	a.adds(memory.Memories, "newer")
	for name, bad := range map[string]string{
		"NotJSON":        `{"id":"half a row","embedding":[0.1,0.2`,
		"OtherDimension": `{"id":"short","embedding":[1],"metadata":null,"document":null}`,
		"NoID":           `{"id":"","embedding":null,"metadata":null,"document":null}`,
	} {
		a.sub(name, func(t *testing.T) {
			dir := copied(t, bundle)
			editLine(t, dir, memory.Memories, 211, bad)
			asNeo(t, dir)
			a.allows()
			r := a.stays(4, "restore", dir, "--mode", "replace", "--force", "--allow-unsealed")
			says(t, r.stderr, filepath.Base(payload(t, dir, memory.Memories))+":211: ")
		})
	}
}

// Tests with default names dropped the production collections, twice. Nothing that
// looks like a test makes a memory disposable.
func TestIncidentP_DefaultNamesAreProduction(t *testing.T) {
	a := newAgent(t, true) // on a port of its own, in a database named test-…, below a temporary folder
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := a.backup("--only", "mc,graph")
	a.with(map[string]string{"UNIT_TEST_MODE": "true", "NODE_ENV": "test", "CI": "true", "TMPDIR": a.home})
	for _, more := range [][]string{nil, {"--no-safety-bundle"}, {"--in-place"}, {"--only", "mc/memory"}, {"--as", "mc/memory=test-memory"}} {
		r := a.stays(7, append([]string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}, more...)...)
		says(t, r.stderr, "(production)")
		silent(t, r.stderr, "(disposable)")
	}
}

// A replace dropped both collections, then failed on a stale handle: the data was
// gone. Here every row is in the server at every moment, and the same command ends
// it, without a new token.
func TestIncidentS_FailsBetweenTheSteps(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	gone := chromatest.Fault{Status: 404, Text: `{"error":"NotFoundError","message":"Collection does not exist"}`}
	busy := chromatest.Fault{Status: 503, RetryAfter: "3600"}
	lost := chromatest.Fault{Forward: true, Status: 503, RetryAfter: "3600"}
	for _, tt := range []struct {
		name  string
		at    func(chromatest.Request) bool
		fault chromatest.Fault
	}{
		{"StageStaleHandle", func(r chromatest.Request) bool { return r.Op == "add" }, gone},
		{"OldOneStaleHandle", movesOut, gone},
		{"OldOneFails", movesOut, chromatest.Fault{Status: 500, RetryAfter: "3600"}},
		{"OldOneUnheard", movesOut, lost},
		{"NewOneStaleHandle", movesIn, gone},
		{"NewOneFails", movesIn, busy},
		{"NewOneUnheard", movesIn, lost},
	} {
		a.sub(tt.name, func(t *testing.T) {
			a.changesMemories()
			before := a.digests()
			rows := a.ids(memory.Memories)
			var failing atomic.Bool
			a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
				if failing.Load() && tt.at(r) {
					return tt.fault
				}
				return chromatest.Fault{}
			})
			args := []string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}
			token := a.token(args...)
			a.allows()
			failing.Store(true)
			r := a.run(append(args, "--confirm", token)...)
			if r.code == 0 {
				t.Fatalf("got exit code 0 though a step failed\n%s", r.stdout)
			}
			says(t, r.stderr, "the same command goes on from here, or keepsake restore --resume")
			if !a.somewhere(rows) {
				t.Fatal("no collection of the server has the rows that lived")
			}
			failing.Store(false)
			r = a.must(0, append(args, "--confirm", token)...)
			says(t, r.stderr, "going on with plan ")
			sameDigests(t, a.digests(), want)
			if tt.name == "NewOneFails" {
				a.confirmed(0, "undo")
				sameDigests(t, a.digests(), before)
			}
		})
	}
}

// changesMemories makes another memory of it.
func (a *agent) changesMemories() {
	a.t.Helper()
	ids := a.ids(memory.Memories)
	a.updates(memory.Memories, map[string]any{"changed": a.t.Name()}, "changed", ids[0], ids[1])
	a.deletes(memory.Memories, ids[2])
	a.adds(memory.Memories, "new in "+a.t.Name())
}

// somewhere reports whether one collection holds all of the rows.
func (a *agent) somewhere(ids []string) bool {
	a.t.Helper()
	for _, id := range a.collections(memory.Memories) {
		var got chromaRows
		a.mc.Call(a.t, http.MethodPost, chromatest.Collections(a.mc.database)+"/"+id+"/get", map[string]any{"include": []string{}}, &got)
		if !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(got.IDs, id) }) {
			return true
		}
	}
	return false
}

// A replace of the graph wiped the memories, and an import swept other folders.
func TestIncidentT_ReplaceOfTheGraphAlone(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	whole := a.backup()
	graph := a.backup("--only", "graph")
	a.sql("DELETE FROM Edges")
	a.write(filepath.Join(a.home, "dist", "graph-backups", "graph-backup-stray.jsonl"), readFile(t, payload(t, graph, memory.Graph)))
	for name, args := range map[string][]string{
		"BundleOfTheGraph": {graph},
		"OnlyTheGraph":     {whole, "--only", "graph"},
	} {
		a.sub(name, func(t *testing.T) {
			asked := a.behind(&a.kb, nil)
			before := a.state()
			bundles := len(a.rootEntries())
			a.replaced(args[0], args[1:]...)
			for _, op := range []string{"heartbeat", "version", "collections"} {
				if n := asked.Count(http.MethodGet, op); n != 0 {
					t.Errorf("the server was asked for its %s %d times, want never", op, n)
				}
			}
			now := a.state()
			for _, name := range slices.Sorted(maps.Keys(now)) {
				ours := strings.HasPrefix(name, "graph/graph ") || strings.HasPrefix(name, "file sqlite/memory-core-graph.sqlite") ||
					strings.HasPrefix(name, "file .keepsake/")
				if !ours && now[name] != before[name] {
					t.Errorf("%s: got %.80q, want %.80q: it is none of the graph's", name, now[name], before[name])
				}
			}
			for name := range before {
				if _, there := now[name]; !there && !strings.HasPrefix(name, "graph/graph ") && !strings.Contains(name, "-wal") && !strings.Contains(name, "-shm") {
					t.Errorf("%s is gone", name)
				}
			}
			newest := a.rootEntries()
			if got := len(newest); got > bundles+2 { // the safety bundle, and the audit log
				t.Errorf("got %d entries in the backup root, want %d", got, bundles+2)
			}
			safety := a.json(0, "show", a.lastReceipt()["safetyBundle"].(string))
			if got := len(safety["keepsake"].(map[string]any)["sections"].([]any)); got != 1 {
				t.Errorf("the safety bundle has %d sections, want the graph alone", got)
			}
			a.confirmed(0, "undo")
			same(t, "what lives", onlyRecords(a.state()), onlyRecords(before))
		})
	}
}

// onlyRecords leaves the records of a state.
func onlyRecords(state map[string]string) map[string]string {
	maps.DeleteFunc(state, func(name, _ string) bool {
		return strings.HasPrefix(name, "file ") || strings.HasPrefix(name, "collection ")
	})
	return state
}

// lastReceipt is that of the newest restore.
func (a *agent) lastReceipt() (receipt map[string]any) {
	a.t.Helper()
	text := readFile(a.t, a.data(".keepsake", "restores", a.receiptDir(), "receipt.json"))
	if err := json.Unmarshal([]byte(text), &receipt); err != nil {
		a.t.Fatal(err)
	}
	return receipt
}

// A guard took a production host with a path below /tmp for disposable, a link
// from /tmp to elsewhere, and whatever TMPDIR named.
func TestIncidentV_WhatLooksTemporary(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := a.backup("--only", "mc,graph")
	file := a.data("sqlite", "memory-core-graph.sqlite")
	temporary := t.TempDir()
	link := func(name string, by func(from, to string) error, from string) string {
		to := filepath.Join(temporary, name)
		if err := by(from, to); err != nil {
			t.Skip("this machine makes no links: ", err)
		}
		return to
	}
	for name, to := range map[string]string{
		"LinkToFile":   "graph/graph=graph:" + link("file.sqlite", os.Symlink, file),
		"LinkToFolder": "graph/graph=graph:" + filepath.Join(link("folder", os.Symlink, filepath.Dir(file)), filepath.Base(file)),
		"HardLink":     "graph/graph=graph:" + link("hard.sqlite", os.Link, file),
		"DotDot":       "graph/graph=graph:" + temporary + strings.Repeat("/..", strings.Count(temporary, "/")) + file,
		"ServerInTmp":  "mc/memory=chroma:" + a.mc.URL() + "/default_tenant/" + a.mc.database + "#neo-agent-memory",
	} {
		a.sub(name, func(t *testing.T) {
			a.with(map[string]string{"TMPDIR": a.home, "TMP": a.home, "TEMP": a.home})
			section, _, _ := strings.Cut(to, "=")
			r := a.stays(7, "restore", bundle, "--mode", "replace", "--force", "--only", section, "--to", to)
			says(t, r.stderr, "(production)")
			r = a.stays(7, "restore", bundle, "--mode", "replace", "--force", "--only", section, "--to", to, "--no-safety-bundle")
			says(t, r.stderr, "it is not replaced without a safety bundle")
		})
	}
}

// A restore stalled when the server hit its memory limit at 24,000 of 59,754 rows,
// and had to begin again. Here the same command goes on with the row after.
func TestIncidentX_ServerStopsAtARow(t *testing.T) {
	const atOnce, batches = 7, 3
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	a.changesMemories()
	before := a.digests()
	var full atomic.Bool
	var mu sync.Mutex
	sent, adds := map[string]int{}, 0
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "pre-flight-checks" {
			return chromatest.Fault{Rewrite: chromatest.Instead(fmt.Sprintf(`{"max_batch_size":%d}`, atOnce))}
		}
		if r.Op != "add" {
			return chromatest.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		if adds++; full.Load() && adds > batches {
			return chromatest.Fault{Status: 503, RetryAfter: "3600", Text: `{"error":"InternalError","message":"out of memory"}`}
		}
		var rows chromaRows
		if err := json.Unmarshal(r.Body, &rows); err != nil {
			t.Error(err)
		}
		for _, id := range rows.IDs {
			sent[id]++
		}
		return chromatest.Fault{}
	})
	args := []string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}
	token := a.token(args...)
	a.allows()
	full.Store(true)
	r := a.run(append(args, "--confirm", token)...)
	if r.code == 0 || len(sent) != batches*atOnce {
		t.Fatalf("got exit code %d and %d rows sent, want a failure after %d\n%s", r.code, len(sent), batches*atOnce, r.stderr)
	}
	says(t, r.stderr, "out of memory", "the same command goes on from here, or keepsake restore --resume")
	sameDigests(t, a.digests(), before)
	full.Store(false)
	a.must(0, append(args, "--confirm", token)...)
	sameDigests(t, a.digests(), want)
	for id, times := range sent {
		if times > 1 {
			t.Errorf("row %s was sent %d times", id, times)
		}
	}
	if len(sent) < 46 {
		t.Errorf("%d rows were sent, want all of both sections", len(sent))
	}
}

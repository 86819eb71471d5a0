package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

// A1: neo-sqlite/memory-core.sqlite is left out, and that is said as long as it
// matters.
func TestAC_A1(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	legacy := a.data("neo-sqlite", "memory-core.sqlite")
	a.write(legacy, "SQLite format 3\x00 the retired store")
	longAgo := a.clock.Add(-24 * time.Hour)
	touch(t, legacy, longAgo)
	const excluded = "is not backed up: the combined store that Neo.mjs retired"
	backup := func() string { return a.must(0, "backup", "--only", "graph").stderr }

	says(t, backup(), "warning: "+legacy+" "+excluded)
	silent(t, backup(), legacy)
	a.clock = a.clock.Add(time.Minute)
	touch(t, legacy, a.clock)
	says(t, backup(), "warning: "+legacy+" IS NOT BACKED UP and was written to since the last bundle")
	silent(t, backup(), legacy)
	a.write(legacy+"-wal", "frames")
	a.clock = a.clock.Add(time.Minute)
	touch(t, legacy+"-wal", a.clock)
	says(t, backup(), legacy+" IS NOT BACKED UP")
	remove(t, filepath.Dir(legacy))
	silent(t, backup(), legacy)

	for name := range tree(t, a.data("backups")) {
		silent(t, name, "memory-core.sqlite", "neo-sqlite")
	}
	says(t, a.must(0, "config", "show").stdout, "memory-core.sqlite\n  the combined store that Neo.mjs retired",
		"wake-daemon\n  the state of a running process")
}

func touch(t *testing.T, path string, when time.Time) {
	t.Helper()
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// A2: the mailbox archive is bundled, byte for byte, and comes back so.
func TestAC_A2(t *testing.T) {
	a := bare(t)
	mailbox := a.data("sqlite", "sent-to-cull.jsonl")
	const archive = `{"id":"m-1","to":"@bench"}` + "\n" + "no JSON at all: ü 🔧\n" + `{"id":"m-1","to":"@bench"}` + "\n"
	a.write(mailbox, archive)
	bundle := a.backup("--only", "mailbox")
	if got := readFile(t, filepath.Join(bundle, "mailbox", "sent-to-cull.jsonl")); got != archive {
		t.Errorf("in the bundle: got %q, want %q", got, archive)
	}
	remove(t, mailbox)
	a.must(0, "restore", "latest")
	if got := readFile(t, mailbox); got != archive {
		t.Errorf("restored: got %q, want %q", got, archive)
	}
}

// A3: a folder without JSONL and a file of 0 bytes are warned about; what is
// absent is nothing to speak of.
func TestAC_A3(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Memories, memory.Summaries, memory.Graph)
	const folder, empty = "the folder exists and holds no .jsonl files", "the file is empty"
	if r := a.must(0, "backup"); r.stderr != "" {
		t.Errorf("with no files there: got %q, want silence", r.stderr)
	}
	a.write(a.data("concepts", "README.md"), "nothing here yet")
	a.write(a.data("datasets", "rlaif", "trajectories.jsonl"), "")
	a.write(a.data("sqlite", "sent-to-cull.jsonl"), "")
	says(t, a.must(0, "backup").stderr,
		"warning: "+a.data("concepts")+": "+folder,
		"warning: "+a.data("datasets", "rlaif", "trajectories.jsonl")+": "+empty,
		"warning: "+a.data("sqlite", "sent-to-cull.jsonl")+": "+empty)

	a.write(a.data("concepts", "nodes.jsonl"), "")
	r := a.must(0, "backup")
	says(t, r.stderr, a.data("concepts", "nodes.jsonl")+": "+empty)
	silent(t, r.stderr, folder)
}

// A4: the rows in the bundle are those that had to be held, or there is none.
func TestAC_A4(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.backup()
	for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries} {
		a.sub(string(s)+"/fewer than listed", func(t *testing.T) {
			a.withholds(s, a.ids(s)[3])
			n := rows()[s]
			r := a.refuses(1, "backup")
			says(t, r.stderr, "keepsake: no bundle was made: back up "+string(s)+": row-count parity failed: ",
				fmt.Sprintf("%d of %d rows that were there throughout were read", n-1, n), "\n  nothing was published")
		})
	}
	a.sub("degraded when allowed", func(t *testing.T) {
		a.withholds(memory.Summaries, a.ids(memory.Summaries)[3])
		out := a.json(3, "backup", "--allow-degraded")
		expect(t, out, "degraded", "status")
		expect(t, section(t, out, memory.Summaries), "fail", "status")
		expect(t, section(t, out, memory.Summaries), "5 of 6 rows that were there throughout were read", "reason")
		expect(t, readMeta(t, out["path"].(string)), "degraded", "keepsake", "status")
	})
	a.sub("growth and loss meanwhile", func(t *testing.T) { growth(t, a) })
	a.sub("graph", func(t *testing.T) { graphParity(t, a) })
}

// withholds puts a proxy before the server that lists a row and never gives it.
func (a *agent) withholds(s memory.Section, id string) {
	a.t.Helper()
	get, quoted := a.collection(s)+"/get", fmt.Sprintf("%q", id)
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		before, _, asked := strings.Cut(string(r.Body), quoted)
		if r.Path != get || !asked {
			return chromatest.Fault{}
		}
		// Keepsake asks in the order of the listing, which is that of the answer.
		return chromatest.Fault{Rewrite: chromatest.DropRow(strings.Count(before, `",`))}
	})
}

// growth backs up while the agent adds rows and deletes others.
func growth(t *testing.T, a *agent) {
	var once sync.Once
	ids := a.ids(memory.Memories)
	get := a.collection(memory.Memories) + "/get"
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == get && strings.Contains(string(r.Body), `"ids"`) {
			once.Do(func() {
				a.adds(memory.Memories, "mem_new-1", "mem_new-2", "mem_new-3")
				a.deletes(memory.Memories, ids[0], ids[1])
			})
		}
		return chromatest.Fault{}
	})
	bundle := a.backup()
	k := dig(t, readMeta(t, bundle), "keepsake").(map[string]any)
	capture := section(t, k, memory.Memories)["capture"].(map[string]any)
	n := float64(len(ids))
	for field, want := range map[string]float64{"before": n, "after": n + 1, "held": n - 2, "added": 3, "removed": 2, "salvaged": 0} {
		if capture[field] != want {
			t.Errorf("%s: got %v, want %v", field, capture[field], want)
		}
	}
	got := lines(t, payload(t, bundle, memory.Memories))
	for _, id := range append(slices.Clone(ids[2:]), "mem_new-1", "mem_new-2", "mem_new-3") {
		if n := countPrefix(got, fmt.Sprintf(`{"id":%q,`, id)); n != 1 {
			t.Errorf("row %s is in the bundle %d times, want once", id, n)
		}
	}
}

func countPrefix(lines []string, prefix string) (n int) {
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// graphParity compares the graph's numbers with those that SQL counts.
func graphParity(t *testing.T, a *agent) {
	bundle := a.backup("--only", "graph")
	meta := readMeta(t, bundle)
	count := a.graphText("SELECT (SELECT count(*) FROM Nodes) + (SELECT count(*) FROM Edges)")
	if got := fmt.Sprint(len(lines(t, payload(t, bundle, memory.Graph)))); got != count {
		t.Errorf("lines: got %s, want %s", got, count)
	}
	for _, i := range meta["integrity"].([]any) {
		entry := i.(map[string]any)
		if entry["subsystem"] == "graph" && (fmt.Sprint(entry["sourceCount"]) != count || fmt.Sprint(entry["bundleCount"]) != count || entry["status"] != "pass") {
			t.Errorf("integrity: got %v, want pass with %s rows", entry, count)
		}
	}
}

// A5: the meta says what was asked for, flat, as Neo.mjs nests it, and in our words.
func TestAC_A5(t *testing.T) {
	for name, unified := range map[string]bool{"unified": true, "federated": false} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, unified)
			a.remember()
			a.write(filepath.Join(a.home, "package.json"), `{"name":"neo.mjs","version":"13.1.0"}`)
			const sha = "0123456789abcdef0123456789abcdef01234567"
			a.write(filepath.Join(a.home, ".git", "HEAD"), "ref: refs/heads/dev\n")
			a.write(filepath.Join(a.home, ".git", "refs", "heads", "dev"), sha+"\n")
			bundle := a.backup()
			meta := readMeta(t, bundle)
			expect(t, meta, "13.1.0", "neoVersion")
			expect(t, meta, sha, "gitSha")
			expect(t, meta, 1.0, "bundleVersion")
			expect(t, meta, strings.TrimPrefix(filepath.Base(bundle), "backup-"), "timestamp")
			if _, err := time.Parse(time.RFC3339, meta["completedAt"].(string)); err != nil {
				t.Errorf("completedAt: %v", err)
			}
			for _, at := range [][]any{{}, {"topology"}} {
				expect(t, meta, unified, append(at, "chromaUnified")...)
				coords(t, meta, a.kb, append(at, "kbChromaCoords")...)
				coords(t, meta, a.mc, append(at, "mcChromaCoords")...)
			}
			shared := dig(t, meta, "topology").(map[string]any)["shared_topology"]
			if want := map[bool]any{true: true, false: nil}[unified]; shared != want {
				t.Errorf("shared_topology: got %v, want %v", shared, want)
			}
			counts(t, meta)
		})
	}
}

func expect(t *testing.T, document map[string]any, want any, path ...any) {
	t.Helper()
	if got := dig(t, document, path...); got != want {
		t.Errorf("%v: got %v, want %v", path, got, want)
	}
}

func coords(t *testing.T, meta map[string]any, s server, path ...any) {
	t.Helper()
	got := dig(t, meta, path...).(map[string]any)
	if at := fmt.Sprintf("http://%v:%v", got["host"], got["port"]); at != s.URL() || got["database"] != s.database || got["tenant"] != chromatest.Tenant {
		t.Errorf("%v: got %v, want %s, %s", path, got, s.URL(), s.database)
	}
}

// counts looks at the subsystems as Neo.mjs writes them.
func counts(t *testing.T, meta map[string]any) {
	t.Helper()
	n := rows()
	kb, mem, sum, graph := n[memory.KnowledgeBase], n[memory.Memories], n[memory.Summaries], n[memory.Graph]
	for _, c := range []struct {
		want int
		path []any
	}{
		{kb, []any{"kb", "count"}},
		{mem + sum, []any{"mc", "count"}},
		{mem, []any{"mc", "memories", "exported"}},
		{mem, []any{"mc", "memories", "expected"}},
		{0, []any{"mc", "memories", "skipped"}},
		{sum, []any{"mc", "summaries", "exported"}},
		{graph, []any{"graph", "count"}},
		{graph, []any{"graph", "graph", "exported"}},
		{2, []any{"concepts", "copied"}},
		{1, []any{"trajectories", "copied"}},
		{1, []any{"mailbox", "copied"}},
	} {
		expect(t, meta, float64(c.want), append([]any{"subsystems"}, c.path...)...)
	}
	expect(t, meta, "neo-agent-memory", "subsystems", "mc", "memories", "collection")
	for i, s := range []string{"kb", "mc", "graph"} {
		expect(t, meta, s, "integrity", i, "subsystem")
		expect(t, meta, "pass", "integrity", i, "status")
	}
	k := meta["keepsake"].(map[string]any)
	expect(t, k, "complete", "status")
	expect(t, k, "backup", "reason")
	expect(t, k, 1.0, "sequence")
	if got := len(k["sections"].([]any)); got != len(sample.Sections()) {
		t.Errorf("sections: got %d, want %d", got, len(sample.Sections()))
	}
}

// A7: with one Chroma and with two, each row comes from where it lives and goes
// back there.
func TestAC_A7(t *testing.T) {
	for name, unified := range map[string]bool{"unified": true, "federated": false} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, unified)
			a.remember()
			before := a.digests()
			if !unified { // rows of the same collections that aren't this memory's
				stray := *a
				stray.mc = a.kb
				stray.put(specOf(memory.Memories), 3)
			}
			bundle := a.backup()
			k := dig(t, readMeta(t, bundle), "keepsake").(map[string]any)
			for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries} {
				expect(t, section(t, k, s), a.at(s).URL(), "locator", "address")
				expect(t, section(t, k, s), float64(rows()[s]), "rows")
			}
			a.forget()
			a.must(0, "restore", bundle)
			sameDigests(t, a.digests(), before)
			if !unified {
				misplaced := *a
				misplaced.mc = a.kb
				if misplaced.hasCollection(memory.Memories) {
					t.Error("KB's server has the memories, want them on MC's alone")
				}
			}
		})
	}
}

func specOf(name memory.Section) memory.SectionSpec {
	for _, s := range sample.Sections() {
		if s.Name == name {
			return s
		}
	}
	return memory.SectionSpec{}
}

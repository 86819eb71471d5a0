package cli_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// accounts are the counts of each section of a document, and those of all.
func accounts(t *testing.T, doc map[string]any) map[string]string {
	t.Helper()
	all := map[string]string{}
	note := func(name string, account any) {
		text, err := json.Marshal(account)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	note("all", doc["account"])
	for _, s := range doc["sections"].([]any) {
		m := s.(map[string]any)
		note(m["section"].(string), m["account"])
	}
	return all
}

// foretells wants the dry run of a restore to end as the restore does: with its code, and
// with every record in the class that it has then.
func (a *agent) foretells(code int, args ...string) map[string]any {
	a.t.Helper()
	args = append([]string{"restore"}, args...)
	live := a.state()
	dry := a.json(code, append(slices.Clone(args), "--dry-run")...)
	same(a.t, "after the dry run", a.state(), live)
	run := a.json(code, args...)
	if got, want := accounts(a.t, dry), accounts(a.t, run); !maps.Equal(got, want) {
		a.t.Errorf("the dry run foresaw\n%v\nthe restore came to\n%v", got, want)
	}
	return dry
}

// disturb has an agent change its memory at random, in every store.
func (a *agent) disturb(r *rand.Rand) {
	a.t.Helper()
	some := func(ids []string) []string {
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		return ids[:r.IntN(len(ids)/2+1)]
	}
	for _, s := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries} {
		if gone := some(a.ids(s)); len(gone) > 0 {
			a.deletes(s, gone...)
		}
		if other := some(a.ids(s)); len(other) > 0 {
			a.updates(s, map[string]any{"by": "somebody"}, "another text", other...)
		}
	}
	a.sql("DELETE FROM Edges WHERE abs(random()) % 3 = 0")
	a.sql("DELETE FROM Nodes WHERE abs(random()) % 5 = 0")
	a.sql("UPDATE Nodes SET data = json_set(data, '$.properties', json_object('x', 1)) WHERE abs(random()) % 4 = 0")
	for _, name := range []string{filepath.Join("concepts", "nodes.jsonl"), filepath.Join("concepts", "edges.jsonl"), filepath.Join("datasets", "rlaif", "trajectories.jsonl"), filepath.Join("sqlite", "sent-to-cull.jsonl")} {
		var kept strings.Builder
		for line := range strings.Lines(readFile(a.t, a.data(name))) {
			switch r.IntN(3) {
			case 0:
				continue
			case 1:
				kept.WriteString(strings.Replace(line, "}", `,"x":1}`, 1))
			default:
				kept.WriteString(line)
			}
		}
		a.write(a.data(name), kept.String())
	}
}

// TestTrue_05_RestoreDryRunCountsWhatTheRunCounts: into whatever state, of every store
// and both generations of Chroma.
func TestTrue_05_RestoreDryRunCountsWhatTheRunCounts(t *testing.T) {
	t.Parallel()
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := onItsOwnServer(t, options...)
			a.remember()
			bundle := a.backup()
			for seed := range uint64(4) {
				a.sub("Disturbed", func(*testing.T) {
					a.disturb(rand.New(rand.NewPCG(seed, 5)))
					a.foretells(0, bundle)
				})
			}
			a.sub("NothingToDo", func(t *testing.T) {
				a.forget()
				a.must(0, "restore", bundle)
				doc := a.foretells(0, bundle)
				expect(t, doc, "Nothing to do: every row was in already.", "headline")
			})
			a.sub("IntoNothing", func(*testing.T) {
				a.forget()
				a.foretells(0, bundle)
			})
			a.sub("IntoFiles", func(t *testing.T) {
				a.freshDatabases()
				a.env["KEEPSAKE_KB_CHROMA"], a.env["NEO_CHROMA_UNIFIED"] = "collections:"+a.data("vectors.sqlite"), "true"
				dry := a.json(0, "restore", bundle, "--dry-run")
				run := a.json(0, "restore", bundle)
				if got, want := accounts(t, dry), accounts(t, run); !maps.Equal(got, want) {
					t.Errorf("the dry run foresaw\n%v\nthe restore came to\n%v", got, want)
				}
				a.sqliteIn(a.data("vectors.sqlite"), "DELETE FROM records WHERE number % 3 = 0", "UPDATE records SET document = 'other' WHERE number % 4 = 0")
				dry = a.json(0, "restore", bundle, "--dry-run")
				run = a.json(0, "restore", bundle)
				if got, want := accounts(t, dry), accounts(t, run); !maps.Equal(got, want) {
					t.Errorf("the dry run foresaw\n%v\nthe restore came to\n%v", got, want)
				}
			})
		})
	}
}

// TestTrue_05_RestoreDryRunForeseesWhatWouldNotBeIn: rows that no store takes, a trigger
// that swallows some, rows without their vector, and what lives in another version.
func TestTrue_05_RestoreDryRunForeseesWhatWouldNotBeIn(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	whole := a.backup()
	bundle := copied(t, whole)
	asNeo(t, bundle)
	row := lines(t, payload(t, bundle, memory.Memories))[4]
	from, to := strings.Index(row, `"embedding":[`), strings.Index(row, `],"metadata"`)
	editLine(t, bundle, memory.Memories, 5, row[:from]+`"embedding":null`+row[to+1:])
	editLine(t, bundle, memory.Graph, 30, `{"type":"edge","data":{"id":"loose","source":"nobody","target":"nowhere","type":"SEES"}}`)
	a.sub("Rejected", func(t *testing.T) {
		a.forget()
		a.foretells(9, bundle)
		r := a.must(9, "restore", bundle, "--dry-run")
		says(t, r.stderr, "rejected graph/graph: loose: ", "would not be taken by their store")
		says(t, r.stdout, " would be in: the restore would be incomplete.")
	})
	a.sub("Swallowed", func(*testing.T) {
		a.forget()
		a.must(0, "restore", whole)
		a.sql("DELETE FROM Edges")
		a.sql("DELETE FROM Nodes WHERE rowid % 2 = 0")
		a.sql("CREATE TRIGGER swallow BEFORE INSERT ON Nodes WHEN length(NEW.id) % 2 = 0 BEGIN SELECT RAISE(IGNORE); END")
		a.foretells(9, whole)
	})
	a.sub("Differs", func(t *testing.T) {
		a.forget()
		a.must(0, "restore", whole)
		a.updates(memory.Memories, map[string]any{"x": 1}, "garbage", a.ids(memory.Memories)[:7]...)
		doc := a.foretells(0, whole)
		expect(t, doc, 7.0, "account", "differs")
		says(t, a.must(0, "restore", whole, "--dry-run").stderr, "7 rows in another version would be kept", "--mode replace puts the bundle's back")
		a.foretells(9, whole, "--exit-code")
	})
}

// TestTrue_05_RestoreDryRunTriesTargets: what would refuse to be written to is told of
// beforehand, with the code that the restore ends with.
func TestTrue_05_RestoreDryRunTriesTargets(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	for _, tt := range []struct {
		name string
		with func(t *testing.T)
		says string
		args []string
	}{
		{"FolderIsAFile", func(*testing.T) { a.write(a.data("concepts"), "in the way") }, "concepts", []string{"--only", "concepts"}},
		{"GraphIsNone", func(*testing.T) { a.write(a.data("sqlite", "memory-core-graph.sqlite"), "no database") }, "graph", []string{"--only", "graph"}},
		{"NoNameForACollection", func(*testing.T) {}, "create collection a!: ", []string{"--only", "mc/memory", "--as", "mc/memory=a!"}},
		{"MemoryLocked", func(t *testing.T) {
			a.mkdir(a.data(".keepsake"))
			held := another(t, a.data(".keepsake", "lock"), lock.Shared)
			t.Cleanup(func() { release(t, held) })
		}, "process 4242", nil},
		{"ServerCantRead", func(*testing.T) {
			a.remember(memory.KnowledgeBase)
			get := a.collection(memory.KnowledgeBase) + "/get"
			a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
				if r.Path == get {
					return chromatest.Fault{Status: http.StatusInternalServerError, Text: "of no use"}
				}
				return chromatest.Fault{}
			})
		}, "of no use", []string{"--only", "kb"}},
	} {
		a.sub(tt.name, func(t *testing.T) {
			a.forget()
			tt.with(t)
			args := append([]string{"restore", bundle}, tt.args...)
			dry := a.run(append(slices.Clone(args), "--dry-run")...)
			run := a.run(args...)
			if dry.code != run.code || run.code == 0 {
				t.Errorf("the dry run ended with %d, the restore with %d\n%s\n%s", dry.code, run.code, dry.stderr, run.stderr)
			}
			says(t, dry.stderr, tt.says)
			says(t, run.stderr, tt.says)
		})
		if err := os.RemoveAll(a.data("concepts")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrue_05_RestoreDryRunOfSeveral bundles counts for each what its restore counts.
func TestTrue_05_RestoreDryRunOfSeveral(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	a.backup()
	a.backup("--only", "kb")
	a.deletes(memory.Memories, a.ids(memory.Memories)[:9]...)
	a.updates(memory.KnowledgeBase, map[string]any{"x": 1}, "garbage", a.ids(memory.KnowledgeBase)[:4]...)
	live := a.state()
	dry := a.json(0, "restore", "latest", "--dry-run")
	same(t, "after the dry run", a.state(), live)
	run := a.json(0, "restore", "latest")
	got, want := dry["restores"].([]any), run["restores"].([]any)
	if len(got) != 2 || len(want) != 2 {
		t.Fatalf("got %d restores, and %d in the run, want 2", len(got), len(want))
	}
	for i := range want {
		if got, want := accounts(t, got[i].(map[string]any)), accounts(t, want[i].(map[string]any)); !maps.Equal(got, want) {
			t.Errorf("the dry run foresaw\n%v\nthe restore came to\n%v", got, want)
		}
	}
	held := another(t, a.data(".keepsake", "lock"), lock.Exclusive)
	a.must(11, "restore", "latest", "--dry-run")
	release(t, held)
	a.deletes(memory.Memories, a.ids(memory.Memories)...)
	a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t)
	a.must(a.run("restore", "latest").code, "restore", "latest", "--dry-run")
}

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// accounted wants the classes of an account to add up to what was asked for, in each
// section and in all.
func accounted(t *testing.T, receipt map[string]any) {
	t.Helper()
	sum := func(of map[string]any) float64 {
		account := dig(t, of, "account").(map[string]any)
		all := 0.0
		for _, class := range []string{"added", "same", "differs", "removed", "missing", "rejected", "notInBundle", "noTarget"} {
			all += account[class].(float64)
		}
		if asked := account["asked"].(float64); all != asked || account["unaccounted"] != 0.0 {
			t.Errorf("the classes of %v hold %v, want %v", account, all, asked)
		}
		return all
	}
	for _, s := range receipt["sections"].([]any) {
		sum(s.(map[string]any))
	}
	sum(receipt)
	if got := dig(t, receipt, "account", "complete"); got != receipt["complete"] {
		t.Errorf("the account says complete: %v, the receipt %v", got, receipt["complete"])
	}
}

// All memories were overwritten with garbage, and a restore said that there was nothing
// to do.
func TestTrue_01_OverwrittenIsNotNothingToDo(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	a.updates(memory.Memories, map[string]any{"garbage": true}, "garbage", a.ids(memory.Memories)...)
	const sentence = "40 rows live in another version and were kept; --records shows them, --mode replace puts the bundle's back"

	r := a.must(0, "restore", bundle)
	silent(t, r.stdout, "Nothing to do", "all are in")
	says(t, r.stdout, "40 in another version, which was kept")
	says(t, r.stderr, sentence)
	r = a.must(0, "restore", bundle, "--quiet")
	says(t, r.stderr, sentence)
	if r.stdout != "" {
		t.Errorf("got %q under --quiet, want nothing", r.stdout)
	}
	says(t, a.must(9, "restore", bundle, "--exit-code").stderr, "some rows live in another version", sentence)
	says(t, a.must(0, "restore", bundle, "--exit-code", "--only", "kb").stdout, "Nothing to do: every row was in already.")

	out := a.json(0, "restore", bundle)
	accounted(t, out)
	expect(t, out, 40.0, "account", "differs")
	expect(t, section(t, out, memory.Memories), 40.0, "account", "differs")
	if notices := fmt.Sprint(out["notices"]); !strings.Contains(notices, "differs") {
		t.Errorf("got notices %s, want the rows that differ among them", notices)
	}
}

// Each record is in one class: what was added is not counted as the same too.
func TestTrue_01_ExactlyOneClass(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories)
	bundle := a.backup("--only", "mc/memory")
	ids := a.ids(memory.Memories)
	a.deletes(memory.Memories, ids[:7]...)
	a.updates(memory.Memories, map[string]any{"other": true}, "other", ids[7:10]...)
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" && strings.Contains(string(r.Body), `"`+ids[0]+`"`) {
			return chromatest.Fault{Status: 400, Text: `{"error":"InvalidArgumentError","message":"no"}`}
		}
		return chromatest.Fault{}
	})
	out := a.json(9, "restore", bundle)
	accounted(t, out)
	for class, want := range map[string]float64{"asked": 40, "added": 6, "same": 30, "differs": 3, "rejected": 1, "missing": 0} {
		expect(t, section(t, out, memory.Memories), want, "account", class)
	}
	a.kb.front = nil
	a.point()
	accounted(t, a.json(0, "restore", bundle))
}

// What a bundle is known to lack is not in, and nobody says that all is.
func TestTrue_02_DegradedBundleIsNotComplete(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	a.backup()
	kb := a.collection(memory.KnowledgeBase)
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if strings.HasPrefix(r.Path, kb) {
			return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error executing plan"}`}
		}
		return chromatest.Fault{}
	})
	bundle := a.json(3, "backup", "--allow-degraded")["path"].(string)
	a.kb.front = nil
	a.forget()

	const named = "the bundle lacks kb/knowledge-base"
	says(t, a.must(9, "restore", bundle, "--dry-run").stderr, "kb/knowledge-base: could not be read when the bundle was made")
	r := a.must(9, "restore", bundle)
	says(t, r.stderr, named, "restore incomplete")
	says(t, r.stdout, "are in: the restore is incomplete.")
	silent(t, r.stdout, "all are in", "Nothing to do")
	says(t, a.must(9, "restore", bundle, "--quiet").stderr, named)
	out := a.json(9, "restore", bundle)
	expect(t, out, false, "complete")
	accounted(t, out)
	expect(t, out, "kb/knowledge-base", "account", "lacks", 0, "section")

	r = a.must(0, "verify", bundle)
	says(t, r.stdout, "ok, but it lacks kb/knowledge-base")
	says(t, r.stderr, "kb/knowledge-base: could not be read when the bundle was made")
	expect(t, a.json(0, "verify", bundle), "kb/knowledge-base", "bundles", 0, "lacks", 0, "section")

	accounted(t, a.json(0, "restore", bundle, "--only", "graph,concepts"))
	says(t, a.must(9, "restore", bundle, "--only", "graph,kb").stderr, named)
}

// A bundle of a part is whole when all that it covers is in; what it never covered is
// said.
func TestTrue_02_OnlyIsCompleteAndNamesTheRest(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup("--only", "graph")
	a.sql("DELETE FROM Edges")
	r := a.must(0, "restore", bundle)
	says(t, r.stdout, "all are in")
	says(t, r.stderr, "the bundle never covered kb, mc, concepts")
	silent(t, a.must(0, "restore", bundle, "--only", "graph").stderr, "never covered")
	silent(t, a.must(0, "restore", a.backup()).stderr, "never covered")
}

// A trigger left 15 of the nodes out, and they were said to be removed meanwhile.
func TestTrue_03_NeverInIsMissing(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Graph)
	bundle := a.backup("--only", "graph")
	nodes := a.graphText("SELECT count(*) FROM Nodes")
	a.sql("DELETE FROM Edges")
	a.sql("DELETE FROM Nodes")
	a.sql("CREATE TRIGGER sieve BEFORE INSERT ON Nodes WHEN NEW.rowid % 2 = 0 OR length(NEW.id) % 2 = 0 BEGIN SELECT RAISE(IGNORE); END")
	out := a.json(9, "restore", bundle)
	accounted(t, out)
	expect(t, out, false, "complete")
	expect(t, out, 0.0, "account", "removed")
	in := a.graphText("SELECT count(*) FROM Nodes")
	missing := dig(t, out, "account", "missing").(float64)
	if want := nodes + "-" + in; missing == 0 || fmt.Sprint(missing) != fmt.Sprint(number(t, nodes)-number(t, in)) {
		t.Errorf("got %v rows missing, want %s", missing, want)
	}
	r := a.must(9, "restore", bundle)
	says(t, r.stderr, "missing graph/graph: ", "it was never in", "restore incomplete")
	silent(t, r.stderr, "removed")
	a.sql("DROP TRIGGER sieve")
	accounted(t, a.json(0, "restore", bundle))
}

func number(t *testing.T, text string) (n float64) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// One file that can't be put back made the whole bundle unrestorable, though it
// "verified"; one folder in the way left every later section pending.
func TestTrue_06_OneFileStopsNoOther(t *testing.T) {
	t.Parallel()
	a := bare(t)
	a.write(filepath.Join(a.home, "keepsake.yaml"), "preset: none\ndata-dir: .neo-ai-data\nsources:\n  journal: files:journal/**/*.jsonl\n  notes: files:notes/**/*.md\n")
	for name, text := range map[string]string{
		"journal/a.jsonl": "{\"a\":1}\n", "journal/b:c.jsonl": "{\"b\":1}\n", "journal/sub/d.jsonl": "{\"d\":1}\n", "journal/z.jsonl": "{\"z\":1}\n",
		"notes/x.md": "x", "notes/sub/y.md": "y", "notes/z.md": "z",
	} {
		a.write(filepath.Join(a.home, filepath.FromSlash(name)), text)
	}
	bundle := a.json(0, "backup")["path"].(string)
	a.must(0, "verify", bundle)
	for _, name := range []string{"journal", "notes"} {
		if err := os.RemoveAll(filepath.Join(a.home, name)); err != nil {
			t.Fatal(err)
		}
	}
	a.write(filepath.Join(a.home, "journal", "sub"), "a file where the folder was")
	a.write(filepath.Join(a.home, "notes", "sub"), "a file where the folder was")

	r := a.must(9, "restore", bundle)
	says(t, r.stderr, "journal/b:c", "journal/sub/d", "notes/sub/y.md", "restore incomplete")
	for _, name := range []string{"journal/a.jsonl", "journal/z.jsonl", "notes/x.md", "notes/z.md"} {
		if _, err := os.Stat(filepath.Join(a.home, filepath.FromSlash(name))); err != nil {
			t.Errorf("%s is not back: %v", name, err)
		}
	}
	out := a.json(9, "restore", bundle)
	accounted(t, out)
	if got := fmt.Sprint(dig(t, out, "account", "same"), out["complete"]); got != "4 false" {
		t.Errorf("got %s, want 4 in and not complete", got)
	}
	says(t, a.must(8, "restore", bundle, "--only", "journal/b:c").stderr, "nothing was written", "is no name for a file")
	a.must(9, "restore", bundle, "--dry-run")
}

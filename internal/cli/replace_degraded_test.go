package cli_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// TestReplaceByADegradedSection: rows that were saved without their vector are no
// rows that Chroma takes. Who accepts that gets the others, and a list of those.
func TestReplaceByADegradedSection(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	bundle := copied(t, a.backup("--only", "mc"))
	asNeo(t, bundle)
	row := lines(t, payload(t, bundle, memory.Memories))[4]
	from, to := strings.Index(row, `"embedding":[`), strings.Index(row, `],"metadata"`)
	salvaged := row[:from] + `"embedding":null` + row[to+1:]
	editLine(t, bundle, memory.Memories, 5, salvaged)
	id, _, _ := strings.Cut(strings.TrimPrefix(row, `{"id":"`), `"`)
	a.changesMemories()
	before := a.digests()
	args := []string{"restore", bundle, "--mode", "replace", "--force", "--allow-unsealed"}

	a.sub("NotAccepted", func(t *testing.T) {
		a.allows()
		r := a.stays(6, args...)
		says(t, r.stderr, "mc/memory: the bundle does not hold it whole", "--accept-shrink replaces it all the same")
	})
	args = append(args, "--accept-shrink")
	a.sub("DryRun", func(*testing.T) {
		token := a.token(args...)
		a.allows()
		a.stays(9, append(args, "--confirm", token, "--dry-run")...)
	})
	a.sub("Accepted", func(t *testing.T) {
		out := a.jsonConfirmed(9, args...)
		expect(t, out, false, "complete")
		expect(t, section(t, out, memory.Memories), "incomplete", "state")
		expect(t, section(t, out, memory.Memories), 1.0, "rejected")
		expect(t, section(t, out, memory.Memories), 39.0, "after")
		kept := readFile(t, filepath.Join(out["dir"].(string), "unrestored.jsonl"))
		if want := `{"section":"mc/memory","record":` + salvaged + "}\n"; kept != want {
			t.Errorf("unrestored.jsonl: got %s, want %s", kept, want)
		}
		says(t, readFile(t, filepath.Join(out["dir"].(string), "records.jsonl")), `"id":"`+id+`","outcome":"rejected"`)
		for _, live := range a.ids(memory.Memories) {
			if live == id {
				t.Error("the row without a vector went in")
			}
		}
	})
	a.sub("Undo", func(t *testing.T) {
		a.confirmed(0, "undo")
		sameDigests(t, a.digests(), before)
	})
}

// damaged makes the server unable to give the vectors of some rows, as one whose
// index is broken.
func (a *agent) damaged(ids ...string) *atomic.Bool {
	a.t.Helper()
	collection, damage := a.collection(memory.Memories), new(atomic.Bool)
	damage.Store(true)
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if !damage.Load() || r.Path != collection+"/get" || !strings.Contains(string(r.Body), "embeddings") {
			return chromatest.Fault{}
		}
		for _, id := range ids {
			if strings.Contains(string(r.Body), `"`+id+`"`) {
				return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error executing plan: Internal error: Error finding id"}`}
			}
		}
		return chromatest.Fault{}
	})
	return damage
}

// TestReplaceOfADamagedMemory: what can't be read can't be bundled whole. It may be
// replaced all the same where the old collection is kept aside, whole.
func TestReplaceOfADamagedMemory(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	want := a.digests()
	bundle := a.backup("--only", "mc")
	a.changesMemories()
	before, ids := a.digests(), a.ids(memory.Memories)
	damage := a.damaged(ids[3], ids[7])
	args := []string{"restore", bundle, "--mode", "replace", "--force"}

	token := a.token(args...)
	a.env[allowed] = "true"
	r := a.must(8, append(args, "--confirm", token)...)
	says(t, r.stderr, "make safety bundle: ", "mc/memory")
	if !a.somewhere(ids) || a.collections(memory.Memories)["neo-agent-memory"] == "" {
		t.Error("the damaged collection isn't as it was")
	}
	accepted := append(slices.Clone(args), "--accept-degraded-safety")
	t.Run("InPlace", func(t *testing.T) {
		a.t = t
		token := a.token(append(accepted, "--in-place")...)
		r := a.run(append(accepted, "--in-place", "--confirm", token)...)
		if r.code == 0 || !a.somewhere(ids) {
			t.Errorf("got exit code %d, want it refused with all rows there\n%s", r.code, r.stderr)
		}
		says(t, r.stderr, "make safety bundle: ", "2 rows are without their vector")
	})
	a.t = t
	token = a.token(accepted...)
	out := a.json(0, append(accepted, "--confirm", token)...)
	sameDigests(t, a.digests(), want)
	safety := a.json(0, "show", out["safetyBundle"].(string))
	expect(t, safety, "degraded", "keepsake", "status")
	expect(t, section(t, safety["keepsake"].(map[string]any), memory.Memories), 2.0, "capture", "salvaged")
	aside := dig(t, section(t, out, memory.Memories), "replaced", "aside", "collection").(string)
	if a.collections(memory.Memories)[aside] == "" || !a.somewhere(ids) {
		t.Errorf("the damaged collection is not kept as %s", aside)
	}
	t.Run("UndoOfTheMended", func(t *testing.T) { // as when the server was started anew
		a.t = t
		damage.Store(false)
		a.must(0, "undo", "--confirm", a.token("undo"))
		sameDigests(t, a.digests(), before)
		damage.Store(true)
		out = a.json(0, append(accepted, "--confirm", a.token(accepted...))...)
	})
	t.Run("Undo", func(t *testing.T) {
		a.t = t
		aside := dig(t, section(t, out, memory.Memories), "replaced", "aside", "collection").(string)
		token := a.token("undo")
		r := a.must(9, "undo", "--confirm", token)
		says(t, r.stderr, "warning: mc/memory: it comes from the safety bundle, not from what was kept aside: ", "2 have no vector",
			"keepsake: restore incomplete: some rows are not in")
		if got := len(a.ids(memory.Memories)); got != len(ids)-2 {
			t.Errorf("got %d memories, want all but the 2 that nobody can read", got)
		}
		unrestored := readFile(t, filepath.Join(a.data(".keepsake", "restores", a.receiptDir()), "unrestored.jsonl"))
		says(t, unrestored, `"id":"`+ids[3]+`","embedding":null`, `"id":"`+ids[7]+`","embedding":null`)
		if a.collections(memory.Memories)[aside] == "" || !a.somewhere(ids) {
			t.Errorf("the damaged collection is not kept as %s", aside)
		}
	})
}

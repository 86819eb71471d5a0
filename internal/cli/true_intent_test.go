package cli_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/restore"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

// lost is a memory of which half is gone, and the bundle that has all of it.
func (a *agent) lost() (bundle string) {
	a.t.Helper()
	a.remember()
	bundle = a.backup()
	for section := range collectionNames() {
		ids := a.ids(section)
		a.deletes(section, ids[len(ids)/2:]...)
	}
	a.sql("DELETE FROM Edges WHERE rowid > 3")
	if err := os.Remove(a.data("concepts", "edges.jsonl")); err != nil {
		a.t.Fatal(err)
	}
	text := readFile(a.t, a.fileOf(sample.ConceptNodes))
	a.write(a.fileOf(sample.ConceptNodes), text[:strings.IndexByte(text, '\n')+1])
	return bundle
}

// byTen has the server say that it takes ten rows at once.
func byTen(decide func(chromatest.Request) chromatest.Fault) func(chromatest.Request) chromatest.Fault {
	return func(r chromatest.Request) chromatest.Fault {
		if r.Op == "pre-flight-checks" {
			return chromatest.Fault{Rewrite: chromatest.Instead(`{"max_batch_size":10}`)}
		}
		return decide(r)
	}
}

// total counts the records of all sections.
func (r records) total() (n int64) {
	for _, digests := range r {
		for _, times := range digests {
			n += int64(times)
		}
	}
	return n
}

// filled leaves out the sections without records: a merge that is taken back leaves
// the empty file that it made.
func (r records) filled() records {
	maps.DeleteFunc(r, func(_ memory.Section, digests map[record.Digest]int) bool { return len(digests) == 0 })
	return r
}

var inDoubt = regexp.MustCompile(`(no|[\d,]+) rows? (?:is|are) certainly in, up to ([\d,]+) more may be`)

// told reads how many rows are certainly in, and how many more may be.
func told(t *testing.T, text string) (certain, maybe int64) {
	t.Helper()
	found := inDoubt.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("got %q, want it to say what is in", text)
	}
	certain, _ = strconv.ParseInt(strings.ReplaceAll(found[1], ",", ""), 10, 64) // "no" is 0
	maybe, err := strconv.ParseInt(strings.ReplaceAll(found[2], ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return certain, maybe
}

// TestTrue_04_AnswerLost: a server took a batch and its answer never came. The receipt
// says what is certainly in and what may be; an undo takes both out, but for what an
// agent has changed, and with --confirmed-only leaves the second.
func TestTrue_04_AnswerLost(t *testing.T) {
	t.Parallel() // it waits between its tries
	a := newAgent(t, true)
	bundle := a.lost()
	before := a.digests()
	path := a.collection(memory.Memories) + "/add"
	var first string // body of the add whose answer is lost
	adds := 0
	a.behind(&a.kb, byTen(func(r chromatest.Request) chromatest.Fault {
		if r.Path != path {
			return chromatest.Fault{}
		}
		if adds++; adds == 2 {
			first = string(r.Body)
		}
		return chromatest.Fault{Forward: string(r.Body) == first, Reset: string(r.Body) == first}
	}))
	r := a.must(9, "restore", bundle) // the other sections went in
	says(t, r.stderr, "what was added stays: the same command goes on from there. ", "keepsake undo takes them out")
	certain, maybe := told(t, r.stderr)
	says(t, r.stdout, fmt.Sprintf("rows are in, and up to %d more may be: the restore is incomplete.", maybe))
	came := a.digests().total() - before.total()
	if maybe == 0 || came <= certain || came > certain+maybe {
		t.Errorf("%d rows came, want more than the %d that are certain and at most %d more", came, certain, maybe)
	}
	receipt := a.receiptDir()
	expect(t, section(t, a.lastReceipt(), memory.Memories), float64(maybe), "maybe")
	a.kb.front = nil
	a.point()
	mine := firstID(t, first)
	a.updates(memory.Memories, map[string]any{"since": "then"}, "since then", mine)

	plan := a.must(0, "undo", "--plan")
	says(t, plan.stdout, fmt.Sprintf("%d of these only may be in", maybe), "--confirmed-only leaves them")
	a.confirmed(0, "undo", "--confirmed-only")
	if left := a.digests().total() - before.total(); left != came-certain {
		t.Errorf("%d rows are left, want the %d that nobody confirmed", left, came-certain)
	}
	a.stays(10, "undo") // that was it
	out := a.jsonConfirmed(0, "undo", receipt)
	memories := section(t, out, memory.Memories)
	expect(t, memories, float64(came-certain-1), "takenBackByIntent", "removed")
	expect(t, memories, 1.0, "takenBackByIntent", "kept")
	expect(t, memories, float64(maybe-came+certain), "takenBackByIntent", "gone")
	if !slices.Contains(a.ids(memory.Memories), mine) {
		t.Error("the row that an agent has changed is gone")
	}
	a.deletes(memory.Memories, mine)
	sameDigests(t, a.digests().filled(), before)
}

func firstID(t *testing.T, body string) string {
	t.Helper()
	id, _, found := strings.Cut(strings.TrimPrefix(body, `{"ids":["`), `"`)
	if !found {
		t.Fatalf("got %.80q, want an add", body)
	}
	return id
}

// TestTrue_04_KilledProcess kills a real process at its adds, before the server sees
// one and after it has answered. There is no receipt: undo, doctor and the next restore
// say what is in, an undo makes the memory exactly what it was, and the same command
// goes on.
func TestTrue_04_KilledProcess(t *testing.T) {
	t.Parallel()
	k := newAgent(t, true).killable()
	bundle := k.lost()
	before := k.digests()
	k.behind(&k.kb, byTen(k.decide))
	adds := func(r chromatest.Request) bool { return r.Op == "add" }
	for i, at := range []moment{{1, true}, {2, false}, {4, true}, {5, false}, {5, true}} {
		if request := k.killed(at, adds, "restore", bundle); request == "" {
			t.Fatalf("%s: it came to its end", at)
		}
		came := k.digests().total() - before.total()
		says(t, unwrapped(k.must(1, "doctor").stdout), "unfinished plans: the merge of "+filepath.Base(bundle), "keepsake undo "+k.receiptDir())
		for what, text := range map[string]string{
			"doctor": k.run("doctor").stdout, "undo": k.must(0, "undo", "--plan").stderr, "restore": k.must(0, "restore", bundle, "--dry-run").stderr,
		} {
			certain, maybe := told(t, unwrapped(text))
			if came < certain || came > certain+maybe || at.after && came == certain {
				t.Errorf("%s, %s: %d rows came, and it says %d, and up to %d more", at, what, came, certain, maybe)
			}
		}
		if i%2 == 1 {
			says(t, k.must(0, "restore", bundle).stderr, "was cut short and left no receipt: ")
			silent(t, k.must(0, "restore", bundle).stderr, "was cut short")
			k.confirmed(0, "undo") // of the one that went on
		}
		r := k.confirmed(0, "undo")
		says(t, r.stderr, "was cut short and left no receipt: ")
		says(t, r.stdout, "The merge of ", "Of the rows that only may have been in, ")
		sameDigests(t, k.digests().filled(), before)
		silent(t, k.run("doctor").stdout, "was cut short")
	}
}

// TestTrue_04_AtWorkIsNotCutShort: a merge that is at work has no receipt either, and is
// left alone.
func TestTrue_04_AtWorkIsNotCutShort(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	bundle := a.lost()
	path, looked := a.collection(memory.Memories)+"/add", false
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == path && !looked {
			looked = true
			silent(t, a.run("doctor").stdout, "was cut short")
			silent(t, a.run("restore", bundle, "--dry-run").stderr, "was cut short")
			if r := a.run("undo", "--plan"); r.code != 11 {
				t.Errorf("undo --plan: got exit code %d, want 11\n%s", r.code, r.stderr)
			}
		}
		return chromatest.Fault{}
	})
	a.must(0, "restore", bundle)
	if !looked {
		t.Error("nobody looked while it was at work")
	}
}

// TestTrue_04_ResumeNamesTheRejected: a replace that leaves rows out, was killed past
// its first commit, and is gone on with, names each of those rows once, and nothing
// of what the first run has written is lost.
func TestTrue_04_ResumeNamesTheRejected(t *testing.T) {
	t.Parallel()
	k := newAgent(t, true).killable()
	k.remember(memory.Memories, memory.Summaries)
	bundle := copied(t, k.backup("--only", "mc"))
	asNeo(t, bundle)
	var salvaged []string
	for _, s := range []memory.Section{memory.Memories, memory.Summaries} {
		row := lines(t, payload(t, bundle, s))[4]
		from, to := strings.Index(row, `"embedding":[`), strings.Index(row, `],"metadata"`)
		editLine(t, bundle, s, 5, row[:from]+`"embedding":null`+row[to+1:])
		id, _, _ := strings.Cut(strings.TrimPrefix(row, `{"id":"`), `"`)
		salvaged = append(salvaged, id)
	}
	k.changesMemories()
	command := k.withToken("restore", bundle, "--mode", "replace", "--force", "--allow-unsealed", "--accept-shrink")
	renames := func(r chromatest.Request) bool {
		return r.Method == http.MethodPut && strings.Contains(string(r.Body), "new_name")
	}
	for _, torn := range []bool{true, false} {
		if request := k.killed(moment{n: 1, after: true}, renames, command...); request == "" {
			t.Fatal("it was not killed at a rename")
		}
		begun := k.unfinished()
		if len(begun) != 1 || !begun[0].Swapping() {
			t.Fatalf("got %d plans, want one that has begun to commit", len(begun))
		}
		if torn { // as a power cut would leave it
			f, err := os.OpenFile(filepath.Join(begun[0].Dir, "records.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString(`{"section":"mc/mem`)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	out := k.json(9, "restore", "--resume")
	expect(t, out, false, "complete")
	for _, s := range []memory.Section{memory.Memories, memory.Summaries} {
		expect(t, section(t, out, s), 1.0, "rejected")
	}
	dir := out["dir"].(string)
	for _, name := range []string{"records.jsonl", "unrestored.jsonl"} {
		text := readFile(t, filepath.Join(dir, name))
		for _, id := range salvaged {
			if got := strings.Count(text, `"id":"`+id+`"`); got != 1 {
				t.Errorf("%s names %s %d times, want once:\n%s", name, id, got, text)
			}
		}
	}
	if r, err := restore.LoadReceipt(dir); err != nil || r.Complete {
		t.Errorf("got %+v, %v, want a receipt that says that it isn't complete", r, err)
	}
}

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
)

// A whole backup, then one of the knowledge base alone: a restore of the latest gives a
// whole memory, and says what comes from where; what shows one bundle takes the whole one.
func TestTrue_14_LatestIsAWholeMemory(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	want := a.digests()
	whole := filepath.Base(a.backup())
	a.clock = a.clock.Add(24 * 3600e9)
	part := filepath.Base(a.backup("--only", "kb"))

	a.sub("List", func(t *testing.T) {
		out := a.json(0, "list")
		expect(t, bundleIn(t, out, part), "partial", "status")
		expect(t, bundleIn(t, out, whole), "complete", "status")
		expect(t, bundleIn(t, out, whole), true, "latest")
		r := a.must(0, "list")
		for _, line := range strings.Split(r.stdout, "\n") {
			if strings.HasPrefix(line, part) && strings.Join(strings.Fields(line)[5:], " ") != "60 – – – partial" {
				t.Errorf("got %q, want a dash for what it doesn't cover", line)
			}
		}
		for _, args := range [][]string{{"show", "latest"}, {"verify", "latest"}} {
			r := a.must(0, args...)
			says(t, r.stdout+r.stderr, whole, "passed over "+part+": is of a part of the memory")
		}
	})
	a.sub("DryRun", func(t *testing.T) {
		a.forget()
		r := a.must(0, "restore", "latest", "--dry-run")
		says(t, r.stdout, "kb/knowledge-base from "+part+" (", "mc/memory, mc/summaries", " from\n"+whole+" (24 h ago)")
		out := a.json(0, "restore", "latest", "--dry-run")
		expect(t, out, part, "from", 0, "bundle")
		expect(t, out, "kb/knowledge-base", "from", 0, "units", 0)
		expect(t, out, whole, "restores", 1, "bundle")
	})
	a.sub("Restore", func(t *testing.T) {
		r := a.must(0, "restore", "latest")
		says(t, r.stdout, "kb/knowledge-base from "+part+" (", "a graph may point to rows that aren't there",
			part+" merged", whole+" merged", "From both bundles: Every row was read back and compared: all are in.")
		sameDigests(t, a.digests(), want)
		out := a.json(0, "restore", "latest")
		expect(t, out, true, "complete")
		expect(t, out, 0.0, "account", "added")
		expect(t, out, "Nothing to do: every row was in already.", "headline")
		expect(t, out, part, "restores", 0, "bundle")
		expect(t, out, dig(t, out, "restores", 0, "group"), "restores", 1, "group")
	})
	a.sub("At", func(t *testing.T) {
		r := a.must(0, "restore", "--at", "2030-01-01T00:00:00Z", "--only", "kb,mc/memory")
		says(t, r.stdout, "kb/knowledge-base from "+part, "mc/memory from", "From both bundles")
		r = a.must(0, "restore", "--at", a.clock.Add(-3600e9*20).Format("2006-01-02T15:04:05Z07:00"))
		silent(t, r.stdout, part)
	})
	a.sub("Undo", func(t *testing.T) {
		a.allows()
		a.forget()
		a.must(0, "restore", "latest")
		r := a.confirmed(0, "undo")
		says(t, r.stdout, "The merge of "+whole+" was taken back", "It was one of 2 restores of one run", "-"+part+" --plan")
		if got := len(a.ids(memory.KnowledgeBase)); got != 60 {
			t.Errorf("got %d rows of the knowledge base, want all 60", got)
		}
		r = a.confirmed(0, "undo")
		says(t, r.stdout, "The merge of "+part+" was taken back")
		silent(t, r.stdout, "It was one of")
		if got := len(a.ids(memory.KnowledgeBase)); got != 0 {
			t.Errorf("got %d rows of the knowledge base, want none", got)
		}
	})
}

// What a newer good bundle saw gone is not revived, but named with the command that
// brings it.
func TestTrue_14_WhatIsGoneIsNamed(t *testing.T) {
	w := &workshop{agent: bare(t)}
	note := func(name string) string { return filepath.Join(w.home, "notes", name) }
	w.write(filepath.Join(w.home, "keepsake.yaml"), "preset: none\nsources: {notes: 'files:notes/*.md', journal: 'files:journal/*.jsonl'}\n")
	for _, name := range []string{"a.md", "b.md", "c.md", "d.md"} {
		w.write(note(name), name)
	}
	w.write(filepath.Join(w.home, "journal", "2026.jsonl"), "{\"did\":1}\n")
	first := w.day(0)
	if err := os.Remove(note("c.md")); err != nil {
		t.Fatal(err)
	}
	second := w.day(0)
	if err := os.Remove(note("a.md")); err != nil {
		t.Fatal(err)
	}
	r := w.must(0, "restore", "latest")
	says(t, r.stdout+r.stderr, second+" merged", "c.md was gone in "+second+" and is not put back, "+first+" has it",
		"\n  keepsake restore "+first+" --only notes/c.md puts it back")
	if !exists(note("a.md")) || exists(note("c.md")) {
		t.Error("the file that is gone was revived, or the one that was lost wasn't")
	}
	w.must(0, "restore", first, "--only", "notes/c.md")
	if !exists(note("c.md")) {
		t.Error("the command that was named didn't bring it")
	}
	if err := os.Remove(note("c.md")); err != nil {
		t.Fatal(err)
	}
	w.must(0, "restore", "latest", "--only", "notes/c.md")
	if !exists(note("c.md")) {
		t.Error("what was named itself is wanted")
	}
}

// One flipped byte in a unit of the newest bundle: that unit comes from the bundle
// before, all others from the newest.
func TestTrue_13_ADamagedUnitComesFromTheBundleBefore(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	before := a.backup()
	a.adds(memory.Memories, "later")
	want := a.digests()
	newest := a.backup()
	writable(t, newest)
	file := payload(t, newest, memory.Graph)
	a.write(file, strings.Replace(readFile(t, file), `"id":"`, `"id":"x`, 1)[:len(readFile(t, file))])
	a.must(4, "verify", newest)
	out := bundleIn(t, a.json(0, "list"), filepath.Base(newest))
	expect(t, out, "graph/graph", "verifications", 0, "bad", 0)
	a.forget()
	r := a.must(0, "restore", "latest")
	says(t, r.stdout+r.stderr, "graph/graph from\n"+filepath.Base(before), "passed over "+filepath.Base(newest)+": graph/graph did not verify (full, ", "all are in")
	sameDigests(t, a.digests(), want)
}

// Where there is no bundle of the whole memory, what shows one says what it lacks, and a
// replace takes it as it is.
func TestTrue_14_LatestSaysWhatItLacks(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Graph)
	kb := filepath.Base(a.backup("--only", "kb"))
	graph := filepath.Base(a.backup("--only", "graph"))
	for _, args := range [][]string{
		{"show", "latest"},
		{"verify", "latest"},
		{"pin", "latest"},
		{"restore", "latest", "--mode", "replace", "--force", "--plan"},
	} {
		r := a.must(0, args...)
		says(t, r.stdout, graph)
		says(t, r.stderr, graph+" lacks kb/knowledge-base: the newest that has it is "+kb)
	}
}

package bundle_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

// treeFile is a file of a kind that only a later version knows.
const treeFile = "trees/notes/plan.tree"

// later makes a bundle one that a later version wrote: it has a file of a kind that
// this one doesn't know.
func (b *broken) later(neededBy memory.Section, edit func(*bundle.Keepsake)) {
	b.T.Helper()
	if err := os.MkdirAll(filepath.Dir(b.File(treeFile)), 0o700); err != nil {
		b.T.Fatal(err)
	}
	data := []byte("a tree\n")
	b.Write(treeFile, data)
	b.forge(func(k *bundle.Keepsake) {
		k.Files = append(k.Files, bundle.FileMeta{
			Path: treeFile, Kind: "tree", Bytes: int64(len(data)), SHA256: hash(data), NeededBy: neededBy,
		})
		if edit != nil {
			edit(k)
		}
	})
}

// TestTrue_08_AFileOfALaterKind: one that no section needs is hashed and passed by; one
// that a section needs is refused as newer.
func TestTrue_08_AFileOfALaterKind(t *testing.T) {
	b := broke(t, copyOf(t, sample(t)))
	rows := collect(t, open(t, b.Path), memory.Memories)
	b.later("", nil)
	before := bundletest.State(t, b.Path)
	for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
		report := verify(t, b.Path, level)
		if got, want := codes(report.Findings, memory.Note), []string{"passed-by " + treeFile}; report.Refused() || !slices.Equal(got, want) {
			t.Errorf("%s: notes are %v, findings %v, want %v and no refusal", level, got, report.Findings, want)
		}
	}
	if got := collect(t, open(t, b.Path), memory.Memories); !slices.Equal(got, rows) {
		t.Error("its records are others")
	}
	if got := bundletest.State(t, b.Path); got != before {
		t.Error("reading changed the bundle")
	}

	b.Write(treeFile, []byte("a flea\n"))
	for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
		if got, want := codes(verify(t, b.Path, level).Findings, memory.Refusal), []string{"hash-differs " + treeFile}; !slices.Equal(got, want) {
			t.Errorf("%s, with another byte: refusals are %v, want %v", level, got, want)
		}
	}
	b.Remove("trees")
	if got := codes(verify(t, b.Path, bundle.Quick).Findings, memory.Refusal); !slices.Contains(got, "file-missing "+treeFile) {
		t.Errorf("without it: refusals are %v, want that it is missing", got)
	}

	needed := broke(t, copyOf(t, sample(t)))
	needed.later(planMD, nil)
	refusedAs(t, needed.Path, `file "`+treeFile+`" is of kind "tree", which is newer than this program, and section `+string(planMD)+` needs it`)
}

// TestTrue_08_AFormatAfterThisOne is refused by its number, whatever it has.
func TestTrue_08_AFormatAfterThisOne(t *testing.T) {
	b := broke(t, copyOf(t, sample(t)))
	b.later("", func(k *bundle.Keepsake) { k.Format = 3 })
	refusedAs(t, b.Path, "format 3 is newer than this program, which reads 2")
}

// refusedAs wants a bundle's meta to be refused for a reason, by who reads it and by
// verify.
func refusedAs(t *testing.T, path, why string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path, bundle.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.ParseMeta(data); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("parsed: got %v, want %q", err, why)
	}
	report, err := open(t, path).Verify(context.Background(), bundle.Quick, bundle.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(report.Findings, func(f memory.Finding) bool {
		return f.Level == memory.Refusal && f.File == bundle.MetaFile && strings.Contains(f.Message, why)
	}) {
		t.Errorf("verify: got %v, want %q", report.Findings, why)
	}
}

// TestTrue_08_WhatNeoReadsIsUntouched: Neo.mjs takes the files of its own folders by
// their names, and passes by all others. The index and what comes later lie in folders
// of their own.
func TestTrue_08_WhatNeoReadsIsUntouched(t *testing.T) {
	b := broke(t, copyOf(t, sample(t)))
	b.later("", nil)
	for dir, want := range map[string][]string{
		"kb":           {"knowledge-base-backup-" + sampleTime + ".jsonl"},
		"mc":           {"memory-backup-" + sampleTime + ".jsonl", "summaries-backup-" + sampleTime + ".jsonl"},
		"graph":        {"graph-backup-" + sampleTime + ".jsonl"},
		"concepts":     {"edges.jsonl", "nodes.jsonl"},
		"trajectories": {"trajectories.jsonl"},
		"mailbox":      {"sent-to-cull.jsonl"},
	} {
		if got := bundletest.Names(t, b.File(dir)); !slices.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", dir, got, want)
		}
	}
	// A kind of file that is no stream of records has no place among them.
	inside := broke(t, copyOf(t, sample(t)))
	inside.Write("kb/plan.tree", []byte("x"))
	inside.forge(func(k *bundle.Keepsake) {
		k.Files = append(k.Files, bundle.FileMeta{Path: "kb/plan.tree", Kind: "tree", Bytes: 1, SHA256: hash([]byte("x"))})
	})
	refusedAs(t, inside.Path, `file "kb/plan.tree": is no stream of records, as all in kb are`)
}

package bundle_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// Names that look like bundles and aren't ours: each of these was once read as a
// date and deleted, or could be.
var foreignNames = []string{
	"", "backup", "backup-", "backup-1", "backup-2019", "backup-before-migration-3", "backup-latest",
	"backup-2026-11-22", "backup-2026-11-22T22-41-33", "backup-2026-11-22T22-41-33Z", "backup-2026-11-22T22-41-33.61Z",
	"backup-2026-11-22T22-41-33.6100Z", "backup-2026-11-22T22:41:33.610Z", "backup-2026-11-22T22-41-33.610", "backup-2026-11-22T22-41-33.610z",
	"backup-2026-11-22t22-41-33.610Z", "backup-2026-11-22T22-41-33,610Z", "backup-2026-11-22T22-41-33.610Z.bak", "backup-2026-11-22T22-41-33.610Z-copy",
	" backup-2026-11-22T22-41-33.610Z", "Backup-2026-11-22T22-41-33.610Z", "backup_2026-11-22T22-41-33.610Z", "old-backup-2026-11-22T22-41-33.610Z",
	"backup-2026-02-30T22-41-33.610Z", "backup-2026-13-01T22-41-33.610Z", "backup-2026-11-22T24-00-00.000Z", "backup-2026-11-22T22-60-33.610Z",
	"backup-2026-11-22T22-41-60.000Z", "backup-2026-1-22T22-41-33.610Z", "backup-+026-11-22T22-41-33.610Z", "backup-2026-11-22T22-41-33.６10Z",
	".backup-partial-2026-11-22T22-41-33.610Z-ABCDEFGH", "backup-2026-11-22T22-41-33.610Z/", "backup-2026-11-22T22-41-33.610+01",
}

func TestParseName(t *testing.T) {
	got, err := bundle.ParseName(sampleName)
	if want := time.Date(2026, 11, 22, 22, 41, 33, 610_000_000, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, name := range foreignNames {
		if when, err := bundle.ParseName(name); err == nil {
			t.Errorf("%q is taken for a bundle of %v", name, when)
		}
	}
}

func TestFormatTimestamp(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	if got, want := bundle.FormatTimestamp(time.Date(2026, 11, 23, 0, 41, 33, 610_999_999, zone)), sampleTime; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPayloadPath(t *testing.T) {
	for _, c := range []struct {
		section memory.Section
		kind    memory.Kind
		c       bundle.Compression
		want    string
	}{
		{memory.KnowledgeBase, memory.Vectors, bundle.Plain, "kb/knowledge-base-backup-" + sampleTime + ".jsonl"},
		{memory.Memories, memory.Vectors, bundle.Zstd, "mc/memory-backup-" + sampleTime + ".jsonl.zst"},
		{memory.Graph, memory.Elements, bundle.Plain, "graph/graph-backup-" + sampleTime + ".jsonl"},
		{"concepts/nodes", memory.Lines, bundle.Zstd, "concepts/nodes.jsonl.zst"},
		{memory.MailboxSentToCull, memory.Lines, bundle.Plain, "mailbox/sent-to-cull.jsonl"},
	} {
		if got := bundle.PayloadPath(c.section, c.kind, sampleTime, c.c); got != c.want {
			t.Errorf("%s: got %s, want %s", c.section, got, c.want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add(sampleName)
	for _, name := range foreignNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		when, err := bundle.ParseName(name)
		if err != nil {
			return
		}
		if got := bundle.Prefix + bundle.FormatTimestamp(when); got != name {
			t.Errorf("%q is taken for %q", name, got)
		}
		if strings.ContainsAny(name, "/\\") {
			t.Errorf("%q is a path", name)
		}
	})
}

// TestNamed: a bundle can be given a name that is no timestamp, and is read by its
// path like any other.
func TestNamed(t *testing.T) {
	opts := options(t, t.TempDir())
	opts.Name = "rescued"
	path, err := write(opts, sampleParts(), nil)
	if err != nil || filepath.Base(path) != "rescued" {
		t.Fatalf("got %s, %v, want a bundle named rescued", path, err)
	}
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := b.Verify(t.Context(), bundle.Full, bundle.VerifyOptions{})
	if err != nil || report.Refused() {
		t.Errorf("got %v, %v, want nothing to refuse", report.Findings, err)
	}
	for _, name := range []string{"a/b", "..", ".hidden", "backup-1", `a\b`} {
		t.Run(name, func(t *testing.T) {
			opts := options(t, t.TempDir())
			opts.Name = name
			if w, err := bundle.Create(t.Context(), opts); err == nil {
				_ = w.Abort()
				t.Errorf("a bundle may be named %q", name)
			}
		})
	}
}

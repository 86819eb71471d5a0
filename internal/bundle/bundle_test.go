package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

func TestRoundTrip(t *testing.T) {
	for _, compress := range []bool{false, true} {
		name := "plain"
		if compress {
			name = "zstd"
		}
		t.Run(name, func(t *testing.T) {
			opts := options(t, filepath.Join(t.TempDir(), "made", "by", "create"))
			opts.Compress = compress
			path, err := write(opts, sampleParts(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := path, filepath.Join(opts.Root, sampleName); got != want {
				t.Errorf("path is %s, want %s", got, want)
			}
			if got := bundletest.Names(t, opts.Root); !slices.Equal(got, []string{sampleName}) {
				t.Errorf("root holds %v", got)
			}
			before := bundletest.State(t, path)
			for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
				report := verify(t, path, level)
				if len(report.Findings) != 1 && len(report.Findings) != 0 || report.Refused() || !report.Sealed {
					t.Errorf("%s: findings %v, sealed %t", level, report.Findings, report.Sealed)
				}
				for i, p := range sampleParts() {
					if got := report.Sections[i]; got.Name != p.spec.Name || got.Rows != int64(p.held()) || got.Dimension != p.spec.Dimension {
						t.Errorf("%s: section %d is %+v, want %s of %d rows", level, i, got, p.spec.Name, p.held())
					}
				}
			}
			b := open(t, path)
			for _, p := range sampleParts() {
				for range 2 {
					if got := collect(t, b, p.spec.Name); !slices.Equal(got, p.rows) {
						t.Errorf("%s: rows are\n%s\nwant\n%s", p.spec.Name, strings.Join(got, "\n"), strings.Join(p.rows, "\n"))
					}
				}
			}
			if got := bundletest.State(t, path); got != before {
				t.Error("reading changed the bundle")
			}
		})
	}
}

func TestLayout(t *testing.T) {
	path := sample(t)
	for dir, want := range map[string]string{
		".":            "SHA256SUMS bundle-meta.json concepts graph index kb mailbox mc notes state trajectories",
		"index":        "concepts graph kb mailbox mc notes trajectories",
		"index/mc":     "memory.idx summaries.idx",
		"kb":           "knowledge-base-backup-" + sampleTime + ".jsonl",
		"mc":           "memory-backup-" + sampleTime + ".jsonl summaries-backup-" + sampleTime + ".jsonl",
		"graph":        "graph-backup-" + sampleTime + ".jsonl",
		"concepts":     "edges.jsonl nodes.jsonl",
		"trajectories": "trajectories.jsonl",
		"mailbox":      "sent-to-cull.jsonl",
		"state":        "app.db",
		"notes":        "2026 log.jsonl",
		"notes/2026":   "plan.md",
	} {
		if got := strings.Join(bundletest.Names(t, filepath.Join(path, dir)), " "); got != want {
			t.Errorf("%s holds %q, want %q", dir, got, want)
		}
	}
	data, err := os.ReadFile(filepath.Join(path, "concepts", "nodes.jsonl"))
	if want := strings.Join(sampleParts()[4].rows, "\n") + "\n"; err != nil || string(data) != want {
		t.Errorf("nodes.jsonl is %q, want %q, error %v", data, want, err)
	}
	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(path, "bundle-meta.json"))
		if err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("meta can be written: %v, %v", info.Mode(), err)
		}
	}
}

// An empty memory still has its six folders, and says that it is empty.
func TestEmptyBundle(t *testing.T) {
	var parts []part
	for _, p := range sampleParts()[:4] {
		parts = append(parts, part{p.spec, nil})
	}
	path, err := write(options(t, t.TempDir()), parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(bundletest.Names(t, path)), 8; got != want {
		t.Errorf("bundle has %d entries, want %d", got, want)
	}
	report := verify(t, path, bundle.Full)
	if got, want := codes(report.Findings, memory.Warning), []string{"empty graph", "empty kb", "empty mc"}; !slices.Equal(got, want) {
		t.Errorf("warnings are %v, want %v", got, want)
	}
	if report.Refused() {
		t.Errorf("refused: %v", report.Findings)
	}
}

func TestSumsWorkForEveryone(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("no sha256sum on this machine")
	}
	path := sample(t)
	check := func() error {
		cmd := exec.Command(tool, "--check", "--strict", "--quiet", bundle.SumsFile)
		cmd.Dir = path
		return cmd.Run()
	}
	if err := check(); err != nil {
		t.Errorf("sha256sum -c on a good bundle: %v", err)
	}
	flip(t, filepath.Join(path, "concepts", "nodes.jsonl"), 3, 0)
	if err := check(); err == nil {
		t.Error("sha256sum -c takes a bundle that was changed")
	}
}

// Everything of a bundle that depends on nothing but what went in is the same
// whenever it is written.
func TestWritingIsDeterministic(t *testing.T) {
	a, b := sample(t), sample(t)
	if got, want := bundletest.State(t, a), bundletest.State(t, b); got != want {
		t.Errorf("two bundles of the same rows differ:\n%s\n%s", got, want)
	}
}

func TestSections(t *testing.T) {
	got := open(t, sample(t)).Sections()
	for i, p := range sampleParts() {
		want := p.spec
		want.Rows = int64(p.held())
		a, _ := json.Marshal(got[i])
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("section is\n%s\nwant\n%s", a, b)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	empty := filepath.Join(dir, "empty")
	partial := filepath.Join(dir, bundle.PartialPrefix+sampleTime+"-ABCDEFGH")
	trash := filepath.Join(dir, bundle.TrashPrefix+sampleName)
	for _, err := range []error{
		os.WriteFile(file, nil, 0o600), os.Mkdir(empty, 0o700),
		os.MkdirAll(filepath.Join(partial, "kb"), 0o700), os.MkdirAll(filepath.Join(trash, "kb"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	moved := filepath.Join(dir, "moved")
	w, err := bundle.Create(context.Background(), options(t, filepath.Join(dir, "root")))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := os.CopyFS(moved, os.DirFS(partialIn(t, filepath.Join(dir, "root")))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"nothing", filepath.Join(dir, "absent"), bundle.ErrNotFound},
		{"a file", file, bundle.ErrNotBundle},
		{"an empty directory", empty, bundle.ErrNotBundle},
		{"what a killed run left", partial, bundle.ErrNotBundle},
		{"that under another name", moved, bundle.ErrNotBundle},
		{"a bundle being deleted", trash, bundle.ErrNotBundle},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := bundle.Open(c.path, bundle.Limits{})
			if !errors.Is(err, c.want) || b != nil {
				t.Errorf("got %v, %v, want %v", b, err, c.want)
			}
		})
	}
	path := sample(t)
	renamed := filepath.Join(filepath.Dir(path), "copy-of-monday")
	if err := os.Rename(path, renamed); err != nil {
		t.Fatal(err)
	}
	b := open(t, renamed)
	if got := b.Meta().Timestamp; got != sampleTime {
		t.Errorf("timestamp is %q, want %q", got, sampleTime)
	}
	if !b.Sealed() || b.Name() != "copy-of-monday" {
		t.Errorf("sealed %t, name %q", b.Sealed(), b.Name())
	}
}

// flip changes one bit of a file.
func flip(tb testing.TB, path string, offset int64, bit uint) {
	tb.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		tb.Fatal(err)
	}
	b[0] ^= 1 << bit
	if _, err := f.WriteAt(b[:], offset); err != nil {
		tb.Fatal(err)
	}
}

package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

const olderTime = "2026-11-21T00-00-00.000Z"

// rootWithOlder is a backup root that holds one bundle already.
func rootWithOlder(t *testing.T) string {
	t.Helper()
	opts := options(t, t.TempDir())
	opts.Now = at(t, olderTime)
	if _, err := write(opts, sampleParts()[:1], nil); err != nil {
		t.Fatal(err)
	}
	return opts.Root
}

// steps counts the steps of writing the sample bundle.
func steps(t *testing.T, compress bool) int {
	t.Helper()
	fsys := faulty.New(nil)
	opts := options(t, t.TempDir())
	opts.FS, opts.Compress = fsys, compress
	if _, err := write(opts, sampleParts(), nil); err != nil {
		t.Fatal(err)
	}
	return fsys.Steps()
}

// Every step of writing a bundle fails in turn. Nothing is published, what was
// there is byte-identical, nothing is left, and the error says why.
func TestWritingFailsAtEveryStep(t *testing.T) {
	root := rootWithOlder(t)
	before := bundletest.State(t, root)
	for _, compress := range []bool{false, true} {
		total := steps(t, compress)
		for k := 1; k <= total; k++ {
			for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
				var failed faulty.Step
				opts := options(t, root)
				opts.Compress = compress
				opts.FS = faulty.New(func(s faulty.Step) faulty.Fault {
					if s.N != k {
						return faulty.Fault{}
					}
					failed = s
					return faulty.Fault{Err: cause, Partial: errors.Is(cause, syscall.ENOSPC)}
				})
				path, err := write(opts, sampleParts(), nil)
				what := fmt.Sprintf("step %d of %d, %s %s", k, total, failed.Op, filepath.Base(failed.Path))
				if failed.N == 0 {
					t.Fatalf("there is no step %d", k)
				}
				if !errors.Is(err, cause) || path != "" {
					t.Errorf("%s: got %q, %v, want %v", what, path, err, cause)
				}
				if got := bundletest.State(t, root); got != before {
					t.Fatalf("%s: the root holds %v", what, bundletest.Names(t, root))
				}
			}
		}
	}
}

// A disk that stays full publishes nothing either.
func TestFullDisk(t *testing.T) {
	root := rootWithOlder(t)
	before := bundletest.State(t, root)
	total := steps(t, false)
	for k := 1; k < total; k++ { // of the last step the error says that the bundle stands
		opts := options(t, root)
		opts.FS = faulty.New(faulty.From(k, faulty.Fault{Err: syscall.ENOSPC, Partial: true}))
		if _, err := write(opts, sampleParts(), nil); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("full from step %d: %v", k, err)
		}
		if got := bundletest.State(t, root); got != before {
			t.Fatalf("full from step %d: the root holds %v", k, bundletest.Names(t, root))
		}
	}
	opts := options(t, root)
	opts.FS = faulty.New(faulty.From(total, faulty.Fault{Err: syscall.ENOSPC}))
	_, err := write(opts, sampleParts(), nil)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), sampleName+" stands") {
		t.Errorf("error is %v, want one that says what stands", err)
	}
	if report := verify(t, filepath.Join(root, sampleName), bundle.Full); report.Refused() {
		t.Errorf("what stands is refused: %v", report.Findings)
	}
}

// A failed fsync in the background is told once only; the bundle must not be
// published because the next one succeeds.
func TestBackgroundSyncFails(t *testing.T) {
	n := 0
	opts := options(t, t.TempDir())
	opts.FS = faulty.New(func(s faulty.Step) faulty.Fault {
		if s.Op == faulty.Sync && strings.Contains(s.Path, "memory-backup") {
			if n++; n == 1 {
				return faulty.Fault{Err: syscall.EIO}
			}
		}
		return faulty.Fault{}
	})
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	_, err = w.Write(context.Background(), memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, big(3000))
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("error is %v, want EIO", err)
	}
	if n == 0 {
		t.Error("nothing was synced")
	}
}

// Killed at any step, a writer leaves one partial at the most, which no one takes
// for a bundle and the next run removes; the bundle is there whole or not at all.
func TestKilledAtEveryStep(t *testing.T) {
	root := rootWithOlder(t)
	before := bundletest.State(t, root)
	total := steps(t, false)
	for k := 1; k <= total; k++ {
		opts := options(t, root)
		opts.FS = faulty.New(faulty.KillAt(k))
		if _, err := write(opts, sampleParts(), nil); !errors.Is(err, faulty.ErrKilled) {
			t.Fatalf("killed at step %d: %v", k, err)
		}
		list, err := catalog.List(root)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Partials) > 1 {
			t.Fatalf("killed at step %d: left %v", k, list.Partials)
		}
		for _, name := range list.Partials {
			if _, err := bundle.Open(filepath.Join(root, name), bundle.Limits{}); !errors.Is(err, bundle.ErrNotBundle) {
				t.Errorf("killed at step %d: what is left opens: %v", k, err)
			}
		}
		published := filepath.Join(root, sampleName)
		if _, err := os.Stat(published); err == nil {
			if report := verify(t, published, bundle.Full); report.Refused() || !report.Sealed {
				t.Errorf("killed at step %d: a torn bundle stands: %v", k, report.Findings)
			}
			if err := os.RemoveAll(published); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: root, Me: opts.Owner})
		if err != nil || !slices.Equal(removed, list.Partials) && len(list.Partials) > 0 {
			t.Errorf("killed at step %d: removed %v, %v, want %v", k, removed, err, list.Partials)
		}
		if got := bundletest.State(t, root); got != before {
			t.Fatalf("killed at step %d: the root holds %v", k, bundletest.Names(t, root))
		}
	}
}

// A writer that is at work keeps its partial, whatever its owner file looks like
// from outside.
func TestWorkingPartialStays(t *testing.T) {
	opts := options(t, t.TempDir())
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, me := range []lock.Owner{opts.Owner, {PID: 1, Host: "host", BootID: "later"}} {
		got, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: opts.Root, Me: me, Alive: func(lock.Owner) (alive, known bool) { return false, true }})
		if err != nil || len(got) != 0 {
			t.Errorf("removed %v, %v", got, err)
		}
	}
	if _, err := w.Publish(context.Background(), metaOf(t, w, sampleParts()[0])); err != nil {
		t.Error(err)
	}
}

// A file that the disk does not give back as it was written is never published.
func TestReadBack(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(path string) error
	}{
		{"BitFlipped", func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte{'X'}, 30)
			return err
		}},
		{"Shorter", func(path string) error { return os.Truncate(path, 100) }},
		{"Longer", func(path string) error { return os.WriteFile(path, []byte("more\n"), 0o600) }},
		{"Gone", os.Remove},
		{"AnotherFile", func(path string) error { return os.WriteFile(path+".2", nil, 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t, t.TempDir())
			opts.FS = faulty.New(func(s faulty.Step) faulty.Fault {
				if s.Op == faulty.Create && strings.HasSuffix(s.Path, "trajectories.jsonl") {
					old := filepath.Join(filepath.Dir(filepath.Dir(s.Path)), filepath.FromSlash(payload(memory.Memories)))
					_ = os.Chmod(old, 0o600)
					if err := c.do(old); err != nil {
						t.Error(err)
					}
				}
				return faulty.Fault{}
			})
			if path, err := write(opts, sampleParts(), nil); err == nil {
				t.Errorf("published %s", path)
			}
			if got := bundletest.Names(t, opts.Root); len(got) != 0 {
				t.Errorf("root holds %v", got)
			}
		})
	}
}

// The order of DESIGN.md: every file is synced after its last write, the meta
// comes after the payloads and SHA256SUMS last, every folder is synced, the owner
// file goes, then the rename, then the sync of the root. A crash is only as
// harmless as this order.
func TestOrderOfWriting(t *testing.T) {
	opts := options(t, t.TempDir())
	var log []string
	opts.FS = faulty.New(func(s faulty.Step) faulty.Fault {
		rel, err := filepath.Rel(opts.Root, s.Path)
		if err != nil {
			t.Error(err)
		}
		if _, inner, ok := strings.Cut(filepath.ToSlash(rel), "/"); ok {
			rel = inner
		} else if strings.HasPrefix(rel, bundle.PartialPrefix) {
			rel = "PARTIAL"
		}
		if what := string(s.Op) + " " + rel; len(log) == 0 || log[len(log)-1] != what {
			log = append(log, what)
		}
		return faulty.Fault{}
	})
	if _, err := write(opts, sampleParts()[:2], nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdir PARTIAL"}
	file := func(name string) {
		want = append(want, "create "+name, "write "+name, "fsync "+name, "close "+name)
	}
	file(".keepsake-owner.json")
	for _, name := range []string{"kb", "mc", "graph", "concepts", "trajectories", "mailbox"} {
		want = append(want, "mkdir "+name)
	}
	file(payload(memory.Graph))
	want = append(want, "mkdir index", "mkdir index/graph")
	file("index/graph/graph.idx")
	file(payload(memory.Memories))
	want = append(want, "mkdir index/mc")
	file("index/mc/memory.idx")
	file(bundle.MetaFile)
	file(bundle.SumsFile)
	for _, name := range []string{"trajectories", "mc", "mailbox", "kb", "index/mc", "index/graph", "index", "graph", "concepts", "PARTIAL"} {
		want = append(want, "sync directory "+name)
	}
	want = append(want, "remove .keepsake-owner.json", "sync directory PARTIAL", "rename without replacing "+sampleName, "sync directory .")
	if !slices.Equal(log, want) {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

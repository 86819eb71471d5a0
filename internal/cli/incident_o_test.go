//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/collections"
)

// 20,000 rows in memory at once took 1.3 GB, and files over 512 MB crashed. Here
// the vectors are in a file: Chroma would take minutes for rows like these, and
// what its store holds in memory is tested beside it.
func TestIncidentO_MemoryIsBounded(t *testing.T) {
	const n, size, most = 40, 1 << 20, 64 << 20
	a := bare(t)
	file := a.data("vectors.db")
	a.env["KEEPSAKE_KB_CHROMA"] = "collections:" + file
	kb := func() *collections.Store {
		return collections.New(collections.Config{Path: file, Collections: collectionNames()})
	}
	spec := specOf(memory.KnowledgeBase)
	spec.Dimension, spec.Rows = dimension, n
	r, err := kb().Merge(t.Context(), spec, bigRows(n, size), store.MergeOptions{Proof: store.ProofIDs})
	if err != nil || !r.Complete() {
		t.Fatalf("fill: %+v, %v", r, err)
	}
	want := a.recordsOf(kb(), memory.KnowledgeBase)
	if peak := a.process(0, "backup", "--only", "kb"); peak > most {
		t.Errorf("a backup of %d MiB took %d MiB, want %d at the most", n*size>>20, peak>>20, most>>20)
	}
	remove(t, file)
	if peak := a.process(0, "restore", "latest"); peak > most {
		t.Errorf("a restore of %d MiB took %d MiB, want %d at the most", n*size>>20, peak>>20, most>>20)
	}
	sameDigests(t, records{memory.KnowledgeBase: a.recordsOf(kb(), memory.KnowledgeBase)}, records{memory.KnowledgeBase: want})
}

// bigRows yields n rows of that many bytes.
func bigRows(n, size int) iter.Seq2[memory.Record, error] {
	text := strings.Repeat("words and words of a chunk that is far too long. ", size/49)
	embedding := strings.TrimSuffix(strings.Repeat("0.25,", dimension), ",")
	return func(yield func(memory.Record, error) bool) {
		for i := range n {
			row := fmt.Sprintf(`{"id":"row-%d","embedding":[%s],"metadata":{"content":"%d %s"},"document":null}`, i, embedding, i, text)
			if !yield(memory.Record(row), nil) {
				return
			}
		}
	}
}

// process runs a command in a process of its own, which has to end with code, and
// returns the most memory that it took, in bytes. Garbage is collected early, so
// that this is what it needs rather than what it has left lying.
func (a *agent) process(code int, args ...string) int64 {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), "keepsake", args...)
	status := filepath.Join(a.t.TempDir(), "status")
	cmd.Dir, cmd.Env = a.home, append(os.Environ(), "GOGC=20", statusEnv+"="+status)
	for name, value := range a.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != code {
		a.t.Fatalf("keepsake %s: got %v, want exit code %d\n%s", strings.Join(args, " "), err, code, out.Bytes())
	}
	raw, err := os.ReadFile(status)
	if err != nil {
		a.t.Fatal(err)
	}
	_, peak, found := strings.Cut(string(raw), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(peak, "%d kB", &kib); err != nil || !found {
		a.t.Fatalf("find VmHWM in %q: %v", raw, err)
	}
	a.t.Logf("keepsake %s took %d MiB", strings.Join(args, " "), kib>>10)
	return kib << 10
}

// Batches over the limits of a server ended in 413.
func TestIncidentO_BatchesFitTheServer(t *testing.T) {
	const rowsAtOnce, bytesAtOnce = 7, 3_000
	a := newAgent(t, true)
	a.remember()
	want := a.digests()
	bundle := a.backup()
	a.forget()
	var adds, refused atomic.Int64
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		switch r.Op {
		case "pre-flight-checks":
			return chromatest.Fault{Rewrite: chromatest.Instead(fmt.Sprintf(`{"max_batch_size":%d}`, rowsAtOnce))}
		case "add":
			var rows chromaRows
			if err := json.Unmarshal(r.Body, &rows); err != nil || len(rows.IDs) > rowsAtOnce {
				t.Errorf("got a batch of %d rows, %v, want %d at the most", len(rows.IDs), err, rowsAtOnce)
			}
			adds.Add(1)
			if len(r.Body) > bytesAtOnce {
				refused.Add(1)
				return chromatest.Fault{Status: 413, Text: "length limit exceeded"}
			}
		}
		return chromatest.Fault{}
	})
	a.must(0, "restore", bundle)
	sameDigests(t, a.digests(), want)
	if refused.Load() == 0 || adds.Load() == refused.Load() {
		t.Errorf("%d of %d batches were too large, want some", refused.Load(), adds.Load())
	}
}

package bundle_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// flipBundle is a bundle of at least size bytes, meta and SHA256SUMS included:
// one section of each kind, much the same number of bytes in each, and long
// texts, which are looked at faster than short ones.
func flipBundle(t *testing.T, size int) string {
	t.Helper()
	long := strings.Repeat("a text as it is remembered, ", 40)
	rows := size / 6 / 1100
	var parts []part
	for _, p := range sampleParts() {
		p.rows = nil
		for i := range rows {
			switch p.spec.Name {
			case memory.Graph:
				p.rows = append(p.rows, fmt.Sprintf(`{"type":"node","data":{"id":"n-%d","name":"%s"}}`, i, long))
			case memory.Memories, memory.KnowledgeBase:
				p.rows = append(p.rows, strings.Replace(vectorRows("v", rows)[i], `"row `, `"`+long, 1))
			case memory.TrajectoryLog, memory.MailboxSentToCull:
				p.rows = append(p.rows, fmt.Sprintf(`{"messages":["%s",%d]}`, long, i))
			case appDB:
				p.rows = append(p.rows, long+dbText)
			}
		}
		if p.rows != nil {
			parts = append(parts, p)
		}
	}
	path, err := write(options(t, t.TempDir()), parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// flippable returns the size of every file of a bundle by its path in it.
func flippable(t *testing.T, path string) (files map[string]int64, total int64) {
	t.Helper()
	files = make(map[string]int64)
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		name, _ := filepath.Rel(path, p)
		files[filepath.ToSlash(name)] = info.Size()
		total += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, total
}

// One flipped bit anywhere in a bundle is found. Payloads are flipped all at
// once, since each has to be found by itself; the meta and SHA256SUMS one at a
// time. KEEPSAKE_TEST_FULL flips all eight bits of each byte of a larger bundle.
func TestEveryFlippedBitIsFound(t *testing.T) {
	least, bits := 64<<10, 1
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		least, bits = 256<<10, 8
	}
	if testing.Short() {
		t.Skip("looks at a bundle tens of thousands of times")
	}
	good := flipBundle(t, least)
	if _, total := flippable(t, good); total < int64(least) {
		t.Fatalf("bundle has %d bytes, want %d", total, least)
	}
	const workers = 2
	var group sync.WaitGroup
	for w := range workers {
		f := flipper{t: t, path: copyOf(t, good), bits: bits}
		f.payloads, _ = flippable(t, f.path)
		meta, sums := f.payloads[bundle.MetaFile], f.payloads[bundle.SumsFile]
		delete(f.payloads, bundle.MetaFile)
		delete(f.payloads, bundle.SumsFile)
		group.Go(func() {
			f.run(map[string]int64{bundle.MetaFile: meta}, w, workers)
			f.run(map[string]int64{bundle.SumsFile: sums}, w, workers)
			f.run(f.payloads, w, workers)
			if refused := f.look(); len(refused) > 0 {
				t.Errorf("every bit was put back, and yet %v are refused", refused)
			}
		})
	}
	group.Wait()
}

// flipper flips bits in a bundle of its own.
type flipper struct {
	t        *testing.T
	path     string
	bits     int
	payloads map[string]int64
}

// run flips, in every file at once, each byte that is this worker's.
func (f *flipper) run(files map[string]int64, first, step int) {
	var longest int64
	for _, size := range files {
		longest = max(longest, size)
	}
	for offset := int64(first); offset < longest; offset += int64(step) {
		for bit := range f.bits {
			if f.bits == 1 {
				bit = int(offset*5) % 8 // each has its turn
			}
			f.flip(files, offset, uint(bit))
			refused := f.look()
			for name, size := range files {
				if offset < size && !refused[name] {
					f.t.Errorf("bit %d of byte %d of %s was flipped, and it is not refused", bit, offset, name)
				}
			}
			f.flip(files, offset, uint(bit))
		}
	}
}

func (f *flipper) flip(files map[string]int64, offset int64, bit uint) {
	for name, size := range files {
		if offset < size {
			flip(f.t, filepath.Join(f.path, filepath.FromSlash(name)), offset, bit)
		}
	}
}

// look returns the files that are refused. A meta whose keepsake block can't be
// found any more is refused because of its SHA256SUMS.
func (f *flipper) look() map[string]bool {
	b, err := bundle.Open(f.path, bundle.Limits{})
	if err != nil {
		f.t.Error(err)
		return nil
	}
	report, err := b.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{})
	if err != nil {
		f.t.Error(err)
		return nil
	}
	refused := make(map[string]bool)
	for _, finding := range report.Findings {
		if finding.Level == memory.Refusal {
			refused[finding.File] = true
			if finding.Code == bundle.CodeSumsAlone {
				refused[bundle.MetaFile] = true
			}
		}
	}
	return refused
}

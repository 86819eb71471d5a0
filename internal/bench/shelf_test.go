//go:build bench

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/atomicfile"
	format "keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
	"keepsake/internal/retention"
	"keepsake/internal/sample"
)

const (
	shelved        = 1_000
	listingWanted  = 200 * time.Millisecond
	candidates     = 10_000
	decidingWanted = 50 * time.Millisecond
)

// shelf measures what grows with the number of bundles: listing them, and
// deciding which may go.
func (b *bench) shelf(ctx context.Context) error {
	root, err := os.MkdirTemp(b.tool.scratch, "shelf-")
	if err != nil {
		return err
	}
	here, err := memoryid.Here(b.tool.dataDir, "")
	if err != nil {
		return err
	}
	id, err := memoryid.Settle(ctx, b.tool.dataDir, here, nil, time.Now())
	if err != nil {
		return err
	}
	for i := range shelved {
		if err := shelve(ctx, root, id.MemoryID, i); err != nil {
			return fmt.Errorf("bundle %d: %w", i, err)
		}
	}
	b.say("%d bundles in %s", shelved, root)
	all := make([]outcome, rounds)
	for i := range all {
		if all[i], err = b.tool.run(ctx, "", "list", "--backup-root", root); err != nil {
			return err
		}
		if err := wantListed(all[i].Stdout); err != nil {
			return err
		}
		b.say("list in %s, CPU %s", all[i].Wall, all[i].CPU)
	}
	middle := median(all, func(o outcome) time.Duration { return o.Wall })
	b.report.times("list, "+count(shelved)+" bundles", middle.Wall, listingWanted, "wanted", 1)
	return b.decide()
}

func wantListed(document []byte) error {
	var out struct {
		Bundles []struct{ NextPrune *struct{ Action string } }
	}
	if err := json.Unmarshal(document, &out); err != nil {
		return err
	}
	if len(out.Bundles) != shelved || out.Bundles[0].NextPrune == nil {
		return fmt.Errorf("%d bundles were listed, want %d, each with its fate", len(out.Bundles), shelved)
	}
	return nil
}

// shelve publishes a bundle of every kind of section, i days ago, and notes that
// it was verified.
func shelve(ctx context.Context, root, memoryID string, i int) error {
	stamp := time.Now().Add(-time.Duration(shelved-i) * 24 * time.Hour)
	w, err := format.Create(ctx, format.Options{Root: root, FS: careless{}, Now: stamp, Tool: "keepsake bench"})
	if err != nil {
		return err
	}
	defer w.Abort()
	var sections []format.SectionMeta
	for _, spec := range sample.Sections() {
		const n = 3
		spec.Rows, spec.Dimension = n, 4
		if spec.Kind != memory.Vectors {
			spec.Dimension = 0
		}
		s, err := w.Write(ctx, spec, shelvedRecords(spec.Name, n))
		if err != nil {
			return err
		}
		sections = append(sections, s.Meta(memory.Capture{Before: n, After: n, Held: n, Method: "files"}))
	}
	_, err = w.Publish(ctx, &format.Meta{Keepsake: &format.Keepsake{
		MemoryID: memoryID, Reason: format.ReasonBackup, Sequence: int64(i + 1), Status: format.Complete, Sections: sections,
	}})
	if err != nil {
		return err
	}
	v := catalog.Verification{At: stamp, Level: format.Full, OK: true, Tool: "keepsake bench"}
	note, err := json.Marshal(catalog.Notes{Verifications: []catalog.Verification{v}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, ".notes-"+format.FormatTimestamp(stamp)+".json"), note, 0o600)
}

func shelvedRecords(section memory.Section, n int) iter.Seq2[memory.Record, error] {
	return sample.Records(section, n, 4, 1)
}

// careless syncs nothing: what lies there need not survive this run.
type careless struct{ atomicfile.System }

// SyncDir implements atomicfile.FS.
func (careless) SyncDir(string) error { return nil }

// Create implements atomicfile.FS.
func (c careless) Create(path string, perm os.FileMode) (atomicfile.Handle, error) {
	h, err := c.System.Create(path, perm)
	return carelessHandle{h}, err
}

type carelessHandle struct{ atomicfile.Handle }

// Sync implements atomicfile.Handle.
func (carelessHandle) Sync() error { return nil }

// decide measures the policy alone, on more bundles than anyone has.
func (b *bench) decide() error {
	now := time.Now()
	policy := retention.Policy{
		Memory: "m", KeepLast: 3, MaxAge: 7 * 24 * time.Hour, KeepDaily: 30, KeepWeekly: 52, KeepMonthly: 120, MaxBytes: 1 << 40,
	}
	all := make([]retention.Candidate, candidates)
	for i := range all {
		stamp := format.FormatTimestamp(now.Add(-time.Duration(i) * 6 * time.Hour))
		all[i] = retention.Candidate{
			Name: format.Prefix + stamp, Sealed: true, Timestamp: stamp, MemoryID: "m", Sequence: int64(candidates - i),
			Reason: retention.Backup, Status: retention.Complete, SizesRight: true, Bytes: 1 << 30,
			Units: map[string]retention.Unit{"kb/knowledge-base": {Good: true, Rows: 1}, "mc/memory": {Good: true, Rows: 1}, "graph/graph": {Good: true, Rows: 1}},
		}
	}
	took := make([]time.Duration, rounds)
	for i := range took {
		began := time.Now()
		d, err := policy.Apply(all, now)
		took[i] = time.Since(began)
		if err != nil || len(d.All) != candidates {
			return fmt.Errorf("%d decisions: %w", len(d.All), err)
		}
	}
	middle := median(took, func(d time.Duration) time.Duration { return d })
	b.report.times("retention, "+count(candidates)+" bundles", middle, decidingWanted, "wanted", 1)
	return nil
}

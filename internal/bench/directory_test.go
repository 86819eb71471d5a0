//go:build bench

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// directoryBound: from the directory to a bundle in less time than the server
	// needs to answer the same to one who throws it away.
	directoryBound = 1.0
	// directoryMemory is what that may hold at most.
	directoryMemory = 192 << 20
)

// directory backs up the persist directory itself, beside an idle server, and then
// beside one that is written to. The bundle must be the one that HTTP gives.
func (b *bench) directory(ctx context.Context) error {
	full, err := b.source(ctx)
	if err != nil {
		return err
	}
	all := make([]round, rounds)
	for i := range all {
		if all[i].read, err = b.readAll(ctx, full); err != nil {
			return err
		}
		if all[i].backup, err = b.fromDirectory(ctx, full); err != nil {
			return err
		}
	}
	http, err := b.backupRound(ctx, full)
	if err != nil {
		return err
	}
	middle, cpu, peak := summary(all)
	b.report.times("backup from the directory", middle.backup.Wall, middle.read.wall, "the server's answers, thrown away, right before", directoryBound)
	b.report.times("backup from the directory, all in all", middle.backup.Wall, http.backup.Wall, "keepsake over HTTP", 0)
	b.report.times("backup from the directory, CPU", cpu, http.backup.CPU, "keepsake over HTTP", 0)
	b.report.sizes("backup from the directory, peak memory", peak, directoryMemory, "wanted", 1)
	return b.hot(ctx, full)
}

// fromDirectory backs up the directory of a server, and compares what is in the
// bundle with what HTTP gave.
func (b *bench) fromDirectory(ctx context.Context, f *filled) (outcome, error) {
	want, err := b.backedUp(ctx)
	if err != nil {
		return outcome{}, err
	}
	made, o, err := b.tool.backupSection(ctx, "mc/memory", "mc/memory-backup-*.jsonl", "KEEPSAKE_MC_CHROMA=chromadir:"+f.Dir(), f.rows)
	if err != nil {
		return o, err
	}
	b.say("backup from the directory in %s, CPU %s, peak %s", seconds(o.Wall), seconds(o.CPU), mebibytes(o.Memory))
	if err := sameRecords(made, want); err != nil {
		return o, err
	}
	return o, made.drop()
}

// sameRecords is an error unless the records of two bundles have one digest.
func sameRecords(got, want *bundle) error {
	a, err := got.records()
	if err != nil {
		return err
	}
	b, err := want.records()
	if err != nil {
		return err
	}
	if a != b {
		return fmt.Errorf("the records of %s have the digest %s, want %s", filepath.Base(got.path), a, b)
	}
	return nil
}

// records is the digest of all records, as the bundle's meta has it.
func (b *bundle) records() (string, error) {
	text, err := os.ReadFile(filepath.Join(b.path, "bundle-meta.json"))
	if err != nil {
		return "", fmt.Errorf("read meta: %w", err)
	}
	var meta struct {
		Keepsake struct {
			Files []struct{ Path, Records string }
		}
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return "", fmt.Errorf("read meta: %w", err)
	}
	for _, f := range meta.Keepsake.Files {
		if filepath.Base(f.Path) == filepath.Base(b.payload) && f.Records != "" {
			return f.Records, nil
		}
	}
	return "", fmt.Errorf("the meta has no digest of %s", filepath.Base(b.payload))
}

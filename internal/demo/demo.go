// Package demo makes a sample memory in a folder of its own, loses it, and
// compares what came back record by record. It destroys only what is in a folder
// that it made, and only with a permit.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
)

// seed makes every demo's memory the same.
const seed = 20261122

// The names in a demo's folder.
const (
	ConfigFile = "keepsake.yaml"
	memoryDir  = "memory"
	backupsDir = "backups"
	vectorFile = "collections.sqlite3"
)

const configText = `# Made by keepsake demo. A memory without a server: its vectors are in one file.
preset: neo
data-dir: memory
backup-root: backups
topology: unified
stores:
  kb: collections:memory/collections.sqlite3
  mc: collections:memory/collections.sqlite3
`

// Folder is a demo's folder.
type Folder struct {
	dir string
	now func() time.Time
}

// At returns the demo's folder dir, an absolute path, without looking at it.
func At(dir string, now func() time.Time) Folder { return Folder{dir, now} }

// Config is the path of the demo's configuration.
func (f Folder) Config() string { return filepath.Join(f.dir, ConfigFile) }

// Audit is the path of the log of what was allowed to be destroyed here.
func (f Folder) Audit() string { return filepath.Join(f.dir, ".keepsake-audit.log") }

// Target is the folder as the guard sees it.
func (f Folder) Target(ctx context.Context) guard.Target {
	return guard.DemoTarget(ctx, f.dir)
}

// Create makes the folder and marks it as the demo's. fs.ErrExist when there is
// something of that name: it then needs a permit to be reset.
func (f Folder) Create() error {
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		return fmt.Errorf("make demo folder: %w", err)
	}
	if err := guard.MarkFolder(f.dir); err != nil {
		return errors.Join(err, os.Remove(f.dir))
	}
	return nil
}

// Reset empties the folder of an earlier demo.
func (f Folder) Reset(ctx context.Context, permit guard.Permit) error {
	return errors.Join(f.remove(ctx, permit, memoryDir), f.remove(ctx, permit, backupsDir), f.remove(ctx, permit, ConfigFile))
}

// Lose destroys the demo's memory, and not its bundles.
func (f Folder) Lose(ctx context.Context, permit guard.Permit) error {
	return f.remove(ctx, permit, memoryDir)
}

func (f Folder) remove(ctx context.Context, permit guard.Permit, name string) error {
	if err := permit.Covers(guard.DemoReset, f.Target(ctx).Locator()); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return os.RemoveAll(filepath.Join(f.dir, name))
}

// Fill writes the configuration and the sample memory, and returns its records.
func (f Folder) Fill(ctx context.Context) (int64, error) {
	if err := os.WriteFile(f.Config(), []byte(configText), 0o600); err != nil {
		return 0, fmt.Errorf("write configuration: %w", err)
	}
	for _, dir := range []string{"sqlite", "concepts", filepath.Join("datasets", "rlaif")} {
		if err := os.MkdirAll(filepath.Join(f.dir, memoryDir, dir), 0o700); err != nil {
			return 0, fmt.Errorf("make memory: %w", err)
		}
	}
	var total int64
	for _, spec := range sample.Sections() {
		records := sample.Records(spec.Name, int(spec.Rows), sample.Dimension, seed)
		result, err := f.store(spec.Name).Merge(ctx, spec, records, store.MergeOptions{})
		if err != nil {
			return total, fmt.Errorf("make %s: %w", spec.Name, err)
		}
		if result.Added != spec.Rows {
			return total, fmt.Errorf("make %s: %d of %d records were written", spec.Name, result.Added, spec.Rows)
		}
		total += result.Added
	}
	return total, nil
}

// Filled reports whether the folder holds a memory.
func (f Folder) Filled() bool {
	_, err := os.Stat(filepath.Join(f.dir, memoryDir))
	return !errors.Is(err, fs.ErrNotExist)
}

type readWriter interface {
	store.Store
	store.Target
}

// store is where a section of the demo's memory lives, as its configuration says.
func (f Folder) store(section memory.Section) readWriter {
	dir := filepath.Join(f.dir, memoryDir)
	switch section.Subsystem() {
	case memory.KB, memory.MC:
		return collections.New(collections.Config{Path: filepath.Join(dir, vectorFile), Collections: names(), Now: f.now})
	case memory.GraphSystem:
		return graph.New(graph.Config{Path: filepath.Join(dir, "sqlite", "memory-core-graph.sqlite"), Now: f.now})
	}
	return flat.New(flat.Config{Now: f.now, Sources: []flat.Source{
		{Subsystem: memory.Concepts, Path: filepath.Join(dir, "concepts"), Keyed: true},
		{Subsystem: memory.Trajectories, Name: memory.TrajectoryLog.Name(), Path: filepath.Join(dir, "datasets", "rlaif", "trajectories.jsonl")},
		{Subsystem: memory.Mailbox, Name: memory.MailboxSentToCull.Name(), Path: filepath.Join(dir, "sqlite", "sent-to-cull.jsonl")},
	}})
}

func names() map[memory.Section]string {
	out := map[memory.Section]string{}
	for _, spec := range sample.Sections() {
		if spec.Collection != nil {
			out[spec.Name] = spec.Collection.Name
		}
	}
	return out
}

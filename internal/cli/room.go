package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keepsake/internal/bundle"
)

// roomFor refuses what would not fit on the disk of dir, by its estimate. A disk
// that doesn't say how much is free is no reason: the write itself will.
func roomFor(dir string, need int64, what, hint string) error {
	dir = existing(dir)
	disk, err := diskOf(dir)
	if err != nil || disk.Free >= need {
		return nil
	}
	return fail(exitNoRoom, fmt.Errorf("no room for %s, nothing was written: it needs about %s, and %s are free on the disk of %s",
		what, size(need), size(disk.Free), dir), hint)
}

// roomForBackup goes by the last bundle: the next one will be about as large.
func (m *memoryAt) roomForBackup(f backupFlags) error {
	return roomFor(m.root(), m.lastSize(f), "a bundle",
		"make room there, or put the backup root elsewhere; keepsake prune --dry-run shows what may go")
}

// lastSize is what the newest bundle takes up of what a backup is asked for, 0
// when there is none that is like it.
func (m *memoryAt) lastSize(f backupFlags) int64 {
	c, err := bundle.List(m.root())
	if err != nil {
		return 0 // the backup makes it
	}
	id, _ := m.memoryID() // unknown is like any
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.Sealed || e.Meta.Keepsake.Reason != bundle.ReasonBackup || id != "" && e.Meta.Keepsake.MemoryID != id {
			continue
		}
		if n := sizeLike(e, f); n > 0 {
			return n
		}
	}
	return 0
}

// sizeLike adds up the payloads of a bundle that were asked for, and are
// compressed as was asked for.
func sizeLike(e *bundle.Entry, f backupFlags) (n int64) {
	for _, file := range e.Meta.Keepsake.Files {
		zstd := strings.HasSuffix(file.Path, string(bundle.Zstd))
		if f.compress != "" && zstd != (f.compress == "zstd") || !selected(file.Path, f.only) {
			continue
		}
		n += file.Bytes
	}
	return n
}

// selected reports whether a payload is of what --only selects.
func selected(path string, only []string) bool {
	for _, selector := range only {
		if rest, ok := strings.CutPrefix(path, selector); ok && strings.ContainsAny(rest[:min(1, len(rest))], "/-.") {
			return true
		}
	}
	return len(only) == 0
}

// existing returns the deepest folder of a path that is there.
func existing(path string) string {
	for {
		_, err := os.Stat(path)
		if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
			path = parent
			continue
		}
		return path
	}
}

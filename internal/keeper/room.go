package keeper

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

// roomFor refuses what would not fit on the disk of dir, by its estimate. A disk
// that doesn't say how much is free is no reason: the write itself will.
func roomFor(dir string, need int64, what, code string) error {
	dir = existing(dir)
	disk, err := diskOf(dir)
	if err != nil || disk.Free >= need {
		return nil
	}
	return fail(NoRoom, code, fmt.Errorf("no room for %s, nothing was written: it needs about %s, and %s are free on the disk of %s",
		what, quantity.Size(need), quantity.Size(disk.Free), dir))
}

// room tells of the disk that a path is on, or the deepest part of it that is
// there; for "", of that of the backup root.
func (m *Memory) room(path string) (restore.Disk, error) {
	return diskOf(existing(cmp.Or(path, m.Root())))
}

// roomForBackup goes by the last bundle: the next one will be about as large.
func (m *Memory) roomForBackup(b Backup) error { return m.roomFor(b, m.lastSize(b)) }

// roomFor refuses a bundle of so many bytes that would not fit. A run that publishes
// has its copies in the backup root as well.
func (m *Memory) roomFor(b Backup, bytes int64) error {
	return roomFor(m.Root(), bytes+m.copies(b.Only), "a bundle", "no-room-for-bundle")
}

// lastSize is what the newest bundle takes up of what a backup is asked for, 0
// when there is none that is like it.
func (m *Memory) lastSize(b Backup) int64 {
	c, err := m.Catalog()
	if err != nil {
		return 0 // the backup makes it
	}
	id, _ := m.memoryID() // unknown is like any
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.Sealed || e.Meta.Keepsake.Reason != bundle.ReasonBackup || id != "" && e.MemoryID() != id {
			continue
		}
		if n := sizeLike(e, b); n > 0 {
			return n
		}
	}
	return 0
}

// copies is about what the copies take up of the directories and databases that are
// read, of what is selected.
func (m *Memory) copies(only []string) (bytes int64) {
	seen := map[string]bool{}
	wanted := func(s memory.Section) bool {
		return len(only) == 0 || slices.ContainsFunc(only, func(o string) bool { return s.Matches(o) || strings.HasPrefix(o, string(s)+"/") })
	}
	for _, d := range m.cfg.Declared {
		at := d.Directory.V
		if isDatabase := d.Store.V.Kind == memory.KindSQLite; isDatabase && d.Store.V.Pattern != "" {
			bytes += largestCopy(d, wanted)
		} else if isDatabase {
			at = d.Store.V.Path
		}
		named := func(n config.Named) bool { return wanted(n.Section) }
		if at != "" && !seen[at] && (slices.ContainsFunc(d.Named, named) || len(d.Named) == 0 && wanted(memory.Section(d.Name))) {
			seen[at] = true
			bytes += treeBytes(at)
		}
	}
	return bytes
}

// largestCopy is what the largest of the databases takes up that a pattern means: they
// are copied one after the other.
func largestCopy(d config.Declared, wanted func(memory.Section) bool) (bytes int64) {
	at := d.Store.V
	names, _ := pattern.Pattern{Glob: at.Pattern, Exclude: d.Exclude}.List(at.Path) // it is an estimate
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(at.Path, name)); err == nil && wanted(memory.Section(string(d.Name)+"/"+name)) {
			bytes = max(bytes, info.Size())
		}
	}
	return bytes
}

// treeBytes adds up the files below a folder, or the one file; what can't be looked at counts nothing.
func treeBytes(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // it is an estimate
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// sizeLike adds up the payloads of a bundle that were asked for, and are
// compressed as was asked for.
func sizeLike(e *catalog.Entry, b Backup) (n int64) {
	for _, file := range e.Meta.Keepsake.Files {
		zstd := strings.HasSuffix(file.Path, string(bundle.Zstd))
		if b.Compress != "" && zstd != (b.Compress == Zstd) || !selected(file.Path, b.Only) {
			continue
		}
		n += file.Bytes
	}
	return n
}

// selected reports whether a payload is of what is selected.
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

package cli

import (
	"os"
	"time"

	"keepsake/internal/catalog"
)

// warnLegacy speaks of files that are left out on purpose, and loudly of one
// that somebody still writes to: then leaving it out loses something.
func (a *app) warnLegacy(m *memoryAt) {
	last := lastBundle(m.root())
	for _, e := range m.cfg.Excluded() {
		written, ok := lastWrite(e.Path)
		switch {
		case !ok:
		case !last.IsZero() && written.After(last):
			a.warn("%s IS NOT BACKED UP and was written to since the last bundle: %s", e.Path, e.Reason)
		case last.IsZero():
			a.warn("%s is not backed up: %s", e.Path, e.Reason)
		}
	}
}

// lastWrite returns when a database was written to: with WAL, its file may be
// old and its log new. It is false for what is no file.
func lastWrite(path string) (time.Time, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return time.Time{}, false
	}
	written := info.ModTime()
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 && wal.ModTime().After(written) {
		written = wal.ModTime()
	}
	return written, true
}

// lastBundle returns the time of the newest bundle, zero when there is none.
func lastBundle(root string) time.Time {
	c, err := catalog.List(root)
	if err != nil {
		return time.Time{}
	}
	var last time.Time
	for _, e := range c.Bundles {
		if e.Time.After(last) {
			last = e.Time
		}
	}
	return last
}

package keeper

import (
	"os"
	"time"

	"keepsake/internal/catalog"

	"keepsake/internal/config"
)

// Legacy is a file that is left out on purpose.
type Legacy struct {
	config.Excluded

	// Written says that somebody wrote to it since the last bundle: then leaving it
	// out loses something.
	Written bool
	// First says that there is no bundle yet.
	First bool
}

// Legacy lists the files that are left out on purpose and are there.
func (m *Memory) Legacy() (all []Legacy) {
	last := lastBundle(m.Root())
	for _, e := range m.cfg.Excluded() {
		if written, ok := lastWrite(e.Path); ok {
			all = append(all, Legacy{e, !last.IsZero() && written.After(last), last.IsZero()})
		}
	}
	return all
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

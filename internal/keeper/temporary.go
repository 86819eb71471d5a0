package keeper

import (
	"fmt"
	"os"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
)

// temporary is a folder for the copies that a run reads from, gone with its end. A
// run that holds the backup root has it there, where there is room for a bundle;
// what only looks has it where the system has its temporary files.
func (m *Memory) temporary() (dir string, err error) {
	if m.temp.dir != "" {
		return m.temp.dir, nil
	}
	if m.temp.inRoot {
		scratch, err := catalog.MakeScratch(m.bundleOptions())
		if err != nil {
			return "", err
		}
		m.temp.dir, m.temp.remove = scratch.Dir(), scratch.Remove
		return m.temp.dir, nil
	}
	if dir, err = os.MkdirTemp("", "keepsake-"); err != nil {
		return "", fmt.Errorf("make folder for copies: %w", err)
	}
	m.temp.dir, m.temp.remove = dir, func() error { return os.RemoveAll(dir) }
	return dir, roomFor(dir, m.copies(nil), "the copies of what is read", "no-room-for-copies")
}

// temporary files of a run.
type temporary struct {
	inRoot bool   // the run holds the backup root alone
	dir    string // "" when there is none
	remove func() error
}

// bundleOptions are those of a bundle in the backup root.
func (m *Memory) bundleOptions() bundle.Options {
	return bundle.Options{Root: m.Root(), FS: m.opts.FS, Now: m.opts.Now(), Tool: m.opts.Tool, Owner: m.opts.Me}
}

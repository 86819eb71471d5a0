package keeper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/quantity"
)

// rootFolder looks at the folder of the bundles, and at the disk that it is on.
func (d *doctor) rootFolder(context.Context) {
	const name = "backup root"
	if d.Root() == "" {
		d.say(Problem, name, do("name-backup-root"), "there is none to look at")
		return
	}
	switch err := d.listing; {
	case errors.Is(err, bundle.ErrNotFound):
		d.say(Warning, name, do("first-backup"), "%s is not there: there was no backup yet", d.Root())
	case err != nil:
		d.say(Problem, name, nil, "%v", err)
	default:
		d.fine(name, "%s, %s", d.Root(), quantity.Plural(int64(len(d.catalog.Bundles)), "bundle"))
	}
	d.disk()
	d.workTree()
	d.room()
	d.residue()
}

// disk says whether the bundles would be lost with the data.
func (d *doctor) disk() {
	const name = "disk"
	data, dataErr := diskOf(existing(d.cfg.DataDir.V))
	root, err := diskOf(existing(d.Root()))
	switch {
	case d.cfg.DataDir.V == "":
	case err != nil || dataErr != nil:
		d.say(Note, name, nil, "which disk the bundles are on can't be found out: %v", errors.Join(err, dataErr))
	case data.ID == root.ID:
		d.say(Warning, name, do("root-elsewhere"), "the bundles are on the disk of the data: who loses it loses both")
		d.accept(config.AcceptSameDisk)
	default:
		d.fine(name, "the bundles are on another disk than the data")
	}
}

// workTree says whether a git may take the bundles for files of its own: clean
// deletes them, add commits them.
func (d *doctor) workTree() {
	const name = "work tree"
	if tree := workTreeOf(d.Root()); tree != "" {
		d.say(Warning, name, do("work-tree"),
			"the bundles are inside the git work tree %s", tree)
		d.accept(config.AcceptWorkTree)
		return
	}
	d.fine(name, "the bundles are in none")
}

// workTreeOf returns the git work tree that a path is in, "" when it is in none.
func workTreeOf(path string) string {
	path = existing(path)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	for {
		if _, err := os.Lstat(filepath.Join(path, ".git")); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return ""
		}
		path = parent
	}
}

// room compares what is free with two bundles like the newest.
func (d *doctor) room() {
	const name = "room"
	need := d.lastSize(Backup{})
	disk, err := diskOf(existing(d.Root()))
	free := disk.Free
	switch {
	case err != nil:
		d.say(Note, name, nil, "how much room there is can't be found out: %v", err)
	case need == 0:
		d.fine(name, "%s are free; there is no bundle to compare it with", quantity.Size(free))
	case free < need:
		d.say(Problem, name, do("little-room"), "%s are free, and the next bundle needs about %s", quantity.Size(free), quantity.Size(need))
	case free < 2*need:
		d.say(Warning, name, do("little-room"), "%s are free: enough for one bundle of about %s, not for two", quantity.Size(free), quantity.Size(need))
		d.accept(config.AcceptLittleRoom)
	default:
		d.fine(name, "%s are free, the next bundle needs about %s", quantity.Size(free), quantity.Size(need))
	}
}

// residue looks for what killed runs left. The next run removes it, so that what
// is a day old says that there was none.
func (d *doctor) residue() {
	const name = "residue"
	if d.catalog == nil {
		return
	}
	left := append(append([]string{}, d.catalog.Partials...), d.catalog.Trash...)
	for _, entry := range left {
		h, what := Note, "a run is at work, or was killed"
		if d.now.Sub(stampOf(entry)) > 24*time.Hour {
			h, what = Warning, "left by a run that was killed"
		}
		d.say(h, name, do("residue"), "%s: %s", entry, what)
	}
	if len(left) == 0 {
		d.fine(name, "none")
	}
}

// stampOf is the time in the name of a partial or of trash, zero without one.
func stampOf(name string) time.Time {
	for _, prefix := range []string{bundle.PartialPrefix, bundle.TrashPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			stamp, _, _ := cutLast(rest, "-")
			t, _ := bundle.ParseTimestamp(stamp) // what isn't ours is as old as can be
			return t
		}
	}
	return time.Time{}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

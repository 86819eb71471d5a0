package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Catalog is what lies in a backup root.
type Catalog struct {
	Root string
	// Bundles are newest first: by sequence, then by timestamp. Those without a
	// sequence come after all that have one.
	Bundles  []Entry
	Partials []string // names of bundles that are being written, or were
	Trash    []string // names of bundles that are being deleted, or were
	Others   []string // names that aren't ours; nothing ever touches them
}

// Entry is one bundle of a catalog. Its payload has not been looked at.
type Entry struct {
	Name   string
	Path   string
	Time   time.Time // of the name
	Meta   *Meta     // nil when there is none or Err says why
	Sealed bool
	Err    error // what is wrong with the meta, nil when it is only absent
}

// PassedOver is a bundle that would have been chosen, were it good.
type PassedOver struct {
	Entry Entry
	Why   string
}

// List reads the metas of the bundles in a backup root. ErrNotFound when there
// is no such directory. A bundle whose meta can't be read is listed with its
// error.
func List(root string) (*Catalog, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	entries, err := os.ReadDir(abs)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: no directory %s", ErrNotFound, root)
	}
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	c := &Catalog{Root: abs}
	for _, e := range entries {
		c.add(e)
	}
	slices.SortStableFunc(c.Bundles, newestFirst)
	return c, nil
}

func (c *Catalog) add(e fs.DirEntry) {
	name := e.Name()
	t, err := ParseName(name)
	switch {
	case err == nil && e.IsDir():
		c.Bundles = append(c.Bundles, newEntry(filepath.Join(c.Root, name), t))
	case strings.HasPrefix(name, PartialPrefix):
		c.Partials = append(c.Partials, name)
	case strings.HasPrefix(name, TrashPrefix):
		c.Trash = append(c.Trash, name)
	case !strings.HasPrefix(name, "."): // a lock, a log: ours or nobody's business
		c.Others = append(c.Others, name)
	}
}

func newEntry(path string, t time.Time) Entry {
	e := Entry{Name: filepath.Base(path), Path: path, Time: t}
	b := &Bundle{path: path, limits: Limits{}.orDefaults()}
	root, err := os.OpenRoot(path)
	if err != nil {
		e.Err = err
		return e
	}
	defer root.Close()
	if err := b.readMeta(root); err != nil {
		e.Err = err
		return e
	}
	e.Meta, e.Sealed = b.meta, b.Sealed()
	e.Err = errors.Join(b.metaErr, b.sealErr)
	return e
}

func newestFirst(a, b Entry) int {
	return cmp.Or(-cmp.Compare(a.sequence(), b.sequence()), -a.Time.Compare(b.Time))
}

// sequence returns the bundle's sequence, -1 when it has none.
func (e *Entry) sequence() int64 {
	if e.Meta == nil || e.Meta.Keepsake == nil {
		return -1
	}
	return e.Meta.Keepsake.Sequence
}

// Fault says why a bundle isn't good, "" when it is: sealed, complete, and its
// files there in their sizes.
func (e *Entry) Fault() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Meta == nil:
		return "has no " + MetaFile
	case !e.Sealed:
		return "was not made by keepsake and has no hashes"
	case e.Meta.Keepsake.Status != Complete:
		return "is " + string(e.Meta.Keepsake.Status)
	}
	for _, f := range e.Meta.Keepsake.Files {
		info, err := os.Lstat(filepath.Join(e.Path, filepath.FromSlash(f.Path)))
		switch {
		case err != nil:
			return f.Path + " is missing"
		case !info.Mode().IsRegular() || info.Size() != f.Bytes:
			return f.Path + " has not the size that the meta says"
		}
	}
	return ""
}

// candidate reports whether a bundle may be the latest of a memory: it is, or
// may be, a backup of it. An empty memoryID stands for any memory.
func (e *Entry) candidate(memoryID string) bool {
	if e.Meta == nil || e.Meta.Keepsake == nil {
		return true // a backup whose meta is gone looks like this, and has to be mentioned
	}
	k := e.Meta.Keepsake
	return k.Reason == ReasonBackup && (memoryID == "" || k.MemoryID == memoryID)
}

// Latest returns the newest good bundle of a memory, and those newer than it
// that were passed over. ErrNotFound when none is good; all candidates are then
// passed over. A safety bundle is never the latest.
func (c *Catalog) Latest(memoryID string) (Entry, []PassedOver, error) {
	return c.newest(func(e *Entry) bool { return e.candidate(memoryID) })
}

// At is Latest as it was at a time: no bundle with a later timestamp counts.
func (c *Catalog) At(memoryID string, t time.Time) (Entry, []PassedOver, error) {
	return c.newest(func(e *Entry) bool { return e.candidate(memoryID) && !e.Time.After(t) })
}

func (c *Catalog) newest(wanted func(*Entry) bool) (Entry, []PassedOver, error) {
	var passed []PassedOver
	var best *Entry
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !wanted(e) {
			continue
		}
		// Without a sequence only the clock can say whether it is newer.
		if best != nil && (e.sequence() >= 0 || !e.Time.After(best.Time)) {
			continue
		}
		why := e.Fault()
		switch {
		case why != "":
			passed = append(passed, PassedOver{*e, why})
		case best == nil:
			best = e
		}
	}
	if best == nil {
		return Entry{}, passed, fmt.Errorf("%w that is good in %s", ErrNotFound, c.Root)
	}
	return *best, passed, nil
}

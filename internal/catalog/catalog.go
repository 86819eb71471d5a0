// Package catalog is the backup root: which bundles lie there, which is the
// latest, what is noted of each, and what goes. It knows a bundle by its meta, and
// looks into no payload. DESIGN.md beside it says what lies there, and in which
// order a bundle goes.
package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
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
	Time   time.Time    // of the name
	Meta   *bundle.Meta // nil when there is none or Err says why
	Sealed bool
	Err    error // what is wrong with the meta, nil when it is only absent
	// Notes are what is known beside it; NotesErr says why they can't be read.
	Notes    Notes
	NotesErr error

	// Odd says why the bundle is not where its sequence would put it, "" where it is.
	Odd string

	of       string            // whose it is as the catalog's owner sees it; "" before For
	position int64             // among the bundles of its memory
	partial  bool              // it is of a part of its memory
	misfits  map[string]string // what is wrong with files, by path; nil before a look
}

// PassedOver is a bundle that would have been chosen, were it good.
type PassedOver struct {
	Entry Entry
	Why   string
}

// List reads the metas of the bundles in a backup root. bundle.ErrNotFound when there
// is no such directory. A bundle whose meta can't be read is listed with its
// error.
func List(root string) (*Catalog, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	entries, err := os.ReadDir(abs)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: no directory %s", bundle.ErrNotFound, root)
	}
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	c := &Catalog{Root: abs}
	notes := make(map[string]bool)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), notesPrefix) {
			notes[e.Name()] = true
		}
		c.add(e)
	}
	c.readAll(notes)
	c.believe()
	slices.SortStableFunc(c.Bundles, newestFirst)
	c.findPartial()
	return c, nil
}

func (c *Catalog) add(e fs.DirEntry) {
	name := e.Name()
	t, err := bundle.ParseName(name)
	switch {
	case err == nil && e.IsDir():
		c.Bundles = append(c.Bundles, Entry{Name: name, Path: filepath.Join(c.Root, name), Time: t})
	case strings.HasPrefix(name, bundle.PartialPrefix):
		c.Partials = append(c.Partials, name)
	case strings.HasPrefix(name, bundle.TrashPrefix):
		c.Trash = append(c.Trash, name)
	case !strings.HasPrefix(name, "."): // a lock, a log: ours or nobody's business
		c.Others = append(c.Others, name)
	}
}

// readAll reads metas and notes, on all processors: there may be a thousand.
func (c *Catalog) readAll(notes map[string]bool) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(c.Bundles)) {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(len(c.Bundles)); i = next.Add(1) {
				e := &c.Bundles[i-1]
				e.Meta, e.Sealed, e.Err = bundle.ReadMeta(e.Path)
				e.readNotes(c.Root, notes)
			}
		})
	}
	workers.Wait()
}

// readNotes looks only for files that are there: most bundles have none.
func (e *Entry) readNotes(root string, there map[string]bool) {
	if there[notesName(e.Name)] {
		e.Notes, e.NotesErr = LoadNotes(root, e.Name)
	}
}

func newestFirst(a, b Entry) int {
	return cmp.Or(-cmp.Compare(a.Sequence(), b.Sequence()), -a.Time.Compare(b.Time))
}

// Unreadable says why nothing can be said of the bundle, "" when it can be
// judged: its meta can't be read or believed, or its notes can't.
func (e *Entry) Unreadable() string {
	if err := errors.Join(e.Err, e.NotesErr); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return ""
}

// Fault says why a bundle isn't good, "" when it is: sealed, complete, no failed
// verification on record, and its files there in their sizes.
func (e *Entry) Fault() string {
	switch why := e.Unreadable(); {
	case why != "":
		return why
	case e.Meta == nil:
		return "has no " + bundle.MetaFile
	case !e.Sealed:
		return "was not made by keepsake and has no hashes"
	case e.InDoubt():
		return "it was not settled whose memory it is: it may be " + e.Meta.Keepsake.MaybeSameAs
	case e.Meta.Keepsake.Status != bundle.Complete:
		return "is " + string(e.Meta.Keepsake.Status)
	}
	if v := e.Notes.Failed(); v != nil {
		return fmt.Sprintf("did not verify (%s, %s)", v.Level, v.At.UTC().Format(time.RFC3339))
	}
	return e.SizeFault()
}

// Wanted says which bundle is looked for. The zero Wanted is the newest good one
// of any memory.
type Wanted struct {
	Memory   string    // "" stands for any
	NotAfter time.Time // no bundle with a later timestamp counts; zero is no limit
	// SkipUnreadable goes on past a newer bundle that can't be read.
	SkipUnreadable bool
	// Except are bundles that are known not to be good, by name, and why.
	Except map[string]string
	// Bad are the units of a bundle that are known not to be good, by its name, and
	// why.
	Bad map[string]map[memory.Unit]string
	// Selected says which sections are wanted; nil wants all. Named says which of them
	// somebody named: they are wanted though they are gone, or have ended.
	Selected, Named func(memory.Section) bool
}

// admits reports whether a bundle may be the one: it is, or may be, a backup of
// the memory.
func (w Wanted) admits(e *Entry) bool {
	if !w.NotAfter.IsZero() && e.Time.After(w.NotAfter) {
		return false
	}
	if !e.Sealed {
		return true // a backup whose meta is gone looks like this, and has to be mentioned
	}
	return e.Meta.Keepsake.Reason == bundle.ReasonBackup && (w.Memory == "" || e.MemoryID() == w.Memory)
}

// ErrUnreadable says that a newer bundle can't be read, so that nobody can say
// which is the latest.
var ErrUnreadable = errors.New("a newer bundle cannot be read")

// Latest returns the newest good bundle that is wanted, and those newer than it
// that were passed over. One of a part of the memory is only taken where there is none
// of all of it. bundle.ErrNotFound when none is good; all candidates are then
// passed over. ErrUnreadable when one of those passed over can't be read; the
// entry is then the one that SkipUnreadable would take. A safety bundle is never
// the latest.
func (c *Catalog) Latest(w Wanted) (Entry, []PassedOver, error) {
	best, passed := c.newest(w, false)
	if best == nil {
		best, passed = c.newest(w, true)
	}
	if best == nil {
		return Entry{}, passed, fmt.Errorf("%w that is good in %s", bundle.ErrNotFound, c.Root)
	}
	for _, p := range passed {
		if !w.SkipUnreadable && p.Entry.Unreadable() != "" {
			return *best, passed, fmt.Errorf("%w: %s: %s", ErrUnreadable, p.Entry.Name, p.Why)
		}
	}
	return *best, passed, nil
}

func (c *Catalog) newest(w Wanted, partial bool) (*Entry, []PassedOver) {
	var passed []PassedOver
	var best *Entry
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !w.admits(e) {
			continue
		}
		// Without a sequence only the clock can say whether it is newer.
		if best != nil && (e.Sequence() >= 0 || !e.Time.After(best.Time)) {
			continue
		}
		why := cmp.Or(e.Fault(), w.Except[e.Name])
		if why == "" && e.partial && !partial {
			why = "is of a part of the memory"
		}
		switch {
		case why != "":
			passed = append(passed, PassedOver{*e, why})
		case best == nil:
			best = e
		}
	}
	return best, passed
}

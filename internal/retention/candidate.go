package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why a bundle was made, as its meta spells it.
const (
	Backup     = "backup"
	PreRestore = "pre-restore"
	Rescue     = "rescue"
)

// What a bundle says of itself in its meta.
const (
	Complete = "complete"
	Degraded = "degraded"
)

// What the newest verification on record came to. The zero value is a bundle
// that was never verified, which doesn't speak against it.
const (
	VerifiedNever = ""
	VerifiedGood  = "ok"
	VerifiedBad   = "failed"
)

// Candidate is one entry of a backup root, as whoever looked at it saw it. The
// zero Candidate stays. What could not be seen is Unreadable, never a zero value.
type Candidate struct {
	Name string // of the directory, without a path
	// Unreadable says why the meta could not be read, or is not to be believed:
	// absent, torn, its seal wrong. "" when it was read.
	Unreadable string
	Sealed     bool   // made by keepsake, and the seal is right
	Timestamp  string // of the meta, as it is spelled there
	MemoryID   string
	Sequence   int64 // grows by one with each bundle of a memory
	Reason     string
	Status     string
	// SizesRight says that all files are there, in the sizes of the meta.
	SizesRight bool
	// Units are those that the bundle says something of, by name: of collections,
	// graphs and databases "subsystem/name", of files the subsystem.
	Units map[string]Unit
	// Covers are the subsystems of which all was backed up that there was: what the
	// bundle has not of them had gone.
	Covers []string
	// Ended are the units of which somebody has said, with this bundle or one before,
	// that they have ended.
	Ended    []string
	Verified string
	Pinned   bool
	// Needed says what can't do without the bundle now, such as a restore that
	// isn't finished. "" when nothing needs it.
	Needed string
	Bytes  int64
}

// Unit is one unit of a bundle. It is good when it was read whole and isn't suspect,
// its files have their sizes and its last verification found nothing in it, whatever
// became of the bundle's others.
type Unit struct {
	Good bool
	Rows int64
	// Matched says that nobody named it: only a pattern meant it.
	Matched bool
}

// fault says why a bundle can't be relied on as a whole, "" when it can.
func (c *Candidate) fault() string {
	switch {
	case !c.SizesRight:
		return "its files are not those that its meta says"
	case c.Verified == VerifiedBad:
		return "its last verification failed"
	case c.Verified != VerifiedNever && c.Verified != VerifiedGood:
		return fmt.Sprintf("the record of its verification says %.20q", c.Verified)
	case c.Status != Complete:
		return "it is " + c.Status
	}
	return ""
}

// bad are the units of a bundle that aren't good, in order.
func (c *Candidate) bad() (names []string) {
	for name, u := range c.Units {
		if !u.Good {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// whole reports whether all that the bundle holds is good.
func (c *Candidate) whole() bool {
	if c.fault() != "" {
		return false
	}
	for _, u := range c.Units {
		if !u.Good {
			return false
		}
	}
	return true
}

const (
	prefix = "backup-"
	layout = "2006-01-02T15-04-05.000Z"
)

// parseName returns the stamp in a bundle's name. It takes only what bundles are
// called, to the letter: "backup-1", "backup-2019" and
// "backup-before-migration-3" were once taken for dates, and deleted.
func parseName(name string) (time.Time, bool) {
	stamp, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, stamp)
	// Parse alone would take a comma for the point.
	return t, err == nil && t.Format(layout) == stamp
}

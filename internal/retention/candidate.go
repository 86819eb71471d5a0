package retention

import (
	"fmt"
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
	// Subsystems are those that the bundle holds, by name.
	Subsystems map[string]Subsystem
	Verified   string
	Pinned     bool
	// Needed says what can't do without the bundle now, such as a restore that
	// isn't finished. "" when nothing needs it.
	Needed string
	Bytes  int64
}

// Subsystem is one subsystem of a bundle. It is good when each of its sections
// was read whole and none is suspect, whatever became of the bundle's others.
type Subsystem struct {
	Good bool
	Rows int64
}

// fault says why a bundle can't be relied on in any of its subsystems, "" when
// it can.
func (c *Candidate) fault() string {
	switch {
	case !c.SizesRight:
		return "its files are not those that its meta says"
	case c.Verified == VerifiedBad:
		return "its last verification failed"
	case c.Verified != VerifiedNever && c.Verified != VerifiedGood:
		return fmt.Sprintf("the record of its verification says %.20q", c.Verified)
	}
	return ""
}

// noSlot says why a bundle takes none of the slots of good ones, "" when it
// does.
func (c *Candidate) noSlot() string {
	if why := c.fault(); why != "" {
		return why
	}
	if c.Status != Complete {
		return "it is " + c.Status
	}
	return ""
}

// whole reports whether all that the bundle holds is good.
func (c *Candidate) whole() bool {
	for _, s := range c.Subsystems {
		if !s.Good {
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

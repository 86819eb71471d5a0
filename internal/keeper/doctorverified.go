package keeper

import (
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// verifyEvery is how often a bundle should be read again: disks forget.
const verifyEvery = 8 * 24 * time.Hour

// verified looks for the last time that a bundle of the memory was read again. One
// that is younger than that was read back when it was made.
func (d *doctor) verified() {
	const name = "verified"
	var last, oldest time.Time
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		if !e.Sealed || e.Meta.Keepsake.Reason != bundle.ReasonBackup || d.id != "" && e.MemoryID() != d.id {
			continue
		}
		if oldest.IsZero() || e.Time.Before(oldest) {
			oldest = e.Time
		}
		for _, v := range e.Notes.Verifications {
			if v.At.After(last) {
				last = v.At
			}
		}
	}
	switch {
	case !last.IsZero() && d.now.Sub(last) <= verifyEvery:
		d.fine(name, "a bundle was verified %s ago", quantity.Age(d.now.Sub(last)))
	case d.now.Sub(oldest) <= verifyEvery:
		d.say(Note, name, do("verify"), "no bundle was verified since it was made")
	case last.IsZero():
		d.say(Warning, name, do("verify"), "no bundle was ever verified since it was made")
	default:
		d.say(Warning, name, do("verify"), "the last time that a bundle was verified is %s ago", quantity.Age(d.now.Sub(last)))
	}
	d.accept(config.AcceptNotVerified)
}

// faults says which units aren't good, the first few in words.
func faults(units []catalog.UnitState) string {
	const shown = 3
	var all []string
	for _, u := range units {
		if !u.Good() {
			all = append(all, string(u.Unit)+" "+why(u))
		}
	}
	if len(all) > shown {
		all = append(all[:shown], quantity.Plural(int64(len(all)-shown), "other"))
	}
	if len(all) == 0 {
		return "it doesn't say of what"
	}
	return strings.Join(all, ", ")
}

// why says in a word what is wrong with a unit.
func why(u catalog.UnitState) string {
	for _, s := range u.Sections {
		switch {
		case s.Lineage.Suspect:
			return "is suspect"
		case s.Failed != "":
			return "could not be read"
		case s.Capture.Salvaged > 0:
			return "has " + quantity.Plural(s.Capture.Salvaged, "row") + " without its vector"
		}
	}
	return strings.TrimPrefix(u.Why, string(u.Unit)+" ")
}

func joined(subs []memory.Subsystem) string {
	words := make([]string, len(subs))
	for i, s := range subs {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

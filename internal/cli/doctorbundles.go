package cli

import (
	"context"
	"time"

	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/retention"
)

// drillEvery is how often a bundle should be restored to see that it can be.
const drillEvery = 30 * 24 * time.Hour

// bundles looks at what there is to restore from.
func (d *doctor) bundles(context.Context) {
	if d.catalog == nil {
		return
	}
	unreadable := 0
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		if why := e.Unreadable(); why != "" {
			unreadable++
			d.say(healthWarning, "unreadable bundle", "keepsake verify "+e.Name+" says more; it is kept, and counts for nothing", "%s: %s", e.Name, why)
		}
	}
	if unreadable == 0 {
		d.say(healthOK, "unreadable bundles", "", "none")
	}
	id, err := d.memoryID()
	if err != nil {
		d.say(healthProblem, "memory", "", "%v", err)
		return
	}
	d.ages(id)
	if err := d.cfg.CheckRetention(); err != nil {
		d.say(healthWarning, "retention", hintOf(configFailure(err)), "no bundle is ever removed: %v", err)
	}
}

// ages compares, for each subsystem, the newest good bundle with doctor.max-age.
func (d *doctor) ages(id string) {
	newest, held := map[memory.Subsystem]*catalog.Entry{}, map[memory.Subsystem]bool{}
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		c := candidate(e)
		for _, sub := range d.subsystems() {
			held[sub] = held[sub] || c.Subsystems[string(sub)].Rows > 0
			if !e.Time.After(d.now) && goodIn(&c, id, sub) && (newest[sub] == nil || e.Time.After(newest[sub].Time)) {
				newest[sub] = e
			}
		}
	}
	for _, sub := range d.subsystems() {
		switch sub {
		case memory.Concepts, memory.Trajectories, memory.Mailbox: // not every memory has them
			if !held[sub] && !d.present[sub] {
				continue
			}
		}
		d.age(sub, newest[sub])
	}
}

// goodIn reports whether a bundle can be relied on for a subsystem.
func goodIn(c *retention.Candidate, id string, sub memory.Subsystem) bool {
	return c.Unreadable == "" && c.Sealed && c.SizesRight && c.Verified != retention.VerifiedBad &&
		c.Reason == retention.Backup && c.Status == retention.Complete &&
		(id == "" || c.MemoryID == id) && c.Subsystems[string(sub)].Good
}

func (d *doctor) age(sub memory.Subsystem, e *catalog.Entry) {
	const hint = "is the daily backup running? keepsake backup makes one now; keepsake list shows what there is"
	name, most := "age of "+string(sub), d.cfg.Doctor.MaxAge.V
	switch {
	case e == nil:
		d.say(healthProblem, name, hint, "there is no good bundle of it")
	case d.now.Sub(e.Time) > most:
		d.say(healthProblem, name, hint, "the newest good bundle is %s old, more than %s: %s", age(d.now.Sub(e.Time)), age(most), e.Name)
	default:
		d.say(healthOK, name, "", "the newest good bundle is %s old: %s", age(d.now.Sub(e.Time)), e.Name)
	}
}

// drills looks for the last time that a bundle was restored to see that it can be.
func (d *doctor) drills(context.Context) {
	const name, hint = "drill", "keepsake verify latest --level restore restores it into a temporary folder"
	if d.catalog == nil {
		return
	}
	var last *catalog.Verification
	var of string
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		for n := range e.Notes.Verifications {
			if v := &e.Notes.Verifications[n]; v.Level == catalog.Drill && (last == nil || v.At.After(last.At)) {
				last, of = v, e.Name
			}
		}
	}
	switch {
	case last == nil:
		d.say(healthNote, name, hint, "no bundle that is here was ever restored in one")
	case !last.OK:
		d.say(healthProblem, name, "keepsake verify "+of+" --level restore says what", "the last one, %s ago, found that %s can't be restored as it was", age(d.now.Sub(last.At)), of)
	case d.now.Sub(last.At) > drillEvery:
		d.say(healthNote, name, hint, "the last one was %s ago", age(d.now.Sub(last.At)))
	default:
		d.say(healthOK, name, "", "%s ago: %s restored in %.1f s", age(d.now.Sub(last.At)), of, last.Seconds)
	}
}

package keeper

import (
	"context"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
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
			d.say(Warning, "unreadable bundle", do("verify-says-more", e.Name), "%s: %s", e.Name, why)
		}
		if e.Odd != "" {
			d.say(Warning, "odd bundle", nil, "%s: %s", e.Name, e.Odd)
		}
	}
	if unreadable == 0 {
		d.fine("unreadable bundles", "none")
	}
	id, err := d.memoryID()
	if err != nil {
		d.say(Problem, "memory", nil, "%v", err)
		return
	}
	d.ages(id)
	if err := d.cfg.CheckRetention(); err != nil {
		d.say(Warning, "retention", err, "no bundle is ever removed: %v", err)
	}
}

// ages compares, for each subsystem, the newest good bundle with doctor.max-age.
func (d *doctor) ages(id string) {
	newest, held := map[memory.Subsystem]*catalog.Entry{}, map[memory.Subsystem]bool{}
	for i := range d.catalog.Bundles {
		e := &d.catalog.Bundles[i]
		for _, sub := range d.subsystems() {
			good, rows := goodIn(e, id, sub)
			held[sub] = held[sub] || rows > 0
			if !e.Time.After(d.now) && good && (newest[sub] == nil || e.Time.After(newest[sub].Time)) {
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

// goodIn reports whether a bundle can be relied on for a subsystem, whatever became of
// its others, and how many rows it holds of it.
func goodIn(e *catalog.Entry, id string, sub memory.Subsystem) (good bool, rows int64) {
	good = true
	parts := 0
	for _, u := range e.Units() {
		if memory.Section(u.Unit).Subsystem() == sub {
			parts++
			good, rows = good && u.Sound(), rows+u.Rows
		}
	}
	mine := e.Sealed && e.Meta.Keepsake.Reason == bundle.ReasonBackup && (id == "" || e.MemoryID() == id)
	return good && mine && parts > 0, rows
}

func (d *doctor) age(sub memory.Subsystem, e *catalog.Entry) {
	name, most := "age of "+string(sub), d.cfg.Doctor.MaxAge.V
	switch {
	case e == nil:
		d.say(Problem, name, do("too-old"), "there is no good bundle of it")
	case d.now.Sub(e.Time) > most:
		d.say(Problem, name, do("too-old"), "the newest good bundle is %s old, more than %s: %s", quantity.Age(d.now.Sub(e.Time)), quantity.Age(most), e.Name)
	default:
		d.fine(name, "the newest good bundle is %s old: %s", quantity.Age(d.now.Sub(e.Time)), e.Name)
	}
}

// drills looks for the last time that a bundle was restored to see that it can be.
func (d *doctor) drills(context.Context) {
	const name = "drill"
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
		d.say(Note, name, do("drill"), "no bundle that is here was ever restored in one")
	case !last.OK:
		d.say(Problem, name, do("drill-failed", of), "the last one, %s ago, found that %s can't be restored as it was", quantity.Age(d.now.Sub(last.At)), of)
	case d.now.Sub(last.At) > drillEvery:
		d.say(Note, name, do("drill"), "the last one was %s ago", quantity.Age(d.now.Sub(last.At)))
	default:
		d.fine(name, "%s ago: %s restored in %.1f s", quantity.Age(d.now.Sub(last.At)), of, last.Seconds)
	}
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/catalog"

	"keepsake/internal/memory"
)

// Health is how well what a check looked at is. Warnings and problems are wrong;
// a note is only told.
type Health string

// The healths.
const (
	OK      Health = "ok"
	Note    Health = "note"
	Warning Health = "warning"
	Problem Health = "problem"
)

// Wrong reports whether somebody has to see to it.
func (h Health) Wrong() bool { return h == Warning || h == Problem }

// Check is what one look of the doctor came to.
type Check struct {
	// Name is what was looked at, a stable word or two.
	Name    string `json:"check"`
	Health  Health `json:"level"`
	Message string `json:"message"`
	// Accepted is the word of doctor.accept that made it fine, "" when none did.
	Accepted string `json:"accepted,omitempty"`
	// Hint says what the operator can do. Where it is "", Err may know.
	Hint string `json:"hint,omitempty"`
	Err  error  `json:"-"`
}

// doctor looks at one memory and its bundles. It changes nothing and takes no
// lock: it has an answer while others work.
type doctor struct {
	*Memory

	now     time.Time
	checks  []Check
	present map[memory.Subsystem]bool // what the memory holds now
	catalog *catalog.Catalog          // nil without a backup root
	listing error                     // why there is none
	past    func(memory.SectionSpec, time.Time) (backup.Restored, bool)
	id      string // of the memory, "" when it has none or it can't be read
}

// Doctor looks at every store of the memory, at the backup root and at the bundles.
func (m *Memory) Doctor(ctx context.Context) ([]Check, error) {
	d := &doctor{Memory: m, now: m.opts.Now(), present: map[memory.Subsystem]bool{}, past: m.restored()}
	if d.Root() != "" {
		if d.catalog, d.listing = catalog.List(d.Root()); d.listing == nil {
			d.own(d.catalog)
		}
	}
	d.id, _ = d.memoryID() // bundles says what is wrong with it
	for _, look := range []func(context.Context){
		d.dataFolder, d.belongs, d.stores, d.kept, d.plans, d.rootFolder, d.bundles, d.newest, d.drills, d.legacy,
	} {
		look(ctx)
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	return d.checks, nil
}

// fine notes a look that found nothing to be done.
func (d *doctor) fine(name, format string, args ...any) { d.say(OK, name, nil, format, args...) }

// say notes what a look came to. What the operator can do goes by err.
func (d *doctor) say(h Health, name string, err error, format string, args ...any) {
	d.checks = append(d.checks, Check{Name: name, Health: h, Message: fmt.Sprintf(format, args...), Err: err})
}

// accept makes the last check fine where the operator lives with it.
func (d *doctor) accept(word string) {
	c := &d.checks[len(d.checks)-1]
	if !c.Health.Wrong() || !slices.Contains(d.cfg.Doctor.Accept.V, word) {
		return
	}
	c.Health, c.Accepted, c.Hint, c.Err = OK, word, "", nil
	c.Message += " (accepted)"
}

// advise says of the last check what the operator can do, where that names several
// things.
func (d *doctor) advise(code string, about ...string) {
	d.checks[len(d.checks)-1].Hint = d.opts.Hint.Of(code, about...)
}

// do is what the operator can do about a check, by its code.
func do(code string, at ...string) error { return fail("", code, errors.New(code), at...) }

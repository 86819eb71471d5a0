package cli

import (
	"cmp"
	"fmt"
	"time"

	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

// printReplacePlan shows what a replace would do to each target.
func (a *app) printReplacePlan(plan *restore.Plan) error {
	if a.flags.quiet {
		return nil
	}
	a.say("A replace now, by %s:\n\n", plan.Bundle().Name())
	var sections []placed
	for _, s := range plan.Sections() {
		d, at := s.Difference, s.Survey.Locator
		at.Collection = "" // named below, where there is room for it
		sections = append(sections, placed{s.Spec.Name, []string{
			quantity.Count(d.Live), quantity.Count(d.Lost), quantity.Count(d.Changed), quantity.Count(d.New), quantity.Count(d.Same), newest(d.Newest),
		}, at})
	}
	if err := a.printPlaced([]string{"live", "lost", "changed", "new", "same", "newest"}, sections); err != nil {
		return err
	}
	a.say("\n")
	for _, s := range plan.Sections() {
		a.say("%s is %s: %s\n", s.Spec.Name, s.Class, s.Why)
		if l := s.Survey.Locator; l.Collection != "" {
			a.say("  collection %s, id %s\n", l.Collection, cmp.Or(l.CollectionID, "none yet"))
		}
	}
	e := plan.Estimate()
	a.say("\nIt takes about %s for the safety bundle, %s beside what lives,\nand %s.\n",
		quantity.Size(e.SafetyBytes), quantity.Size(e.StagedBytes), seconds(e.Seconds))
	return nil
}

func newest(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func seconds(s float64) string {
	if s < 90 {
		return fmt.Sprintf("%.0f s", max(s, 1))
	}
	return fmt.Sprintf("%.0f min", s/60)
}

func (a *app) printReplaced(r *restore.Receipt) error {
	verb := "replaced the memory"
	if r.Undo {
		verb = "is what the memory is again"
	}
	if !r.Complete {
		verb = "did not go in whole"
	}
	a.say("%s %s\n\n", r.Bundle, verb)
	t := &table{
		header: []string{"section", "rows", "before", "lost", "changed", "new", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true},
	}
	for _, s := range r.Sections {
		d := s.Replaced
		if d == nil {
			d = &restore.Replaced{}
		}
		t.add(string(s.Section), quantity.Count(s.After), quantity.Count(d.Live), quantity.Count(d.Lost), quantity.Count(d.Changed), quantity.Count(d.New), string(s.State))
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printAsides(r)
	if r.Safety != "" {
		a.say("\nWhat was there is in %s: keepsake undo puts it back.\n", a.relative(r.Safety))
	}
	a.say("Receipt: %s\n", a.relative(r.Dir))
	return nil
}

// printAsides says what was kept, and who has to be restarted: clients keep the
// id of a collection, and go on writing into the old one.
func (a *app) printAsides(r *restore.Receipt) {
	kept := false
	for _, s := range r.Sections {
		if s.Replaced == nil || s.Replaced.Aside == nil {
			continue
		}
		if !kept {
			a.say("\nKept aside:\n")
			kept = true
		}
		a.say("  %s\n", s.Replaced.Aside.Collection)
	}
	if kept {
		a.say("Restart every agent and server that has one of these open: they know it by\nits id, and would go on writing into the old one.\n")
	}
}

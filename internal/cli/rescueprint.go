package cli

import (
	"fmt"
	"strings"

	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
)

// printRescue prints what was taken of each collection, and what is wrong.
func (a *app) printRescue(r *keeper.Rescued, all bool) error {
	if a.flags.quiet {
		return nil
	}
	a.say("%s\n\n", r.Path)
	t := &table{
		header: []string{"section", "rows", "whole", "no vector", "no text", "no id", "lost"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true},
	}
	for i := range r.Rescue.Collections {
		c := &r.Rescue.Collections[i]
		t.add(string(c.Section), quantity.Count(c.Rows()), quantity.Count(c.Whole), quantity.Count(c.Vectorless), quantity.Count(c.Documentless), quantity.Count(c.Unnamed), quantity.Count(c.Unreadable))
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printDamage(r, all)
	a.say("\n%s rows, %s, %s in %.1f s\n", quantity.Count(r.Rows), quantity.Size(r.Bytes), r.Status, r.EndedAt.Sub(r.StartedAt).Seconds())
	if !r.Degraded() {
		a.say("Nothing is known to be lost.\n")
	}
	return nil
}

// named is how many rows of a collection are named unless all are asked for.
const named = 3

// printDamage says what is wrong with the files, and of which rows something is lost.
func (a *app) printDamage(r *keeper.Rescued, all bool) {
	report := r.Rescue
	line := func(level, name, format string, args ...any) {
		fmt.Fprintf(a.Stderr, "%s: %s: %s\n", level, name, fmt.Sprintf(format, args...))
	}
	if report.Database != "" {
		line("warning", report.Path, "%s: collections have no names, and no documents; rows that were in no saved index are lost", report.Database)
	}
	for i := range report.Collections {
		c := &report.Collections[i]
		for _, problem := range c.Problems {
			if report.Database != "" && strings.HasPrefix(problem, report.Database) {
				continue // said once for all
			}
			line("warning", string(c.Section), "%s", problem)
		}
		if c.Guessed && c.Distance == "" {
			line("warning", string(c.Section), "nothing says whether it compares by l2 or ip")
		}
		for j, loss := range c.Losses {
			if !all && j == named {
				line("warning", string(c.Section), "%s more, listed with --records", quantity.Plural(int64(len(c.Losses)-j), "row"))
				break
			}
			line("warning", string(c.Section), "row %q has lost its %s: %s", loss.ID, loss.Lost, loss.Reason)
		}
	}
	for _, left := range report.Left {
		line("note", left.Name, "left alone: %s", left.Reason)
	}
}

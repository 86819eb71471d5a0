package cli

import (
	"fmt"
	"strings"

	"keepsake/internal/backup"
	"keepsake/internal/store/chromadir"
)

// printRescue prints what was taken of each collection, and what is wrong.
func (a *app) printRescue(r *backup.Receipt, report *chromadir.Report, f rescueFlags) error {
	if a.flags.quiet {
		return nil
	}
	a.say("%s\n\n", r.Path)
	t := &table{
		header: []string{"section", "rows", "whole", "no vector", "no text", "no id", "lost"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true},
	}
	for i := range report.Collections {
		c := &report.Collections[i]
		t.add(string(c.Section), count(c.Rows()), count(c.Whole), count(c.Vectorless), count(c.Documentless), count(c.Unnamed), count(c.Unreadable))
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printDamage(report, f.records)
	a.say("\n%s rows, %s, %s in %.1f s\n", count(r.Rows), size(r.Bytes), r.Status, r.EndedAt.Sub(r.StartedAt).Seconds())
	if !r.Degraded() {
		a.say("Nothing is known to be lost.\n")
	}
	return nil
}

// named is how many rows of a collection are named unless all are asked for.
const named = 3

// printDamage says what is wrong with the files, and of which rows something is lost.
func (a *app) printDamage(report *chromadir.Report, all bool) {
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
				line("warning", string(c.Section), "%s more, listed with --records", plural(int64(len(c.Losses)-j), "row"))
				break
			}
			line("warning", string(c.Section), "row %q has lost its %s: %s", loss.ID, loss.Lost, loss.Reason)
		}
	}
	for _, left := range report.Left {
		line("note", left.Name, "left alone: %s", left.Reason)
	}
}

package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
	"keepsake/internal/retention"
)

func (a *app) pruneCommand() *cobra.Command {
	var f keeper.Prune
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove the bundles that no rule keeps",
		Long: `Keeps the newest good bundles of each unit (a collection, a graph, a database, a
source of files) whatever their age, and removes what is too old and kept by no
rule. Of a unit that is gone it keeps them too: for good, until a backup with
--accept-lineage says that it has ended; for --gone-days when only a pattern
meant it. What can't be placed stays: other names,
bundles of another memory, metas that can't be read. Pinned bundles never go.
The same runs after every backup, for no more than ten bundles at a time.`,
		Example: `  keepsake prune --dry-run
  keepsake prune --keep 5 --days 30 --dry-run
  keepsake prune --max-bytes 200GB`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range retentionFlags() {
				if flag := cmd.Flags().Lookup(name); flag.Changed {
					a.flags.settings[name] = flag.Value.String()
				}
			}
			return a.prune(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.DryRun, "dry-run", "n", false, "print what would go and why, and remove nothing")
	flags.BoolVar(&f.AcceptMass, "accept-mass-prune", false, "remove though it is more than ten bundles, or more than half")
	flags.String(config.FlagKeep, "", "keep the newest `K` good bundles, of each unit")
	flags.String(config.FlagDays, "", "remove what is older than `N` days")
	flags.String(config.FlagKeepDaily, "", "keep the newest good bundle of as many `days`")
	flags.String(config.FlagKeepWeekly, "", "keep the newest good bundle of as many `weeks`")
	flags.String(config.FlagKeepMonthly, "", "keep the newest good bundle of as many `months`")
	flags.String(config.FlagGoneDays, "", "keep what is gone, and nobody had named, for `N` days")
	flags.String(config.FlagMaxBytes, "", "let the bundles take up `size`: 500MB, 20GiB")
	return cmd
}

func retentionFlags() []string {
	return []string{
		config.FlagKeep, config.FlagDays, config.FlagKeepDaily, config.FlagKeepWeekly,
		config.FlagKeepMonthly, config.FlagMaxBytes, config.FlagGoneDays,
	}
}

func (a *app) prune(ctx context.Context, p keeper.Prune) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := m.Prune(ctx, p)
	if r == nil {
		return err
	}
	return errors.Join(a.printPruned(r), err)
}

func (a *app) printPruned(r *keeper.Removing) error {
	if a.flags.asJSON {
		return a.printJSON(r)
	}
	for _, w := range r.Decisions.Warnings {
		if w.Name == "" || a.flags.quiet { // else it is in the table
			a.warn("%s", warning(w))
		}
	}
	if a.flags.quiet {
		return nil
	}
	if err := a.printRemoving(r, true); err != nil {
		return err
	}
	n, bytes := r.Gone()
	going := len(r.Decisions.Removals())
	switch {
	case going == 0:
		a.say("\nNothing to do: every bundle stays.\n")
	case r.DryRun:
		a.say("\n%s would be removed.\n", quantity.Plural(int64(going), "bundle"))
	default:
		a.say("\n%s removed, %s.\n", quantity.Plural(n, "bundle"), quantity.Size(bytes))
	}
	return nil
}

// printAfter prints what a run of retention after a backup did.
func (a *app) printAfter(r *keeper.Removing) error {
	if r == nil {
		return nil
	}
	for _, w := range r.Decisions.Warnings {
		a.warn("%s", warning(w))
	}
	n, bytes := r.Gone()
	if n == 0 {
		return nil
	}
	a.say("\nRetention removed %s, %s:\n\n", quantity.Plural(n, "bundle"), quantity.Size(bytes))
	return a.printRemoving(r, false)
}

func warning(w retention.Warning) string { return strings.TrimSpace(w.Name + " " + w.Ground.Text) }

// printRemoving prints a line a bundle, the newest first; with all set also those
// that stay.
func (a *app) printRemoving(r *keeper.Removing, all bool) error {
	const nameWidth = 31 // of a bundle; what is longer is nobody's that we know
	t := &table{header: []string{"bundle", "age", "what", "why"}, right: map[int]bool{1: true}}
	for _, d := range r.Decisions.All {
		if !all && d.Action != retention.Remove {
			continue
		}
		when := ""
		if stamp, err := bundle.ParseName(d.Candidate.Name); err == nil {
			when = quantity.Age(r.Now.Sub(stamp))
		}
		for i, line := range wrap(why(d.Grounds), width-nameWidth-6-7-3*2) {
			if i == 0 {
				t.add(cut(d.Candidate.Name, nameWidth), when, became(r, d), line)
			} else {
				t.add("", "", "", line)
			}
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	return t.write(a.Stdout)
}

// became says in one word what became of a bundle.
func became(r *keeper.Removing, d retention.Decision) string {
	tried, err := r.Tried(d.Candidate.Name)
	switch {
	case !tried:
		return string(d.Action)
	case err != nil:
		return "FAILED"
	}
	return "removed"
}

// why is what a person needs of the grounds: the first, which decides, and that a
// bundle takes no place of a good one.
func why(grounds []retention.Ground) string {
	var told []string
	for i, g := range grounds {
		if i == 0 || g.Code == retention.NoSlot {
			told = append(told, g.Text)
		}
	}
	return strings.Join(told, "; ")
}

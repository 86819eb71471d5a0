package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"keepsake/internal/config"
	"keepsake/internal/lock"
	"keepsake/internal/retention"
)

type pruneFlags struct {
	dryRun     bool
	acceptMass bool
}

func (a *app) pruneCommand() *cobra.Command {
	var f pruneFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove the bundles that no rule keeps",
		Long: `Keeps the newest good bundles of each subsystem whatever their age, and removes
what is too old and kept by no rule. What can't be placed stays: other names,
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
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "print what would go and why, and remove nothing")
	flags.BoolVar(&f.acceptMass, "accept-mass-prune", false, "remove though it is more than ten bundles, or more than half")
	flags.String(config.FlagKeep, "", "keep the newest `K` good bundles, of each subsystem")
	flags.String(config.FlagDays, "", "remove what is older than `N` days")
	flags.String(config.FlagKeepDaily, "", "keep the newest good bundle of as many `days`")
	flags.String(config.FlagKeepWeekly, "", "keep the newest good bundle of as many `weeks`")
	flags.String(config.FlagKeepMonthly, "", "keep the newest good bundle of as many `months`")
	flags.String(config.FlagMaxBytes, "", "let the bundles take up `size`: 500MB, 20GiB")
	return cmd
}

func retentionFlags() []string {
	return []string{
		config.FlagKeep, config.FlagDays, config.FlagKeepDaily, config.FlagKeepWeekly,
		config.FlagKeepMonthly, config.FlagMaxBytes,
	}
}

func (a *app) prune(ctx context.Context, f pruneFlags) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	if err := m.cfg.CheckRetention(); err != nil {
		return configFailure(err)
	}
	defer m.release()
	if err := a.lockToPrune(ctx, m, f); err != nil {
		return err
	}
	c, err := a.catalog(m)
	if err != nil {
		return err
	}
	r := m.newRemoving()
	r.dryRun = f.dryRun
	if !f.dryRun {
		r.residue = a.sweep(ctx, m)
	}
	if r.decisions, err = m.decide(c); err != nil {
		return err
	}
	if r.decisions.Mass() && !f.acceptMass {
		return errors.Join(r.printPruned(), mass(r.decisions))
	}
	if !f.dryRun {
		err = r.carryOut(ctx)
		if err := m.dropAsides(ctx, m.chromas(everySection)); err != nil { // bundles are pruned without a server too
			a.warn("look for collections that were kept aside: %v", err)
		}
	}
	return errors.Join(r.printPruned(), err)
}

// lockToPrune keeps others from the bundles. A root that isn't there is an error,
// and is not made for its lock.
func (a *app) lockToPrune(ctx context.Context, m *memoryAt, f pruneFlags) error {
	if _, err := a.catalog(m); err != nil || f.dryRun {
		return err
	}
	return m.lockRoot(ctx, lock.Exclusive)
}

// mass refuses to remove so much without the operator's word.
func mass(d retention.Decisions) error {
	judged := 0
	for _, one := range d.All {
		if one.Action != retention.Skip {
			judged++
		}
	}
	return fail(exitFailed,
		fmt.Errorf("this would remove %d of %s: nothing was removed", len(d.Removals()), plural(int64(judged), "bundle")),
		"look at them with --dry-run; --accept-mass-prune removes them")
}

func (r *removing) printPruned() error {
	a := r.m.app
	if a.flags.asJSON {
		return a.printJSON(r)
	}
	for _, w := range r.decisions.Warnings {
		if w.Name == "" || a.flags.quiet { // else it is in the table
			a.warn("%s", warning(w))
		}
	}
	if a.flags.quiet {
		return nil
	}
	if err := r.print(true); err != nil {
		return err
	}
	n, bytes := r.gone()
	going := len(r.decisions.Removals())
	switch {
	case going == 0:
		a.say("\nNothing to do: every bundle stays.\n")
	case r.dryRun:
		a.say("\n%s would be removed.\n", plural(int64(going), "bundle"))
	default:
		a.say("\n%s removed, %s.\n", plural(n, "bundle"), size(bytes))
	}
	return nil
}

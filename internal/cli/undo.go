package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

func (a *app) undoCommand() *cobra.Command {
	var u keeper.Undo
	cmd := &cobra.Command{
		Use:   "undo [RECEIPT]",
		Short: "Take the last restore back, or the one named",
		Long: `Puts back what a replace replaced, from its safety bundle or from the
collections that it kept aside; or takes out the rows that a merge added, those
that nobody has changed since. RECEIPT is the folder of a restore, or its name;
without one it is the last restore that changed anything, also one that was cut
short. Of such a merge some rows may be in that nobody has confirmed: they are
taken out as well, where they were not there before and are what the bundle
says. --confirmed-only leaves them.

It goes through the same guard as a replace: --plan shows what would be lost
and gives a token, --confirm takes it.`,
		Example: `  keepsake undo --plan
  NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true keepsake undo --confirm TOKEN`,
		GroupID: "main",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u.Name = strings.Join(args, "")
			return a.undo(cmd.Context(), u)
		},
	}
	cmd.Flags().BoolVar(&u.PlanOnly, "plan", false, "show what would be lost, and a token for --confirm")
	cmd.Flags().StringVar(&u.Token, "confirm", "", "the `token` of the plan")
	cmd.Flags().BoolVar(&u.ConfirmedOnly, "confirmed-only", false, "leave the rows of an interrupted merge that only may be in")
	return cmd
}

func (a *app) undo(ctx context.Context, u keeper.Undo) error {
	if u.PlanOnly && u.Token != "" {
		return usage(errors.New("--plan makes a token, --confirm takes one: not both"))
	}
	m, err := a.memory(false)
	if err != nil {
		return err
	}
	defer m.Close()
	u.Asks = a.asks()
	c, err := m.Undo(ctx, u)
	if err != nil {
		return err
	}
	return errors.Join(a.carryOut(ctx, m, c, restoreFlags{Restore: keeper.Restore{PlanOnly: u.PlanOnly}}), c.Close())
}

// printTakeback shows which rows would be taken out.
func (a *app) printTakeback(plan *restore.Plan) error {
	a.say("An undo now would take these rows out, unless they have changed:\n\n")
	var sections []placed
	var maybe int64
	for _, s := range plan.Sections() {
		maybe += s.Maybe
		sections = append(sections, placed{s.Spec.Name, []string{quantity.Count(s.Survey.Rows), quantity.Count(s.Difference.Lost)}, s.Survey.Locator})
	}
	if err := a.printPlaced([]string{"live", "lost"}, sections); err != nil || maybe == 0 {
		return err
	}
	a.say("\n%s of these only may be in: they were about to be sent when the merge ended.\n"+
		"Those that are in as the bundle says go as well; --confirmed-only leaves them.\n", quantity.Count(maybe))
	return nil
}

// printCompanions names what else there is to take back of one run.
func (a *app) printCompanions(c *keeper.Change) {
	names := c.Companions()
	if len(names) == 0 {
		return
	}
	a.say("\nIt was one of %d restores of one run. To take the others back:\n", len(names)+1)
	for _, name := range names {
		a.say("  keepsake undo %s --plan\n", name)
	}
}

func (a *app) printTakenBack(r *restore.Receipt, c *keeper.Change) error {
	a.say("The merge of %s was taken back\n\n", r.Bundle)
	t := &table{
		header: []string{"section", "taken out", "changed since, kept", "gone already", "rows", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true},
	}
	var byIntent store.Removal
	for _, s := range r.Sections {
		if d := s.ByIntent; d != nil {
			byIntent.Removed += d.Removed
			byIntent.Kept += d.Kept
			byIntent.Gone += d.Gone
		}
		if d := s.TakenBack; d != nil {
			t.add(string(s.Section), quantity.Count(d.Removed), quantity.Count(d.Kept), quantity.Count(d.Gone), quantity.Count(d.Rows), string(s.State))
		}
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.printByIntent(byIntent)
	a.say("Receipt: %s\n", a.relative(r.Dir))
	a.printCompanions(c)
	return nil
}

// printByIntent says what became of the rows that only may have been in.
func (a *app) printByIntent(d store.Removal) {
	if d == (store.Removal{}) {
		return
	}
	a.say("Of the rows that only may have been in, %s taken out, %s had another content and stayed, %s not there\n",
		were(d.Removed), quantity.Count(d.Kept), were(d.Gone))
}

func were(n int64) string {
	if n == 1 {
		return "1 was"
	}
	return quantity.Count(n) + " were"
}

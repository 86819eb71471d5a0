package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

func (a *app) undoCommand() *cobra.Command {
	var u keeper.Undo
	cmd := &cobra.Command{
		Use:   "undo [RECEIPT]",
		Short: "Take the last restore back, or the one named",
		Long: `Puts back what a replace replaced, from its safety bundle or from the
collections that it kept aside; or takes out the rows that a merge added, those
that nobody has changed since. RECEIPT is the folder of a restore, or its name;
without one it is the last restore that changed anything.

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
	for _, s := range plan.Sections() {
		sections = append(sections, placed{s.Spec.Name, []string{quantity.Count(s.Survey.Rows), quantity.Count(s.Difference.Lost)}, s.Survey.Locator})
	}
	return a.printPlaced([]string{"live", "lost"}, sections)
}

func (a *app) printTakenBack(r *restore.Receipt) error {
	a.say("The merge of %s was taken back\n\n", r.Bundle)
	t := &table{
		header: []string{"section", "taken out", "changed since, kept", "gone already", "rows", "state"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true},
	}
	for _, s := range r.Sections {
		if d := s.TakenBack; d != nil {
			t.add(string(s.Section), quantity.Count(d.Removed), quantity.Count(d.Kept), quantity.Count(d.Gone), quantity.Count(d.Rows), string(s.State))
		}
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.say("Receipt: %s\n", a.relative(r.Dir))
	return nil
}

package cli

import (
	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
)

func (a *app) pinCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     "pin BUNDLE",
		Short:   "Keep a bundle for good, whatever retention says",
		Example: `  keepsake pin latest --why "before the migration"`,
		GroupID: "main",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changePin(func(m *keeper.Memory) (keeper.Pinned, error) { return m.Pin(args[0], why) },
				"%s is pinned\n", "Nothing to do: %s is pinned already.\n")
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "what it is kept for: `text` that list shows")
	a.latestFlags(cmd.Flags())
	return cmd
}

func (a *app) unpinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "unpin BUNDLE",
		Short:   "Let retention judge a pinned bundle again",
		GroupID: "main",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changePin(func(m *keeper.Memory) (keeper.Pinned, error) { return m.Unpin(args[0]) },
				"%s is no longer pinned\n", "Nothing to do: %s is not pinned.\n")
		},
	}
	a.latestFlags(cmd.Flags())
	return cmd
}

func (a *app) changePin(change func(*keeper.Memory) (keeper.Pinned, error), done, same string) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	p, err := change(m)
	if err != nil {
		return err
	}
	if a.flags.asJSON {
		return a.printJSON(p)
	}
	if !p.Changed {
		done = same
	}
	a.say(done, p.Bundle)
	return nil
}

package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
)

func (a *app) memoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "memory",
		Short: "Show whose memory this is, and settle it when it is in doubt",
		Long: `Shows the id of the memory in the data folder, and the places that it is bound
to. Bundles are a memory's own by both: a data folder that was lost, moved or
copied leaves it in doubt whose memory it is. Backups then end with 3, no bundle
counts as good, and none is removed, until one of these says what is so:

  keepsake memory is ID   the folder was lost: this is that memory, and goes on
  keepsake memory moved   the folder was moved here, with its bundles
  keepsake memory here    this is the same folder, reached by another path
  keepsake memory new     this is another memory, or a copy that lives on`,
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.showMemory() },
	}
	for _, s := range []struct {
		use, short string
		answer     keeper.Answer
		args       cobra.PositionalArgs
	}{
		{"is ID", "This is that memory, whose data folder was lost", keeper.Is, cobra.ExactArgs(1)},
		{"moved", "The memory was moved here: its bundles are its own", keeper.Moved, cobra.NoArgs},
		{"here", "This is another path to the memory's folder", keeper.Too, cobra.NoArgs},
		{"new", "This is a memory of its own: a new one, or a copy", keeper.Anew, cobra.NoArgs},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: s.use, Short: s.short, Args: s.args,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.settleMemory(cmd.Context(), s.answer, strings.Join(args, ""))
			},
		})
	}
	return cmd
}

func (a *app) showMemory() error {
	m, err := a.memory(false)
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := m.Standing()
	if err != nil {
		return err
	}
	if a.flags.asJSON {
		return a.printJSON(s)
	}
	a.printStanding(s)
	return nil
}

func (a *app) settleMemory(ctx context.Context, answer keeper.Answer, id string) error {
	m, err := a.memory(false)
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := m.Settle(ctx, answer, id)
	if err != nil {
		return err
	}
	if a.flags.asJSON {
		return a.printJSON(s)
	}
	if !s.Changed {
		a.say("Nothing to do: that is so already.\n")
	}
	a.printStanding(s)
	return nil
}

func (a *app) printStanding(s *keeper.Standing) {
	line := func(name, value string) {
		if value != "" {
			a.say("  %-12s %s\n", name, value)
		}
	}
	if s.Identity == nil {
		a.say("There is no id in %s yet: the first backup gives it one.\n", s.Here)
		line("may be", strings.Join(s.Lived, ", "))
		line("settle it", s.Hint)
		return
	}
	a.say("%s\n", s.MemoryID)
	line("here", s.Here.String())
	for _, p := range s.Places {
		line("lives at", p.String())
	}
	for _, p := range s.Before {
		line("lived at", p.String()+", until bundle "+strconv.FormatInt(p.Until, 10))
	}
	line("was called", strings.Join(s.Also, ", "))
	line("made out of", s.ClonedFrom)
	line("may be", strings.Join(s.MaybeSameAs, ", "))
	line("is not", strings.Join(s.NotSameAs, ", "))
	line("bundles", quantity.Count(int64(s.Own)))
	if s.Copies > 0 {
		line("of copies", quantity.Count(int64(s.Copies))+", the newest from "+s.CopiedAt)
	}
	if s.Doubt != "" {
		a.say("\n%s\n  %s\n", s.Doubt, s.Hint)
	}
}

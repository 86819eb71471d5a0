package cli

import (
	"github.com/spf13/cobra"

	"keepsake/internal/lock"
)

func (a *app) unlockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unlock",
		Short: "Remove locks whose owner nobody here can judge",
		Long: `Removes the locks of the backup root and of the memory that were left by runs
which this machine can't see: another machine's, on a network file system. Locks
of dead runs of this machine need no unlock: the next run takes them over. A
lock whose process runs is not removed.`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.unlock() },
	}
}

func (a *app) unlock() error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	removed, err := m.Unlock()
	owners := []lock.Owner{}
	for _, r := range removed {
		a.say("Removed the lock %s of %s.\n", a.relative(r.Path), r.Owner)
		owners = append(owners, r.Owner)
	}
	switch {
	case err != nil:
		return err
	case a.flags.asJSON:
		return a.printJSON(map[string]any{"removed": owners})
	case len(removed) == 0:
		a.say("Nothing to unlock.\n")
	}
	return nil
}

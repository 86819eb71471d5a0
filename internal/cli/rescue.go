package cli

import (
	"context"

	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
)

type rescueFlags struct {
	keeper.Rescue

	records  bool
	compress string
}

func (a *app) rescueCommand() *cobra.Command {
	var f rescueFlags
	cmd := &cobra.Command{
		Use:   "rescue DIR",
		Short: "Make a bundle of whatever a Chroma directory still holds",
		Long: `Reads the persist directory of a Chroma without its server, however damaged:
the database, the indexes, and the queue of what those don't hold yet. Of a row
it takes what there is: vector, document, metadata; where ids are lost, vectors
under a label. The bundle says for each collection how much that is. It is
degraded, and the code 3, when anything is known to be lost.

DIR is read, and never changed. Every database and tenant in it is looked into.
The collections of the memory become its sections, others "rescued/NAME". The
bundle goes into the backup root, or to -o: a folder, or the name of the bundle
itself. It is never "latest", and takes no place of a backup.`,
		Example: `  keepsake rescue .neo-ai-data/chroma/unified
  keepsake rescue /mnt/old/chroma -o /mnt/rescued
  keepsake restore backup-2026-11-22T09-00-01.000Z --only mc --dry-run`,
		GroupID: "main",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Dir = args[0]
			return a.rescue(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.Into, "output", "o", "", "the `bundle` to make, or an existing folder to make it in (default: the backup root)")
	flags.BoolVar(&f.records, "records", false, "list every row that is not whole, and why")
	flags.StringVar(&f.compress, "compress", "", "compress the bundle's files: none, zstd")
	return cmd
}

func (a *app) rescue(ctx context.Context, f rescueFlags) (err error) {
	if f.Compress, err = compression(f.compress); err != nil {
		return err
	}
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := m.Rescue(ctx, f.Rescue)
	switch {
	case err != nil && r != nil:
		a.printFindings(r.Findings)
		return err
	case err != nil:
		return err
	case a.flags.asJSON:
		err = a.printJSON(r)
	default:
		err = a.printRescue(r, f.records)
	}
	if err == nil && r.Degraded() {
		return end(keeper.Degraded)
	}
	return err
}

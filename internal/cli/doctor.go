package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/keeper"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say whether the memory can be read and its bundles are in order",
		Long: `Looks at every store of the memory, at the backup root, and at the bundles: can
all of it be read, is there room for two more bundles, is the newest good bundle
of each subsystem young enough (doctor.max-age), was one ever restored in a
drill. Prints a line for each, and changes nothing. Ends with 1 when something
is wrong; with --quiet it prints only that, for a cron line.`,
		Example: `  keepsake doctor
  keepsake doctor --quiet || notify "see to the backups"`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	defer m.Close()
	checks, err := m.Doctor(ctx)
	if err != nil {
		return err
	}
	wrong := false
	for i := range checks {
		c := &checks[i]
		c.Hint = cmp.Or(c.Hint, hintOf(c.Err))
		wrong = wrong || c.Health.Wrong()
	}
	if err := a.printChecks(checks, wrong); err != nil {
		return err
	}
	if wrong {
		return end(keeper.Failed)
	}
	return nil
}

func (a *app) printChecks(checks []keeper.Check, wrong bool) error {
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"ok": !wrong, "checks": checks})
	}
	shown := slices.DeleteFunc(slices.Clone(checks), func(c keeper.Check) bool { return a.flags.quiet && !c.Health.Wrong() })
	for i, c := range shown {
		if i+1 < len(shown) && shown[i+1].Hint == c.Hint {
			c.Hint = "" // once for all that it is for
		}
		if _, err := io.WriteString(a.Stdout, checkText(c)); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	return nil
}

// checkText is a check in lines of the width of a screen; a hint has its own.
func checkText(c keeper.Check) string {
	const indent = "         "
	lines := wrap(c.Name+": "+c.Message, width-len(indent))
	if c.Hint != "" {
		for _, line := range wrap(c.Hint, width-len(indent)-2) {
			lines = append(lines, "  "+line)
		}
	}
	return fmt.Sprintf("%-*s", len(indent), c.Health) + strings.Join(lines, "\n"+indent) + "\n"
}

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// health is how well what a check looked at is. Warnings and problems are wrong;
// a note is only told.
type health string

const (
	healthOK      health = "ok"
	healthNote    health = "note"
	healthWarning health = "warning"
	healthProblem health = "problem"
)

func (h health) wrong() bool { return h == healthWarning || h == healthProblem }

// check is what one look of the doctor came to.
type check struct {
	// Name is what was looked at, a stable word or two.
	Name    string `json:"check"`
	Health  health `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// doctor looks at one memory and its bundles. It changes nothing and takes no
// lock: it has an answer while others work.
type doctor struct {
	*memoryAt

	now     time.Time
	checks  []check
	present map[memory.Subsystem]bool // what the memory holds now
	catalog *catalog.Catalog          // nil without a backup root
}

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
	defer m.release()
	d := &doctor{memoryAt: m, now: a.Now(), present: map[memory.Subsystem]bool{}}
	for _, look := range []func(context.Context){d.dataFolder, d.stores, d.plans, d.rootFolder, d.bundles, d.drills, d.legacy} {
		look(ctx)
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	if err := d.print(); err != nil {
		return err
	}
	if d.wrong() {
		return end(exitFailed)
	}
	return nil
}

func (d *doctor) say(h health, name, hint, format string, args ...any) {
	d.checks = append(d.checks, check{name, h, fmt.Sprintf(format, args...), hint})
}

func (d *doctor) wrong() bool {
	for _, c := range d.checks {
		if c.Health.wrong() {
			return true
		}
	}
	return false
}

func (d *doctor) print() error {
	a := d.app
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"ok": !d.wrong(), "checks": d.checks})
	}
	shown := slices.DeleteFunc(slices.Clone(d.checks), func(c check) bool { return a.flags.quiet && !c.Health.wrong() })
	for i, c := range shown {
		if i+1 < len(shown) && shown[i+1].Hint == c.Hint {
			c.Hint = "" // once for all that it is for
		}
		if _, err := io.WriteString(a.Stdout, c.text()); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	return nil
}

// text is the check in lines of the width of a screen; a hint has its own.
func (c check) text() string {
	const indent = "         "
	lines := wrap(c.Name+": "+c.Message, width-len(indent))
	if c.Hint != "" {
		for _, line := range wrap(c.Hint, width-len(indent)-2) {
			lines = append(lines, "  "+line)
		}
	}
	return fmt.Sprintf("%-*s", len(indent), c.Health) + strings.Join(lines, "\n"+indent) + "\n"
}

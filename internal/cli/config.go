package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show the configuration, and where each value came from",
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print every value with where it came from",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.configShow() },
	})
	return cmd
}

func (a *app) configShow() error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	rows := m.Config().Describe()
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"values": rows, "excluded": excluded(m.Config())})
	}
	a.printValues(rows)
	for _, e := range m.Config().Excluded() {
		a.say("\nnever backed up: %s\n  %s\n", a.relative(e.Path), e.Reason)
	}
	return nil
}

// printValues prints a line a value, and where it came from behind it where that
// fits, else below.
func (a *app) printValues(rows []config.Row) {
	name, value := 0, 0
	for _, r := range rows {
		name = max(name, len(r.Name))
		if len(r.Value) < width/2 {
			value = max(value, len(r.Value))
		}
	}
	for _, r := range rows {
		source := strings.ReplaceAll(r.Source, a.Dir+string(filepath.Separator), "")
		if name+2+max(value, len(r.Value))+2+len(source) < width {
			a.say("%-*s  %-*s  %s\n", name, r.Name, value, r.Value, source)
			continue
		}
		a.say("%-*s  %s\n%-*s  (%s)\n", name, r.Name, r.Value, name, "", source)
	}
}

type excludedJSON struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func excluded(cfg *config.Config) []excludedJSON {
	out := []excludedJSON{}
	for _, e := range cfg.Excluded() {
		out = append(out, excludedJSON{Path: e.Path, Reason: e.Reason})
	}
	return out
}

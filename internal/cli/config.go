package cli

import (
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
	rows := m.cfg.Describe()
	if a.flags.asJSON {
		return a.printJSON(map[string]any{"values": rows, "excluded": excluded(m.cfg)})
	}
	t := &table{header: []string{"name", "value", "from"}}
	for _, r := range rows {
		t.add(r.Name, r.Value, r.Source)
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	for _, e := range m.cfg.Excluded() {
		a.say("\nnever backed up: %s\n  %s\n", e.Path, e.Reason)
	}
	return nil
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

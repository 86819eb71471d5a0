package cli

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
)

func (a *app) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show BUNDLE",
		Short:   "Show what a bundle says of itself",
		GroupID: "look",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.show(args[0]) },
	}
	a.latestFlags(cmd.Flags())
	return cmd
}

func (a *app) show(name string) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	b, err := m.Bundle(name)
	if err != nil {
		return err
	}
	meta := b.Meta()
	if meta == nil {
		return fail(keeper.NotVerified, "no-meta", errors.New(b.Name()+" has no bundle-meta.json"))
	}
	if a.flags.asJSON {
		return a.printJSON(meta)
	}
	a.printMeta(b, meta)
	return a.printSections(b)
}

func (a *app) printMeta(b *bundle.Bundle, meta *bundle.Meta) {
	a.say("%s\n", b.Path())
	line := func(name, value string) {
		if value != "" {
			a.say("  %-12s %s\n", name, value)
		}
	}
	if meta.Topology != nil {
		line("topology", meta.Topology.Name())
	}
	line("neo", meta.NeoVersion)
	line("git", meta.GitSHA)
	k := meta.Keepsake
	if k == nil {
		line("made by", "another tool: it has no seal")
		return
	}
	line("made by", k.Tool)
	line("memory", k.MemoryID)
	if k.Place != nil {
		line("place", k.Place.String())
	}
	line("made out of", k.ClonedFrom)
	line("may be", k.MaybeSameAs)
	line("sequence", strconv.FormatInt(k.Sequence, 10))
	line("status", string(k.Status))
	line("reason", string(k.Reason))
	for key, value := range k.Tags {
		line("tag "+key, value)
	}
	line("seal", k.Seal)
}

func (a *app) printSections(b *bundle.Bundle) error {
	if a.flags.quiet {
		return nil
	}
	a.say("\n")
	var sections []placed
	for _, s := range b.Sections() {
		since, added, removed := "", "", "" // of a bundle that isn't ours nothing is known
		if m := b.Meta().Keepsake.Section(s.Name); m != nil {
			since = sinceText(m.Since)
			added, removed = quantity.Count(m.Capture.Added), quantity.Count(m.Capture.Removed)
		}
		dimension := ""
		if s.Dimension > 0 {
			dimension = strconv.Itoa(s.Dimension)
		}
		sections = append(sections, placed{s.Name, []string{quantity.Count(s.Rows), dimension, since, added, removed}, s.Locator})
	}
	return a.printPlaced([]string{"rows", "dimensions", "since", "came meanwhile", "went meanwhile"}, sections)
}

package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
)

func (a *app) pinCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     "pin BUNDLE",
		Short:   "Keep a bundle for good, whatever retention says",
		Example: `  keepsake pin latest --why "before the migration"`,
		GroupID: "main",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.pin(args[0], why) },
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
		RunE:    func(_ *cobra.Command, args []string) error { return a.unpin(args[0]) },
	}
	a.latestFlags(cmd.Flags())
	return cmd
}

// pinned is the --json of pin and unpin.
type pinned struct {
	Bundle  string       `json:"bundle"`
	Path    string       `json:"path"`
	Pinned  *catalog.Pin `json:"pinned"`
	Changed bool         `json:"changed"`
}

func (a *app) pin(name, why string) error {
	now := a.Now().UTC()
	return a.changePin(name, func(p *catalog.Pin) *catalog.Pin {
		if p == nil {
			return &catalog.Pin{At: now, Why: why}
		}
		return &catalog.Pin{At: p.At, Why: cmp.Or(why, p.Why)}
	}, "%s is pinned\n", "Nothing to do: %s is pinned already.\n")
}

func (a *app) unpin(name string) error {
	return a.changePin(name, func(*catalog.Pin) *catalog.Pin { return nil },
		"%s is no longer pinned\n", "Nothing to do: %s is not pinned.\n")
}

func (a *app) changePin(name string, change func(*catalog.Pin) *catalog.Pin, done, same string) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	b, err := a.open(m, name)
	if err != nil {
		return err
	}
	if !m.shelves(b) {
		return fail(exitNotFound, fmt.Errorf("%s is not in the backup root %s", b.Path(), m.root()),
			"only what lies there is ever removed; --backup-root names another")
	}
	out := pinned{Bundle: b.Name(), Path: b.Path()}
	err = catalog.UpdateNotes(m.root(), b.Name(), func(n *catalog.Notes) {
		out.Pinned = change(n.Pinned)
		out.Changed = (n.Pinned == nil) != (out.Pinned == nil) || n.Pinned != nil && *n.Pinned != *out.Pinned
		n.Pinned = out.Pinned
	})
	if err != nil {
		return notesFailure(m, err)
	}
	if a.flags.asJSON {
		return a.printJSON(out)
	}
	if !out.Changed {
		done = same
	}
	a.say(done, b.Name())
	return nil
}

func notesFailure(m *memoryAt, err error) error {
	return fail(exitFailed, err, "the notes of a bundle lie beside it, in "+m.root()+": look at them, and move away what is damaged")
}

// shelves reports whether a bundle lies in the memory's backup root, under a
// bundle's name: only then is anything noted of it.
func (m *memoryAt) shelves(b *bundle.Bundle) bool {
	if _, err := bundle.ParseName(b.Name()); err != nil || m.root() == "" {
		return false
	}
	root, err := os.Stat(m.root())
	if err != nil {
		return false
	}
	parent, err := os.Stat(filepath.Dir(b.Path()))
	return err == nil && os.SameFile(root, parent)
}

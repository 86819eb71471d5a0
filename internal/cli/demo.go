package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/demo"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/quantity"
)

const demoFolder = "keepsake-demo"

func (a *app) demoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Make a sample memory, back it up, lose it, restore it",
		Long: `Makes a sample memory of a few thousand records in ./keepsake-demo, backs it up,
verifies the bundle, deletes the memory, restores it, and compares it record by
record. It needs no server, takes a few seconds, and touches nothing else.`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir) },
	}
	cmd.Flags().StringVar(&dir, "dir", demoFolder, "the demo's `folder`; one that it didn't make is refused")
	return cmd
}

func (a *app) demo(ctx context.Context, dir string) error {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.Dir, dir)
	}
	d := &demonstration{app: a, folder: demo.At(dir, a.Now), shown: a.relative(dir), speaking: a.speaking()}
	began := a.Now()
	for _, step := range []func(context.Context) error{d.fill, d.backUp, d.verify, d.lose, d.restore, d.compare} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if names := d.speaking; len(names) > 0 {
		a.warn("%s in the environment goes before the demo's configuration: unset it before you type on", strings.Join(names, ", "))
	}
	a.say("\nIt took %.1f s. What to type next:\n\n", a.Now().Sub(began).Seconds())
	config := filepath.Join(d.shown, demo.ConfigFile)
	for _, next := range []string{"list", "show latest", "restore latest --dry-run", "config show"} {
		a.say("  %s %s --config %s\n", a.program(), next, config)
	}
	if a.flags.asJSON {
		return a.printJSON(d.result)
	}
	return nil
}

// demonstration is one run of the demo. Its steps are the commands that a person
// would type.
type demonstration struct {
	app    *app
	folder demo.Folder
	shown  string
	// speaking are the names in the environment that say where a memory is.
	speaking []string
	result   struct {
		Folder  string `json:"folder"`
		Bundle  string `json:"bundle"`
		Records int64  `json:"records"`
		Same    int64  `json:"same"`
	}
}

func (d *demonstration) fill(ctx context.Context) error {
	d.result.Folder = d.shown
	if err := d.clear(ctx); err != nil {
		return err
	}
	records, err := d.folder.Fill(ctx)
	if err != nil {
		return err
	}
	d.result.Records = records
	d.app.flags.config = d.folder.Config()
	d.app.flags.dataDir, d.app.flags.backupRoot = "", ""
	// The environment would go before the demo's configuration, and speaks of a
	// memory that is none of the demo's business.
	d.app.LookupEnv = func(string) (string, bool) { return "", false }
	d.app.say("1. In %s is now a sample memory of %s records.\n", d.shown, quantity.Count(records))
	return nil
}

// clear makes the folder, or empties the one that an earlier demo made.
func (d *demonstration) clear(ctx context.Context) error {
	err := d.folder.Create()
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	permit, err := d.permit(ctx)
	if err != nil {
		return err
	}
	return d.folder.Reset(ctx, permit)
}

func (d *demonstration) permit(ctx context.Context) (guard.Permit, error) {
	permit, err := keeper.Allow(ctx, d.app.options(), d.folder.Audit(), guard.Request{Operation: guard.DemoReset, Target: d.folder.Target(ctx)})
	switch {
	case errors.Is(err, guard.ErrNotMarked):
		return permit, fail(keeper.Guard, "demo-folder", fmt.Errorf("%s was not made by keepsake demo, and is left as it is", d.shown))
	case err != nil:
		return permit, fail(keeper.Guard, "", err)
	}
	return permit, nil
}

func (d *demonstration) backUp(ctx context.Context) error {
	d.app.say("\n2. keepsake backup\n\n")
	return d.quietly(func() error { return d.app.backup(ctx, backupFlags{}) })
}

func (d *demonstration) verify(ctx context.Context) error {
	d.app.say("\n3. keepsake verify latest\n\n")
	return d.quietly(func() error { return d.app.verify(ctx, []string{"latest"}, verifyFlags{level: "full"}) })
}

func (d *demonstration) lose(ctx context.Context) error {
	permit, err := d.permit(ctx)
	if err != nil {
		return err
	}
	if err := d.folder.Lose(ctx, permit); err != nil {
		return err
	}
	if d.folder.Filled() {
		return errors.New("lose the memory: it is still there")
	}
	d.app.say("\n4. The worst day: %s is deleted.\n", filepath.Join(d.shown, "memory"))
	return nil
}

func (d *demonstration) restore(ctx context.Context) error {
	d.app.say("\n5. keepsake restore latest\n\n")
	return d.quietly(func() error {
		return d.app.restore(ctx, restoreFlags{Restore: keeper.Restore{Name: "latest"}, mode: "merge", proof: "full"})
	})
}

func (d *demonstration) compare(ctx context.Context) error {
	differences, err := d.folder.Compare(ctx)
	if err != nil {
		return err
	}
	for _, x := range differences {
		d.result.Same += x.Same
		if x.Missing+x.Other > 0 {
			err = errors.Join(err, fmt.Errorf("compare %s: %d records are missing, %d were never there", x.Section, x.Missing, x.Other))
		}
	}
	if err != nil {
		return err
	}
	if err := d.nameBundle(); err != nil {
		return err
	}
	d.app.say("\n6. Compared record by record: %s of %s are the same.\n", quantity.Count(d.result.Same), quantity.Count(d.result.Records))
	return nil
}

// nameBundle looks up the bundle that the demo made.
func (d *demonstration) nameBundle() error {
	m, err := d.app.memory(false)
	if err != nil {
		return err
	}
	b, err := m.Bundle("latest")
	if err != nil {
		return err
	}
	d.result.Bundle = b.Name()
	return nil
}

// quietly runs a command within the demo, which prints one document at the end
// when it prints JSON.
func (d *demonstration) quietly(command func() error) error {
	asJSON := d.app.flags.asJSON
	if asJSON {
		d.app.flags.quiet, d.app.flags.asJSON = true, false
		defer func() { d.app.flags.quiet, d.app.flags.asJSON = false, true }()
	}
	return command()
}

func (a *app) speaking() []string {
	var set []string
	for _, name := range []string{
		"KEEPSAKE_KB_CHROMA", "KEEPSAKE_MC_CHROMA", "NEO_CHROMA_HOST", "NEO_CHROMA_PORT", "NEO_CHROMA_DATABASE",
		"NEO_MEMORY_DB_PATH", "NEO_BACKUP_PATH",
	} {
		if value, ok := a.LookupEnv(name); ok && value != "" {
			set = append(set, name)
		}
	}
	return set
}

// relative shortens a path below the working folder.
func (a *app) relative(path string) string { return keeper.Relative(a.Dir, path) }

// program is how this program was called, to be typed again.
func (a *app) program() string {
	if a.Program == "" {
		return "keepsake"
	}
	return a.Program
}

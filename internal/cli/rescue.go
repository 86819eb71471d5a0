package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
	"keepsake/internal/store"
	"keepsake/internal/store/chromadir"
)

// rescued is the subsystem of the collections that a rescue finds and that are no
// section of the memory.
const rescued memory.Subsystem = "rescued"

type rescueFlags struct {
	out      string
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
		RunE:    func(cmd *cobra.Command, args []string) error { return a.rescue(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "the `bundle` to make, or an existing folder to make it in (default: the backup root)")
	flags.BoolVar(&f.records, "records", false, "list every row that is not whole, and why")
	flags.StringVar(&f.compress, "compress", "", "compress the bundle's files: none, zstd")
	return cmd
}

func (a *app) rescue(ctx context.Context, dir string, f rescueFlags) error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.Dir, dir)
	}
	opts, err := m.rescueOptions(f)
	if err != nil {
		return err
	}
	defer m.release()
	if err := m.lockRoot(ctx, lock.Exclusive); err != nil {
		return err
	}
	m.temp.inRoot = true
	a.sweep(ctx, m)
	if err := roomFor(m.root(), 2*treeBytes(dir), "a copy and a bundle", "-o puts both on another disk"); err != nil {
		return err
	}
	temp, err := m.temporary()
	if err != nil {
		return err
	}
	from := m.rescueFrom(dir, temp)
	session, report, err := chromadir.Rescue(ctx, from)
	if err != nil {
		return ifInterrupted(fail(0, err, "name the folder that holds chroma.sqlite3, or what is left of it"), "nothing was published")
	}
	defer session.Close()
	if opts, err = m.rescuedMemory(opts, report.Path); err != nil {
		return err
	}
	opts.Sources = []backup.Source{{Name: report.Path, Kind: memory.Vectors, Store: opened{session}, Subsystem: from.Others}}
	receipt, err := backup.Run(ctx, opts)
	if err != nil {
		a.printFindings(receipt.Findings)
		return ifInterrupted(m.explainStores(err), "nothing was published")
	}
	return a.endRescue(receipt, report, f)
}

// rescueOptions says where the bundle goes, and moves the backup root there: locks,
// temporary files and the bundle are all in one place.
func (m *memoryAt) rescueOptions(f rescueFlags) (backup.Options, error) {
	zstd, ok := compressions[f.compress]
	if !ok {
		return backup.Options{}, usage(fmt.Errorf("--compress %q is neither none nor zstd", f.compress))
	}
	name := ""
	if out := f.out; out != "" {
		if !filepath.IsAbs(out) {
			out = filepath.Join(m.app.Dir, out)
		}
		info, err := os.Stat(out)
		switch {
		case err == nil && !info.IsDir():
			return backup.Options{}, usage(fmt.Errorf("-o %s: there is a file of that name", f.out))
		case err == nil:
			m.cfg.BackupRoot.V = out
		default:
			m.cfg.BackupRoot.V, name = filepath.Dir(out), filepath.Base(out)
		}
	}
	if m.root() == "" {
		return backup.Options{}, usage(errors.New("where to? -o names the bundle to make, or a folder for it"))
	}
	into := m.bundleOptions()
	into.Name, into.Compress = name, zstd
	return backup.Options{
		AllowDegraded: true, Reason: bundle.ReasonRescue, Progress: m.app.progress(), Clock: m.app.Now,
		Bundle: into,
	}, nil
}

// rescueFrom is the directory, whose collections are the memory's by their names. Of
// a source that was declared they are all there is: of the one that the directory is
// said to be of, or of the only one.
func (m *memoryAt) rescueFrom(dir, temp string) chromadir.Config {
	c := chromadir.Config{Path: dir, TempDir: temp, Now: m.app.Now, Others: rescued}
	at := m.cfg.Source(memory.KB).Store.V
	c.Collections = m.names()
	var chromas []config.Declared
	for _, d := range m.cfg.Declared {
		if !d.Preset && m.kind(&d).Databases {
			chromas = append(chromas, d)
		}
	}
	for _, d := range chromas {
		if sameFolder(d.Directory.V, dir) || len(c.Collections) == 0 && len(chromas) == 1 {
			c.Others, at, c.Collections = d.Name, d.Store.V, nil
		}
	}
	c.Tenant, c.Database = at.Tenant, at.Database
	return c
}

// sameFolder reports whether both are one folder, which is there.
func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// rescuedMemory says whose memory a directory holds: this one's, where it lies among
// its data or is what it reads, and else nobody's that is known. A restore asks for
// --force-memory then.
func (m *memoryAt) rescuedMemory(opts backup.Options, dir string) (backup.Options, error) {
	opts.MemoryID = memoryid.New()
	opts.Sequence = func(context.Context, int64) (int64, error) { return 1, nil }
	if !m.owns(dir) {
		return opts, nil
	}
	id, err := m.memoryID()
	if id != "" && err == nil {
		opts.MemoryID = id
		opts.Sequence = func(ctx context.Context, seen int64) (int64, error) {
			return memoryid.NextSequence(ctx, m.cfg.DataDir.V, seen)
		}
	}
	return opts, err
}

// owns reports whether a directory, its links resolved, is the memory's.
func (m *memoryAt) owns(dir string) bool {
	for _, d := range m.cfg.Declared {
		if sameFolder(d.Directory.V, dir) {
			return true
		}
	}
	data, err := filepath.EvalSymlinks(m.cfg.DataDir.V)
	return m.cfg.DataDir.V != "" && err == nil && strings.HasPrefix(dir, data+string(filepath.Separator))
}

// opened is a session that was opened already, as a store.
type opened struct{ store.Session }

// Open implements store.Store.
func (o opened) Open(context.Context, []memory.Section) (store.Session, error) { return o.Session, nil }

// rescueResult is the --json of a rescue.
type rescueResult struct {
	*backup.Receipt

	Rescue *chromadir.Report `json:"rescue"`
}

func (a *app) endRescue(r *backup.Receipt, report *chromadir.Report, f rescueFlags) error {
	if a.flags.asJSON {
		if err := a.printJSON(rescueResult{r, report}); err != nil {
			return err
		}
	} else if err := a.printRescue(r, report, f); err != nil {
		return err
	}
	if r.Degraded() {
		return end(exitDegraded)
	}
	return nil
}

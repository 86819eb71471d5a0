package keeper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

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

// Rescue is what a rescue is asked for.
type Rescue struct {
	// Dir is the persist directory of a Chroma. It is never changed.
	Dir string
	// Into is the bundle to make, or an existing folder to make it in; "" is the
	// backup root.
	Into     string
	Compress Compression
}

// Rescued is what a rescue did.
type Rescued struct {
	*backup.Receipt

	Rescue *chromadir.Report `json:"rescue"`
}

// Rescue makes a bundle of whatever a Chroma directory still holds. What had been
// seen by then is there beside an error, too, when there is any.
func (m *Memory) Rescue(ctx context.Context, r Rescue) (*Rescued, error) {
	dir := m.absolute(r.Dir)
	opts, err := m.rescueOptions(r)
	if err != nil {
		return nil, err
	}
	if err := m.lockRoot(ctx, lock.Exclusive); err != nil {
		return nil, err
	}
	m.temp.inRoot = true
	m.sweep(ctx)
	if err := roomFor(m.Root(), 2*treeBytes(dir), "a copy and a bundle", "no-room-to-rescue"); err != nil {
		return nil, err
	}
	temp, err := m.temporary()
	if err != nil {
		return nil, err
	}
	from := m.rescueFrom(dir, temp)
	session, report, err := chromadir.Rescue(ctx, from)
	if err != nil {
		return nil, interrupted(fail("", "no-chroma-directory", err), "not-rescued")
	}
	defer session.Close()
	if opts, err = m.rescuedMemory(opts, report.Path); err != nil {
		return nil, err
	}
	opts.Sources = []backup.Source{{Name: report.Path, Kind: memory.Vectors, Store: opened{session}, Subsystem: from.Others}}
	receipt, err := backup.Run(ctx, opts)
	if err != nil {
		err = interrupted(m.explain(err), "not-rescued")
	}
	m.traces.lasting = err == nil
	return &Rescued{receipt, report}, err
}

// rescueOptions says where the bundle goes, and moves the backup root there: locks,
// temporary files and the bundle are all in one place.
func (m *Memory) rescueOptions(r Rescue) (backup.Options, error) {
	name := ""
	if r.Into != "" {
		out := m.absolute(r.Into)
		info, err := os.Stat(out)
		switch {
		case err == nil && !info.IsDir():
			return backup.Options{}, fail(Usage, "into", errors.New("there is a file of that name"), r.Into)
		case err == nil:
			m.cfg.BackupRoot.V = out
		default:
			m.cfg.BackupRoot.V, name = filepath.Dir(out), filepath.Base(out)
		}
	}
	if m.Root() == "" {
		return backup.Options{}, fail(Usage, "into-nothing", errors.New("where to?"))
	}
	into := m.bundleOptions()
	into.Name, into.Compress = name, r.Compress == Zstd
	return backup.Options{
		Hint: m.opts.Hint, AllowDegraded: true, Reason: bundle.ReasonRescue, Progress: m.progress(), Clock: m.opts.Now,
		Bundle: into,
	}, nil
}

// rescueFrom is the directory, whose collections are the memory's by their names. Of
// a source that was declared they are all there is: of the one that the directory is
// said to be of, or of the only one.
func (m *Memory) rescueFrom(dir, temp string) chromadir.Config {
	c := chromadir.Config{Path: dir, TempDir: temp, Now: m.opts.Now, Others: rescued}
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
// its data or is what it reads, and else nobody's that is known. A restore has
// to be forced then.
func (m *Memory) rescuedMemory(opts backup.Options, dir string) (backup.Options, error) {
	opts.MemoryID = memoryid.New()
	opts.Sequence = func(context.Context, int64) (int64, error) { return 1, nil }
	if !m.owns(dir) {
		return opts, nil
	}
	id, err := m.memoryID()
	if id != "" && err == nil {
		opts.MemoryID = id
		opts.Sequence = m.nextSequence
	}
	return opts, err
}

// owns reports whether a directory, its links resolved, is the memory's.
func (m *Memory) owns(dir string) bool {
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

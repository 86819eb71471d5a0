package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
	"keepsake/internal/provenance"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
)

// memoryAt is the memory that a command works on: its configuration, and its
// stores made from that.
type memoryAt struct {
	app *app
	cfg *config.Config
	// dropped counts what the filters of a restore left out.
	dropped graph.Dropped
	held    locks
	temp    temporary
}

// memory loads the configuration. A command that only reads bundles, or that
// makes a memory anew, passes optional: the data folder may be absent then.
func (a *app) memory(optional bool) (*memoryAt, error) {
	flags := maps.Clone(a.flags.settings)
	for name, value := range map[string]string{
		config.FlagConfig: a.flags.config, config.FlagDataDir: a.flags.dataDir, config.FlagBackupRoot: a.flags.backupRoot,
	} {
		if value != "" {
			flags[name] = value
		}
	}
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Flags: flags, Env: a.LookupEnv, Start: a.Dir, DataDirOptional: optional})
	if err != nil {
		return nil, configFailure(err)
	}
	a.printFindings(cfg.Findings)
	return &memoryAt{app: a, cfg: cfg}, nil
}

func configFailure(err error) error {
	var bad *config.Error
	var none *config.NoDataDirError
	switch {
	case errors.As(err, &bad):
		return fail(exitUsage, err, bad.Hint)
	case errors.As(err, &none):
		return fail(exitNotFound, err, "--data-dir names the memory's folder")
	}
	return err
}

func (m *memoryAt) root() string { return m.cfg.BackupRoot.V }

// dataDir returns the memory's folder, which need not exist yet.
func (m *memoryAt) dataDir() (string, error) {
	if m.cfg.DataDir.V == "" {
		return "", fail(exitNotFound, errors.New("there is no data folder to work on"), "--data-dir names the memory's folder")
	}
	return m.cfg.DataDir.V, nil
}

// memoryID returns the memory's id, "" when it has none yet.
func (m *memoryAt) memoryID() (string, error) {
	if m.cfg.DataDir.V == "" {
		return "", nil
	}
	id, err := memoryid.Load(m.cfg.DataDir.V)
	return id.MemoryID, err
}

// topology is nil where there is none: it is Neo's.
func (m *memoryAt) topology() *memory.Topology {
	if !m.cfg.HasTopology() {
		return nil
	}
	t := m.cfg.Topology()
	return &t
}

// identify gives the memory an id, if it has none, and puts it into opts.
func (m *memoryAt) identify(ctx context.Context, opts backup.Options) (backup.Options, error) {
	dir, err := m.dataDir()
	if err != nil {
		return opts, err
	}
	id, err := memoryid.Create(ctx, dir, m.app.Now())
	if err != nil {
		return opts, err
	}
	opts.MemoryID = id.MemoryID
	opts.Sequence = func(ctx context.Context, seen int64) (int64, error) {
		return memoryid.NextSequence(ctx, dir, seen)
	}
	return opts, nil
}

// adopt gives a memory that has no id the id of the bundle that it is restored
// from, before the first row is written. One that has an id keeps it.
func (m *memoryAt) adopt(ctx context.Context, b *bundle.Bundle) error {
	dir, err := m.dataDir()
	if err != nil || bundleMemory(b) == "" {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // the memory may have been lost with its folder
		return fmt.Errorf("make data folder: %w", err)
	}
	_, err = memoryid.Adopt(ctx, dir, bundleMemory(b), b.Meta().Keepsake.Sequence, m.app.Now())
	if errors.Is(err, memoryid.ErrOther) {
		return nil // the preflight judged it
	}
	return err
}

// compressions are the values of --compress.
var compressions = map[string]bool{"": false, "none": false, "zstd": true}

func (m *memoryAt) backupOptions(f backupFlags) (backup.Options, error) {
	dir, err := m.dataDir()
	if err != nil {
		return backup.Options{}, err
	}
	zstd, ok := compressions[f.compress]
	if !ok {
		return backup.Options{}, usage(fmt.Errorf("--compress %q is neither none nor zstd", f.compress))
	}
	sources, err := m.sources()
	if err != nil {
		return backup.Options{}, err
	}
	accepted, err := acceptedLineages(f.acceptLineage)
	if err != nil {
		return backup.Options{}, err
	}
	beside := provenance.Of(dir)
	into := m.bundleOptions()
	into.Compress = zstd
	return backup.Options{
		Sources: sources, Only: f.only, AllowDegraded: f.allowDegraded, AcceptLineage: accepted, Restored: m.restored,
		Bundle:   into,
		Topology: m.topology(), NeoVersion: beside.NeoVersion, GitSHA: beside.GitSha,
		Tags: f.tags, Progress: m.app.progress(), Clock: m.app.Now,
	}, nil
}

// explainStores adds what the operator can do to an error of a store.
func (m *memoryAt) explainStores(err error) error {
	switch {
	case errors.Is(err, store.ErrUnfinished):
		return fail(exitLocked, err, "finish it with keepsake restore --resume")
	case errors.Is(err, store.ErrUnreachable):
		if m.misplaced() {
			return fail(exitStore, err, hintMisplaced)
		}
		return fail(exitStore, err, "is it running, and is this its address? keepsake config show prints where each value comes from")
	case errors.Is(err, store.ErrAbsent):
		return fail(exitStore, err, "--only backs up what there is; --allow-degraded publishes without it and ends with code 3")
	case errors.Is(err, store.ErrUnreadable):
		return fail(exitStore, err, cmp.Or(hintOf(err), "--allow-degraded publishes without it and ends with code 3"))
	case errors.Is(err, backup.ErrNothingToAccept):
		return fail(exitUsage, err, "keepsake backup --dry-run lists the sections")
	case errors.Is(err, backup.ErrParity):
		return fail(exitFailed, err, "nothing was published; run it again, and if it stays, --allow-degraded publishes what can be read")
	}
	return err
}

// bundleMemory returns whose memory a bundle is, "" when it doesn't say.
func bundleMemory(b *bundle.Bundle) string {
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		return meta.Keepsake.MemoryID
	}
	return ""
}

// restoreOptions says where a bundle's sections go.
func (m *memoryAt) restoreOptions(b *bundle.Bundle, f restoreFlags) (restore.Options, error) {
	as, err := parseSections("as", f.as)
	if err != nil {
		return restore.Options{}, err
	}
	targets, err := m.targets(b, as, f.to)
	if err != nil {
		return restore.Options{}, err
	}
	id, err := m.memoryID()
	if err != nil {
		return restore.Options{}, err
	}
	opts := restore.Options{
		Kinds: keeper.Kinds(), Bundle: b, Targets: targets, Only: f.only, Proof: store.Proof(f.proof),
		Topology: m.cfg.Topology(), MemoryID: id,
		ForceTopology: f.forceTopology, ForceMemory: f.forceMemory, AllowEmpty: f.allowEmpty,
		Request:  f.request(b),
		Progress: m.app.progress(), Clock: m.app.Now,
	}
	if len(f.filterLabels)+len(f.filterEdgeTypes) > 0 {
		opts.Filters = map[memory.Section]restore.Filter{memory.Graph: graph.Filter(f.filterLabels, f.filterEdgeTypes, &m.dropped)}
	}
	return opts, nil
}

// ownDir is keepsake's own folder in the data folder.
func (m *memoryAt) ownDir() string { return filepath.Join(m.cfg.DataDir.V, ".keepsake") }

// restores is where every restore keeps its plan and its receipt: with the data,
// because they describe that memory.
func (m *memoryAt) restores() string { return filepath.Join(m.ownDir(), "restores") }

// restoreDir is the folder of a restore that begins now.
func (m *memoryAt) restoreDir(b *bundle.Bundle) string {
	return filepath.Join(m.restores(), bundle.FormatTimestamp(m.app.Now())+"-"+b.Name())
}

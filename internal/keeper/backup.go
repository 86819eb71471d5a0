package keeper

import (
	"context"
	"errors"

	"keepsake/internal/backup"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/provenance"
)

// Compression says how the files of a bundle are written. The zero one is None.
type Compression string

// The compressions.
const (
	None Compression = "none"
	Zstd Compression = "zstd"
)

// Backup is what a backup is asked for.
type Backup struct {
	Only          []string
	DryRun        bool
	Compress      Compression
	AllowDegraded bool
	// AcceptLineage are sections that are taken for the memory though they are
	// suspect.
	AcceptLineage []memory.Section
	Tags          map[string]string
}

// Backup makes a bundle, and has retention run after it. With DryRun it goes through
// all of it, writes nothing, and ends as the run would.
// The receipt is there beside an error, too, with what had been seen by then.
func (m *Memory) Backup(ctx context.Context, b Backup) (*backup.Receipt, *Removing, error) {
	opts, err := m.backupOptions(b)
	if err != nil {
		return nil, nil, err
	}
	if err := checkOnly(b.Only, opts.Sources, nil); err != nil {
		return nil, nil, err
	}
	for _, l := range m.Legacy() {
		switch {
		case l.Written:
			m.notify("%s IS NOT BACKED UP and was written to since the last bundle: %s", l.Path, l.Reason)
		case l.First:
			m.notify("%s is not backed up: %s", l.Path, l.Reason)
		}
	}
	if b.DryRun {
		return m.foresee(ctx, b, opts)
	}
	if err := errors.Join(m.lockRoot(ctx, lock.Exclusive), m.lockTarget(ctx, lock.Shared), m.blocked()); err != nil {
		return nil, nil, err
	}
	m.temp.inRoot = true
	m.sweep(ctx) // it may give room back
	if err := m.roomForBackup(b); err != nil {
		return nil, nil, err
	}
	if opts, err = m.identify(ctx, opts); err != nil {
		return nil, nil, err
	}
	r, err := backup.Run(ctx, opts)
	if err != nil {
		return r, nil, m.unpublished(err)
	}
	m.traces.lasting = true
	m.lateRows(ctx, r)
	return r, m.retain(ctx, r), nil
}

func (m *Memory) unpublished(err error) error {
	return interrupted(m.explain(err), "unpublished")
}

// backupOptions are those of a backup of all of the memory's sources.
func (m *Memory) backupOptions(b Backup) (backup.Options, error) {
	dir, err := m.dataDir()
	if err != nil {
		return backup.Options{}, err
	}
	sources, err := m.sources()
	if err != nil {
		return backup.Options{}, err
	}
	if err := m.checkAccepted(b.AcceptLineage); err != nil {
		return backup.Options{}, err
	}
	beside := provenance.Of(dir)
	into := m.bundleOptions()
	into.Compress = b.Compress == Zstd
	return backup.Options{
		Hint: m.opts.Hint, Sources: sources, Only: b.Only, AllowDegraded: b.AllowDegraded,
		Alarm: backup.Alarm(m.cfg.Alarm.Lost.V), AcceptLineage: b.AcceptLineage, Restored: m.restored(), Matched: m.matched,
		Bundle:   into,
		Topology: m.topology(), NeoVersion: beside.NeoVersion, GitSHA: beside.GitSha,
		Tags: b.Tags, Progress: m.progress(), Clock: m.opts.Now,
	}, nil
}

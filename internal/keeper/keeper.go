// Package keeper is the application: a configured memory with its sources, targets,
// locks, guard, safety bundles, retention and doctor. It returns values, and errors
// with grounds; how they are asked for and shown is nobody's business here.
package keeper

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
)

// Options are what a memory is opened with.
type Options struct {
	// Config says where the configuration is looked for; paths that are handed in
	// later are relative to its Start. Its nil Kinds are those of the table.
	Config config.Options
	Now    func() time.Time
	// Host says where the run is; nil knows nothing of it.
	Host func() Host
	// FS is what bundles are written to, nil for the real one.
	FS bundle.FS
	// Tool is how a bundle names the program that made it.
	Tool string
	// Me is this process, and Alive tells whether another one runs, where it can.
	Me    lock.Owner
	Alive func(lock.Owner) (alive, known bool)
	// LockWait is how long a run waits for another to end.
	LockWait time.Duration
	// SkipUnreadable lets the choice of the latest bundle go on past one that can't
	// be read.
	SkipUnreadable bool
	// Progress makes what shows how a run gets on; nil shows nothing.
	Progress func() store.Progress
	// Hint says what the operator can do about a finding or a refusal, by its code.
	Hint memory.Hints
	// Notify is told what happens on the way and ends nothing; nil is deaf.
	Notify func(memory.Finding)
}

// Memory is the memory that somebody works on: its configuration, and its stores
// made from that.
type Memory struct {
	opts Options
	cfg  *config.Config
	// dropped counts what the filters of a restore left out.
	dropped graph.Dropped
	held    locks
	temp    temporary
	traces  traces
}

// Open loads the configuration. Its errors are package config's. The caller closes
// the memory.
func Open(opts Options) (*Memory, error) {
	if opts.Config.Kinds == nil {
		opts.Config.Kinds = Kinds()
	}
	opts.Config.Hint = opts.Hint
	cfg, err := config.Load(opts.Config)
	if err != nil {
		return nil, err
	}
	return &Memory{opts: opts, cfg: cfg}, nil
}

// Close lets go of all that the runs hold: temporary files, then locks.
func (m *Memory) Close() {
	if m.temp.remove != nil {
		if err := m.temp.remove(); err != nil {
			m.notify("%v", err)
		}
		m.temp = temporary{}
	}
	m.tidy()
	for path, l := range m.held {
		if err := l.Release(); err != nil {
			m.notify("let go of lock %s: %v", path, err)
		}
	}
	m.held = nil
}

// Config is what the memory was configured with.
func (m *Memory) Config() *config.Config { return m.cfg }

// Root is the backup root, "" when there is none.
func (m *Memory) Root() string { return m.cfg.BackupRoot.V }

// Dropped counts what the filters of a restore have left out so far.
func (m *Memory) Dropped() graph.Dropped { return m.dropped }

// progress shows how one run gets on.
func (m *Memory) progress() store.Progress {
	if m.opts.Progress == nil {
		return store.Quiet{}
	}
	return m.opts.Progress()
}

// absolute is a path that was handed in.
func (m *Memory) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(m.opts.Config.Start, path)
}

// relative shortens a path below the folder that paths are relative to.
func (m *Memory) relative(path string) string { return Relative(m.opts.Config.Start, path) }

// Relative shortens a path below dir.
func Relative(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// dataDir returns the memory's folder, which need not exist yet.
func (m *Memory) dataDir() (string, error) {
	if m.cfg.DataDir.V == "" {
		return "", fail(NotFound, "no-data-folder", errors.New("there is no data folder to work on"))
	}
	return m.cfg.DataDir.V, nil
}

// ownDir is keepsake's own folder in the data folder.
func (m *Memory) ownDir() string { return filepath.Join(m.cfg.DataDir.V, ".keepsake") }

// restores is where every restore keeps its plan and its receipt: with the data,
// because they describe that memory.
func (m *Memory) restores() string { return filepath.Join(m.ownDir(), "restores") }

// restoreDir is the folder of a restore that begins now.
func (m *Memory) restoreDir(b *bundle.Bundle) string {
	return filepath.Join(m.restores(), bundle.FormatTimestamp(m.opts.Now())+"-"+b.Name())
}

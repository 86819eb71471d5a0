package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"keepsake/internal/memory"
)

func (l *loader) backupRoot() error {
	root, ok := l.flag(FlagBackupRoot)
	if !ok {
		root, ok = l.env(backupPath)
	}
	if !ok {
		root, ok = l.key(l.file.BackupRoot)
	}
	if ok {
		var err error
		l.cfg.BackupRoot, err = l.absolute(root)
		return err
	}
	l.cfg.BackupRoot = l.inDataDir("backups")
	return nil
}

// collections names the collections.
func (l *loader) collections() error {
	for _, c := range []struct {
		to     *Value[string]
		names  []string
		key    scalar
		preset string
	}{
		{&l.cfg.KnowledgeBase, nil, l.file.Collections.KnowledgeBase, "neo-knowledge-base"},
		{&l.cfg.Memories, []string{memoryName, memoryNameOlder}, l.file.Collections.Memory, "neo-agent-memory"},
		{&l.cfg.Summaries, []string{sessionName, sessionNameOlder}, l.file.Collections.Summaries, "neo-agent-sessions"},
	} {
		name, ok := l.env(c.names...)
		if !ok {
			name, ok = l.key(c.key)
		}
		if !ok {
			name = Value[string]{c.preset, l.fromPreset()}
		}
		if _, err := parseCollection(name.V); err != nil {
			return &Error{Source: name.Source, Err: err}
		}
		*c.to = name
	}
	return nil
}

// layout places what is in files.
func (l *loader) layout() error {
	stores := l.file.Stores
	for _, p := range []struct {
		to   *Value[Store]
		key  scalar
		kind string
		path []string
	}{
		{&l.cfg.Graph, stores.Graph, memory.KindGraph, []string{"sqlite", "memory-core-graph.sqlite"}},
		{&l.cfg.Concepts, stores.Concepts, memory.KindFiles, []string{"concepts"}},
		{&l.cfg.Trajectories, stores.Trajectories, memory.KindFiles, []string{"datasets", "rlaif", "trajectories.jsonl"}},
		{&l.cfg.Mailbox, stores.Mailbox, memory.KindFiles, []string{"sqlite", "sent-to-cull.jsonl"}},
	} {
		if err := l.place(p.to, p.key, p.kind, p.path); err != nil {
			return err
		}
	}
	return l.graphFromEnv()
}

// place takes a store from the file, else from the preset.
func (l *loader) place(to *Value[Store], key scalar, kind string, path []string) error {
	text, ok := l.key(key)
	if !ok {
		if in := l.inDataDir(path...); in.V != "" {
			*to = Value[Store]{Store{Kind: kind, Path: in.V}, in.Source}
		}
		return nil
	}
	store, err := l.store(text)
	if err != nil {
		return err
	}
	if store.V.Kind != kind {
		return &Error{Source: text.Source, Err: fmt.Errorf("a %s store can't be used here; want %s:…", store.V.Kind, kind)}
	}
	*to = store
	return nil
}

func (l *loader) graphFromEnv() error {
	path, ok := l.env(graphPath)
	if !ok {
		return nil
	}
	if path.V == ":memory:" {
		return &Error{Source: path.Source, Err: errors.New("a graph in memory can't be read by another process")}
	}
	path, err := l.absolute(path)
	l.cfg.Graph = Value[Store]{Store{Kind: memory.KindGraph, Path: path.V}, path.Source}
	return err
}

// inDataDir returns the preset's path below the data dir, none without one.
func (l *loader) inDataDir(path ...string) Value[string] {
	if l.cfg.DataDir.V == "" {
		return Value[string]{}
	}
	return Value[string]{filepath.Join(append([]string{l.cfg.DataDir.V}, path...)...), l.fromPreset()}
}

// Place says where a section lives.
type Place struct {
	// Section is a section, or for a folder and for a declared source the subsystem
	// whose sections are the files or the collections in it.
	Section memory.Section
	Store   Store
	Source  Source
}

// Places lists where everything lives, in the order in which a backup reads it:
// what refers to a record comes before the record, and declared sources come last.
// Collections are named, but for those of declared sources.
func (c *Config) Places() []Place {
	places := []Place{
		{memory.Graph, c.Graph.V, c.Graph.Source},
		{memory.Memories, c.MC.Store.V.named(c.Memories.V), c.MC.Store.Source},
		{memory.Summaries, c.MC.Store.V.named(c.Summaries.V), c.MC.Store.Source},
		{memory.KnowledgeBase, c.KB.Store.V.named(c.KnowledgeBase.V), c.KB.Store.Source},
		{memory.Section(memory.Concepts), c.Concepts.V, c.Concepts.Source},
		{memory.TrajectoryLog, c.Trajectories.V, c.Trajectories.Source},
		{memory.MailboxSentToCull, c.Mailbox.V, c.Mailbox.Source},
	}
	for _, d := range c.Declared {
		places = append(places, Place{memory.Section(d.Name), d.Store.V, d.Store.Source})
	}
	known := places[:0]
	for _, p := range places {
		if p.Store.Kind != "" {
			known = append(known, p)
		}
	}
	return known
}

func (s Store) named(collection string) Store {
	s.Collection = collection
	return s
}

// Excluded is something in the data dir that is never backed up.
type Excluded struct {
	Path   string
	Reason string
}

// Excluded lists what the preset leaves out, whether or not it is there.
func (c *Config) Excluded() []Excluded {
	if c.DataDir.V == "" || !c.Neo() {
		return nil
	}
	return []Excluded{
		{
			filepath.Join(c.DataDir.V, "neo-sqlite", "memory-core.sqlite"),
			"the combined store that Neo.mjs retired: the graph and the collections hold what was in it",
		},
		{filepath.Join(c.DataDir.V, "wake-daemon"), "the state of a running process"},
	}
}

// ChromaDirs returns where Neo.mjs keeps the directories of its own Chromas, for
// reading them when no server answers: KB's and MC's, the same when unified. They
// are "" without a data dir and without Neo's layout, and need not exist.
func (c *Config) ChromaDirs() (kb, mc string) {
	if c.DataDir.V == "" || !c.Neo() {
		return "", ""
	}
	dir := filepath.Join(c.DataDir.V, "chroma")
	if c.Unified.V {
		return filepath.Join(dir, "unified"), filepath.Join(dir, "unified")
	}
	return filepath.Join(dir, "knowledge-base"), filepath.Join(dir, "memory-core")
}

package cli

import (
	"context"
	"fmt"
	"os"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/either"
)

// sources lists the stores in the order in which they are opened.
func (m *memoryAt) sources() ([]backup.Source, error) {
	var out []backup.Source
	if m.cfg.Neo() {
		neo, err := m.neoSources()
		if err != nil {
			return nil, err
		}
		out = neo
	}
	for _, d := range m.cfg.Declared {
		sources, err := m.declared(d)
		if err != nil {
			return nil, err
		}
		out = append(out, sources...)
	}
	return out, nil
}

func (m *memoryAt) neoSources() ([]backup.Source, error) {
	graph, err := m.graph(m.cfg.Graph.V)
	if err != nil {
		return nil, err
	}
	out := []backup.Source{{Name: "graph", Kind: memory.Elements, Store: graph, Sections: []memory.Section{memory.Graph}}}
	for _, h := range m.holdings() {
		s, err := m.reader(h.at, collectionsOf{named: m.names(h.sections...)})
		if err != nil {
			return nil, err
		}
		out = append(out, backup.Source{Name: h.name, Kind: memory.Vectors, Store: s, Sections: h.sections})
	}
	for _, f := range m.files() {
		out = append(out, backup.Source{Name: string(f.subsystem), Store: f.store, Subsystem: f.subsystem})
	}
	return out, nil
}

// holding is a store of vectors and the sections of Neo's that it holds.
type holding struct {
	name     string
	at       config.Vectors
	sections []memory.Section
}

// holdings are one where the topology is unified, and else two; none of another
// preset than Neo's.
func (m *memoryAt) holdings() []holding {
	if !m.cfg.Neo() {
		return nil
	}
	if m.cfg.Unified.V && m.cfg.KB.Store.V.Same(m.cfg.MC.Store.V) {
		return []holding{{"store of kb and mc", m.cfg.KB, []memory.Section{memory.Memories, memory.Summaries, memory.KnowledgeBase}}}
	}
	return []holding{
		{"store of mc", m.cfg.MC, []memory.Section{memory.Memories, memory.Summaries}},
		{"store of kb", m.cfg.KB, []memory.Section{memory.KnowledgeBase}},
	}
}

func vectorSections() []memory.Section {
	return []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries}
}

// names maps sections to the collections that hold them.
func (m *memoryAt) names(sections ...memory.Section) map[memory.Section]string {
	all := map[memory.Section]string{
		memory.KnowledgeBase: m.cfg.KnowledgeBase.V, memory.Memories: m.cfg.Memories.V, memory.Summaries: m.cfg.Summaries.V,
	}
	out := map[memory.Section]string{}
	for _, s := range sections {
		out[s] = all[s]
	}
	return out
}

// collectionsOf are the collections of a store that are meant: those that are named,
// and under others each that takes takes.
type collectionsOf struct {
	named  map[memory.Section]string
	others memory.Subsystem
	takes  func(collection string) bool
}

// reader makes the store that vectors are read from, in the way that was chosen.
func (m *memoryAt) reader(v config.Vectors, of collectionsOf) (store.Store, error) {
	s := v.Store.V
	switch {
	case s.Kind == memory.KindChromaDir:
		return m.directory(s.Path, s, of), nil
	case s.Kind != memory.KindChroma:
		return m.vectors(v, of)
	case v.Way.V == config.WayDirectory:
		return m.directory(v.Directory.V, s, of), nil
	}
	server, err := m.vectors(v, of)
	if err != nil || v.Way.V != config.WayAuto {
		return server, err
	}
	return either.New(server, m.directory(v.Directory.V, s, of)), nil
}

// directory makes the store of a Chroma's persist directory. Its copies have a place
// only once it is opened.
func (m *memoryAt) directory(path string, s config.Store, of collectionsOf) store.Store {
	return lazily(func() (store.Store, error) {
		temp, err := m.temporary()
		if err != nil {
			return nil, err
		}
		return chromadir.New(chromadir.Config{
			Path: path, Tenant: s.Tenant, Database: s.Database, TempDir: temp, Now: m.app.Now,
			Collections: of.named, Others: of.others, Takes: of.takes,
		}), nil
	})
}

// lazily is a store that is made when it is opened.
type lazily func() (store.Store, error)

// Open implements store.Store.
func (l lazily) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	s, err := l()
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, sections)
}

// temporary is a folder for the copies that a run reads from, gone with its end. A
// run that holds the backup root has it there, where there is room for a bundle;
// what only looks has it where the system has its temporary files.
func (m *memoryAt) temporary() (dir string, err error) {
	if m.temp.dir != "" {
		return m.temp.dir, nil
	}
	if m.temp.inRoot {
		scratch, err := catalog.MakeScratch(m.bundleOptions())
		if err != nil {
			return "", err
		}
		m.temp.dir, m.temp.remove = scratch.Dir(), scratch.Remove
		return m.temp.dir, nil
	}
	if dir, err = os.MkdirTemp("", "keepsake-"); err != nil {
		return "", fmt.Errorf("make folder for copies: %w", err)
	}
	m.temp.dir, m.temp.remove = dir, func() error { return os.RemoveAll(dir) }
	return dir, roomFor(dir, m.copies(nil), "the copies of what is read", "TMPDIR names another folder for temporary files")
}

// temporary files of a run.
type temporary struct {
	inRoot bool   // the run holds the backup root alone
	dir    string // "" when there is none
	remove func() error
}

// bundleOptions are those of a bundle in the backup root.
func (m *memoryAt) bundleOptions() bundle.Options {
	return bundle.Options{Root: m.root(), FS: m.app.FS, Now: m.app.Now(), Tool: tool(), Owner: m.app.me()}
}

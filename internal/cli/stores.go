package cli

import (
	"context"
	"fmt"
	"time"

	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
)

// readWriter is a store that is a source and a target.
type readWriter interface {
	store.Store
	store.Target
}

// vectors makes the store of vector sections that v describes, to read from it and to
// write to it.
func (m *memoryAt) vectors(v config.Vectors, of collectionsOf) (readWriter, error) {
	switch s := v.Store.V; s.Kind {
	case memory.KindChroma:
		return m.chroma(v, of)
	case memory.KindCollections:
		return collections.New(collections.Config{Path: s.Path, Collections: of.named, Now: m.app.Now}), nil
	default:
		return nil, usage(fmt.Errorf("%s: vectors are on a Chroma server (chroma:) or in a file of collections (collections:)", s))
	}
}

func (m *memoryAt) chroma(v config.Vectors, of collectionsOf) (*chroma.Server, error) {
	s := v.Store.V
	headers := map[string]string{}
	for name, value := range v.Headers.V {
		headers[name] = value.Reveal()
	}
	server, err := chroma.New(chroma.Config{
		BaseURL: s.Address(), Tenant: s.Tenant, Database: s.Database,
		Token: v.Token.V.Reveal(), Headers: headers, Now: m.app.Now,
		Collections: of.named, Others: of.others, Takes: of.takes,
		PageRows: v.PageRows.V, PageBytes: int64(v.PageBytes.V),
	})
	if err != nil {
		return nil, usage(err)
	}
	return server, nil
}

func (m *memoryAt) graph(s config.Store) (readWriter, error) {
	if s.Kind != memory.KindGraph {
		return nil, usage(fmt.Errorf("%q: the graph is in a SQLite file (graph:FILE)", s))
	}
	return graph.New(graph.Config{Path: s.Path, Now: m.app.Now}), nil
}

// hintMisplaced is what the operator can do when misplaced reports true.
const hintMisplaced = "the MC collections are on KB's server: set topology: unified in keepsake.yaml, or NEO_CHROMA_UNIFIED=true"

// misplaced reports whether the collections of MC are on KB's server though the
// topology says otherwise. It is only asked to explain an error.
func (m *memoryAt) misplaced() bool {
	const patience = 5 * time.Second
	if !m.cfg.Neo() || m.cfg.Unified.V || m.cfg.KB.Store.V.Kind != memory.KindChroma {
		return false
	}
	kb, err := m.vectors(m.cfg.KB, collectionsOf{named: m.names(memory.Memories, memory.Summaries)})
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	survey, err := kb.Survey(ctx, memory.Memories)
	return err == nil && survey.Exists
}

// like is a store of vectors that a command names. Credentials go to the server that
// they are for, and to no other.
func (m *memoryAt) like(s config.Store) config.Vectors {
	v := config.Vectors{Store: config.Value[config.Store]{V: s}}
	for _, known := range m.knownVectors() {
		if s.Same(known.Store.V) {
			v.Token, v.Headers, v.PageRows, v.PageBytes = known.Token, known.Headers, known.PageRows, known.PageBytes
		}
	}
	return v
}

// knownVectors are the stores of vectors that the configuration names.
func (m *memoryAt) knownVectors() (all []config.Vectors) {
	for _, h := range m.holdings() {
		all = append(all, h.at)
	}
	for _, d := range m.cfg.Declared {
		all = append(all, d.Vectors)
	}
	return all
}

// fileStore is the store of one subsystem of JSONL files.
type fileStore struct {
	subsystem memory.Subsystem
	store     readWriter
}

func (m *memoryAt) files() []fileStore {
	sources := []flat.Source{
		{Subsystem: memory.Concepts, Path: m.cfg.Concepts.V.Path, Keyed: true},
		{Subsystem: memory.Trajectories, Path: m.cfg.Trajectories.V.Path, Name: memory.TrajectoryLog.Name()},
		{Subsystem: memory.Mailbox, Path: m.cfg.Mailbox.V.Path, Name: memory.MailboxSentToCull.Name()},
	}
	var out []fileStore
	for _, s := range sources {
		if s.Path == "" {
			continue // without a data folder there is none
		}
		out = append(out, fileStore{s.Subsystem, flat.New(flat.Config{Sources: []flat.Source{s}, Now: m.app.Now})})
	}
	return out
}

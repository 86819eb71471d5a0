package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// targets lists those that --to names first, then the memory's own stores.
func (m *memoryAt) targets(b *bundle.Bundle, as map[memory.Section]string, to map[string]string) ([]restore.Target, error) {
	named, err := parseSections("to", to)
	if err != nil {
		return nil, err
	}
	var out []restore.Target
	for section, text := range named {
		t, err := m.toStore(b, section, text, as[section])
		if err != nil {
			return nil, err
		}
		out = append(out, restore.Target{Sections: []string{string(section)}, Store: t})
	}
	own, err := m.ownTargets(b, as)
	return append(out, own...), err
}

// ownTargets are the memory's own stores. What was declared takes what the bundle
// holds of it.
func (m *memoryAt) ownTargets(b *bundle.Bundle, as map[memory.Section]string) ([]restore.Target, error) {
	var out []restore.Target
	if m.cfg.Neo() {
		neo, err := m.neoTargets(as)
		if err != nil {
			return nil, err
		}
		out = neo
	}
	for _, d := range m.cfg.Declared {
		targets, err := m.declaredTargets(d, sectionsOf(b), as)
		if err != nil {
			return nil, err
		}
		out = append(out, targets...)
	}
	return out, nil
}

func (m *memoryAt) neoTargets(as map[memory.Section]string) ([]restore.Target, error) {
	kb, err := m.vectorTarget(m.cfg.KB, collectionsOf{named: mergeNames(m.names(memory.KnowledgeBase), as)})
	if err != nil {
		return nil, err
	}
	mc, err := m.vectorTarget(m.cfg.MC, collectionsOf{named: mergeNames(m.names(memory.Memories, memory.Summaries), as)})
	if err != nil {
		return nil, err
	}
	g, err := m.graph(m.cfg.Graph.V)
	if err != nil {
		return nil, err
	}
	out := []restore.Target{
		{Sections: []string{string(memory.GraphSystem)}, Store: g},
		{Sections: []string{string(memory.MC)}, Store: mc},
		{Sections: []string{string(memory.KB)}, Store: kb},
	}
	for _, f := range m.files() {
		out = append(out, restore.Target{Sections: []string{string(f.subsystem)}, Store: f.store})
	}
	return out, nil
}

// mergeNames returns names with those of as in their place.
func mergeNames(names, as map[memory.Section]string) map[memory.Section]string {
	out := maps.Clone(names)
	for s, name := range as {
		if _, ok := out[s]; ok {
			out[s] = name
		}
	}
	return out
}

// vectorTarget makes the store that vectors are written to: the server also where
// they are read from its directory.
func (m *memoryAt) vectorTarget(v config.Vectors, of collectionsOf) (store.Target, error) {
	if v.Store.V.Kind == memory.KindChromaDir {
		return readOnly{v.Store.V}, nil
	}
	return m.vectors(v, of)
}

// errReadOnly says that a store is only read.
var errReadOnly = errors.New("a Chroma directory is written by its server alone: --to names one, as chroma:http://host:port")

// readOnly is the target where there is none.
type readOnly struct{ at config.Store }

func (r readOnly) refuse() error { return fmt.Errorf("%s: %w", r.at, errReadOnly) }

// Survey implements store.Target.
func (r readOnly) Survey(context.Context, memory.Section) (store.Survey, error) {
	return store.Survey{}, r.refuse()
}

// Merge implements store.Target.
func (r readOnly) Merge(context.Context, memory.SectionSpec, iter.Seq2[memory.Record, error], store.MergeOptions) (store.Result, error) {
	return store.Result{}, r.refuse()
}

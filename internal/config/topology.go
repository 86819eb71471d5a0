package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"keepsake/internal/memory"
)

// The two topologies, as a flag and the file spell them.
const (
	unified   = "unified"
	federated = "federated"
)

// topology decides whether KB and MC are on one Chroma: the flag or the file,
// else NEO_CHROMA_UNIFIED, else the data dir, else federated. The file comes
// before the environment here and nowhere else, because that name is exported by
// whoever starts the agents, for all of them.
func (l *loader) topology() error {
	if l.preset.Topology.From == "" {
		return nil
	}
	asked, ok := l.flag(FlagTopology)
	if !ok {
		asked, ok = l.key(l.file.Topology)
	}
	env, err := l.unifiedEnv()
	if err != nil {
		return err
	}
	switch {
	case ok && asked.V != unified && asked.V != federated:
		return &Error{Source: asked.Source, Err: fmt.Errorf("unknown topology %.40q; want %s or %s", asked.V, unified, federated)}
	case ok:
		l.cfg.Unified = Value[bool]{asked.V == unified, asked.Source}
		if env.Source.Kind != "" && env.V != l.cfg.Unified.V {
			l.warn("topology-overruled", fmt.Sprintf("%s is not followed: %s says %s", env.Source, asked.Source, asked.V), "")
		}
		return nil
	case env.Source.Kind != "":
		l.cfg.Unified = env
		return nil
	}
	return l.detectTopology()
}

func (l *loader) unifiedEnv() (Value[bool], error) {
	text, ok := l.env(l.preset.Topology.From)
	if ok && text.V != "true" && text.V != "false" {
		return Value[bool]{}, &Error{Source: text.Source, Err: errors.New("want true or false")}
	}
	return Value[bool]{text.V == "true", text.Source}, nil
}

func (l *loader) detectTopology() error {
	l.cfg.Unified = Value[bool]{false, Source{Kind: FromDefault}}
	if l.cfg.DataDir.V == "" {
		return nil
	}
	dir := filepath.Join(l.cfg.DataDir.V, filepath.FromSlash(l.preset.Topology.Unified))
	found := Source{Kind: FromDetection, Name: dir}
	there, err := isDir(dir)
	if err != nil {
		return &Error{Source: found, Err: err}
	}
	if there {
		l.cfg.Unified = Value[bool]{true, found}
	}
	return nil
}

// checkTopology refuses what contradicts the topology, and doubts what may.
func (l *loader) checkTopology() error {
	kb, mc := l.cfg.Source(memory.KB).Store, l.cfg.Source(memory.MC).Store
	same := kb.V.Same(mc.V)
	if l.cfg.Unified.V && !same {
		return &Error{
			Source: mc.Source,
			Err:    fmt.Errorf("the topology is unified (%s), but mc is set to %s and kb to %s", l.cfg.Unified.Source, mc.V, kb.V),
			Hint:   "set topology: federated, or leave mc out",
		}
	}
	if !l.cfg.Unified.V && same {
		l.warn("topology-doubtful",
			fmt.Sprintf("the topology is federated (%s), but kb and mc are both %s", l.cfg.Unified.Source, kb.V),
			"set topology: unified if one Chroma serves both")
	}
	if l.cfg.Unified.V {
		return l.shareWay()
	}
	return nil
}

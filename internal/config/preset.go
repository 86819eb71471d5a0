package config

import (
	"errors"
	"fmt"
	"strings"
)

// preset names the layout that fills in what nobody said.
func (l *loader) preset() error {
	l.cfg.Preset = Value[string]{PresetNeo, Source{Kind: FromDefault}}
	asked, ok := l.key(l.file.Preset)
	if !ok {
		return nil
	}
	l.cfg.Preset = asked
	switch asked.V {
	case PresetNeo:
		return nil
	case PresetChroma:
		return l.withoutNeo()
	}
	return unknownPreset(asked)
}

func unknownPreset(asked Value[string]) error {
	return &Error{Source: asked.Source, Err: fmt.Errorf("unknown preset %.40q; want neo or chroma", asked.V)}
}

const hintSources = "say it under sources, as docs/configuration.md shows; or leave preset out, for a memory of Neo.mjs"

// withoutNeo refuses what the file and the flags say of Neo's layout, and doubts
// what the environment says of it: that may be meant for another memory.
func (l *loader) withoutNeo() error {
	for _, name := range []string{"stores", "collections", "topology", "vector-dimension"} {
		if key, ok := l.file.keys[name]; ok {
			return &Error{Source: l.file.source(key), Err: fmt.Errorf("preset chroma has no %s", name), Hint: hintSources}
		}
	}
	if topology, ok := l.flag(FlagTopology); ok {
		return &Error{Source: topology.Source, Err: errors.New("preset chroma has no topology"), Hint: "leave the flag out"}
	}
	var set []string
	for _, name := range neoNames {
		if _, ok := l.env(name); ok {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		l.warn("environment-not-followed",
			fmt.Sprintf("environment %s: not followed, because the preset is chroma (%s)", strings.Join(set, ", "), l.cfg.Preset.Source),
			"sources.chroma in the file says where the Chroma is")
	}
	return nil
}

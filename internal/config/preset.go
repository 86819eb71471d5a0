package config

import (
	"errors"
	"fmt"
	"strings"
)

// declares reports whether the file alone says what the memory is made of.
func (f *file) declares() bool {
	return f.Preset.text == PresetChroma || f.Preset.text == PresetNone
}

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
	case PresetNone:
		if len(l.file.Sources) == 0 {
			return &Error{Source: asked.Source, Err: errors.New("preset none without sources is no memory"), Hint: hintSources}
		}
		return l.withoutNeo()
	}
	return unknownPreset(asked)
}

func unknownPreset(asked Value[string]) error {
	return &Error{Source: asked.Source, Err: fmt.Errorf("unknown preset %.40q; want neo, chroma or none", asked.V)}
}

const hintSources = "say it under sources, as docs/configuration.md shows; or leave preset out, for a memory of Neo.mjs"

// withoutNeo refuses what the file and the flags say of Neo's layout, and doubts
// what the environment says of it: that may be meant for another memory.
func (l *loader) withoutNeo() error {
	for _, name := range []string{"stores", "collections", "topology", "vector-dimension"} {
		if key, ok := l.file.keys[name]; ok {
			return &Error{Source: l.file.source(key), Err: fmt.Errorf("preset %s has no %s", l.cfg.Preset.V, name), Hint: hintSources}
		}
	}
	if topology, ok := l.flag(FlagTopology); ok {
		return &Error{Source: topology.Source, Err: fmt.Errorf("preset %s has no topology", l.cfg.Preset.V), Hint: "leave the flag out"}
	}
	var set []string
	for _, name := range neoNames {
		if _, ok := l.env(name); ok {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		l.warn("environment-not-followed",
			fmt.Sprintf("environment %s: not followed, because the preset is %s (%s)", strings.Join(set, ", "), l.cfg.Preset.V, l.cfg.Preset.Source),
			"sources in the file say where the memory is")
	}
	return nil
}

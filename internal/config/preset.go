package config

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

//go:embed preset/*.yaml
var presetFiles embed.FS

// preset is what fills in what nobody said: a file of preset/, whose comments say what
// is in it.
type preset struct {
	// Declares says that the file alone says what the memory is made of.
	Declares  bool             `yaml:"declares"`
	Retention map[string]int64 `yaml:"retention"`
	Topology  struct {
		Unified string `yaml:"unified"`
		From    string `yaml:"from"`
	} `yaml:"topology"`
	DatabaseFrom    string `yaml:"database-from"`
	VectorDimension struct {
		Value int    `yaml:"value"`
		From  string `yaml:"from"`
	} `yaml:"vector-dimension"`
	Sources  []presetSource `yaml:"sources"`
	Excluded []struct {
		Path   string `yaml:"path"`
		Reason string `yaml:"reason"`
	} `yaml:"excluded"`
}

// presetSource is one source of a preset.
type presetSource struct {
	Name      memory.Subsystem `yaml:"name"`
	Store     string           `yaml:"store"`
	From      string           `yaml:"from"`
	HostFrom  []string         `yaml:"host-from"`
	PortFrom  []string         `yaml:"port-from"`
	PathFrom  string           `yaml:"path-from"`
	Directory string           `yaml:"directory"`
	Shares    memory.Subsystem `yaml:"shares"`
	Sections  []struct {
		Section    memory.Section `yaml:"section"`
		Collection string         `yaml:"collection"`
		Key        string         `yaml:"key"`
		From       []string       `yaml:"from"`
	} `yaml:"sections"`
	Folder bool `yaml:"folder"`
	Keyed  bool `yaml:"keyed"`
	Order  int  `yaml:"order"`
}

// readPreset returns the preset of that name, nil when there is none.
func readPreset(name string) (*preset, error) {
	text, err := presetFiles.ReadFile(path.Join("preset", name+".yaml"))
	if err != nil {
		return nil, nil //nolint:nilnil // whoever named it is told
	}
	var p preset
	if err := yaml.UnmarshalWithOptions(text, &p, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read preset %s: %w", name, err)
	}
	return &p, nil
}

// declares reports whether the file alone says what the memory is made of.
func (f *file) declares() bool {
	p, err := readPreset(f.Preset.text)
	return err == nil && p != nil && p.Declares
}

// readPreset takes the preset that the file names, else that of Neo.mjs.
func (l *loader) readPreset() (err error) {
	l.cfg.Preset = Value[string]{PresetNeo, Source{Kind: FromDefault}}
	if asked, ok := l.key(l.file.Preset); ok {
		l.cfg.Preset = asked
	}
	if l.preset, err = readPreset(l.cfg.Preset.V); err != nil {
		return err
	}
	switch {
	case l.preset == nil:
		return unknownPreset(l.cfg.Preset)
	case !l.preset.Declares:
		return nil
	case len(l.preset.Sources)+len(l.file.Sources) == 0:
		return &Error{
			Source: l.cfg.Preset.Source, Err: fmt.Errorf("preset %s without sources is no memory", l.cfg.Preset.V), Hint: hintSources,
		}
	}
	return l.withoutNeo()
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
	neo, err := readPreset(PresetNeo)
	if err != nil {
		return err
	}
	set := slices.DeleteFunc(neo.names(), func(name string) bool {
		_, ok := l.env(name)
		return !ok
	})
	if len(set) > 0 {
		l.warn("environment-not-followed",
			fmt.Sprintf("environment %s: not followed, because the preset is %s (%s)", strings.Join(set, ", "), l.cfg.Preset.V, l.cfg.Preset.Source),
			"sources in the file say where the memory is")
	}
	return nil
}

// names are those that the preset takes from the environment.
func (p *preset) names() (all []string) {
	var addresses, collections, paths []string
	for _, s := range p.Sources {
		all = append(all, s.From)
		for i := range s.HostFrom {
			addresses = append(addresses, s.HostFrom[i], s.PortFrom[i])
		}
		for _, section := range s.Sections {
			collections = append(collections, section.From...)
		}
		paths = append(paths, s.PathFrom)
	}
	all = slices.Concat(all, addresses, []string{p.Topology.From, p.DatabaseFrom}, collections, paths, []string{p.VectorDimension.From})
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// presetSources fills in the sources of the preset, but for what goes before it: what
// the file says under stores and collections, and the names of the environment. A
// source that stands under sources in the file is read there.
func (l *loader) presetSources() error {
	if l.preset.Declares {
		return nil
	}
	for i := range l.preset.Sources {
		p := &l.preset.Sources[i]
		d := Declared{Name: p.Name, Preset: true, Folder: p.Folder, Keyed: p.Keyed, order: p.Order}
		if err := l.nameSections(&d, p); err != nil {
			return err
		}
		read := l.vectors
		if p.From == "" {
			read = l.atPath
		}
		if err := read(&d, p); err != nil {
			return err
		}
		l.cfg.Declared = append(l.cfg.Declared, d)
	}
	return l.checkTopology()
}

// nameSections names the collections of the sections that the preset knows.
func (l *loader) nameSections(d *Declared, p *presetSource) error {
	for _, s := range p.Sections {
		name, ok := l.env(s.From...)
		if !ok {
			name, ok = l.key(l.file.collection(s.Key))
		}
		if !ok {
			name = Value[string]{s.Collection, l.fromPreset()}
		}
		if s.Collection != "" {
			if _, err := store.ParseCollection(name.V); err != nil {
				return &Error{Source: name.Source, Err: err}
			}
		}
		d.Named = append(d.Named, Named{s.Section, s.Key, name})
	}
	return nil
}

// atPath takes a store that is a path: the environment's, else the file's, else the
// preset's, which without a data dir is none.
func (l *loader) atPath(d *Declared, p *presetSource) error {
	kind, below, _ := strings.Cut(p.Store, ":")
	if in := l.inDataDir(filepath.FromSlash(below)); in.V != "" {
		d.Store = l.ref(kind, in)
	}
	if text, ok := l.key(l.file.store(p.Name).Store); ok {
		given, err := l.store(text)
		if err != nil {
			return err
		}
		if given.V.Kind != kind {
			return &Error{Source: text.Source, Err: fmt.Errorf("a %s store can't be used here; want %s:…", given.V.Kind, kind)}
		}
		d.Store = given
	}
	path, ok := l.env(p.PathFrom)
	if !ok {
		return nil
	}
	if path.V == ":memory:" {
		return &Error{Source: path.Source, Err: errors.New("a graph in memory can't be read by another process")}
	}
	path, err := l.absolute(path)
	d.Store = l.ref(kind, path)
	return err
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
)

// targets lists those that --to names first, then the memory's own stores.
func (m *memoryAt) targets(b *bundle.Bundle, as map[memory.Section]string, to map[string]string) ([]restore.Target, error) {
	named, err := parseSections("to", to)
	if err != nil {
		return nil, err
	}
	var out []restore.Target
	for section, text := range named {
		t, err := m.toStore(specIn(b, section), text, as[section])
		if err != nil {
			return nil, err
		}
		out = append(out, restore.Target{Sections: []string{string(section)}, Store: t})
	}
	own, err := m.ownTargets(b, as)
	return append(out, own...), err
}

// ownTargets are the memory's own stores. Of a source whose sections have no names
// beforehand, each goes where it takes what the bundle holds.
func (m *memoryAt) ownTargets(b *bundle.Bundle, as map[memory.Section]string) (out []restore.Target, err error) {
	for _, d := range m.cfg.InOrder() {
		if d.Store.V.Kind == "" {
			continue
		}
		targets, err := m.targetsOf(&d, sectionsOf(b), as)
		if err != nil {
			return nil, err
		}
		out = append(out, targets...)
	}
	return out, nil
}

func (m *memoryAt) targetsOf(d *config.Declared, sections []memory.SectionSpec, as map[memory.Section]string) ([]restore.Target, error) {
	kind, o := m.kind(d), m.opening(d)
	all := func(t store.Target, err error) ([]restore.Target, error) {
		return []restore.Target{{Sections: []string{string(d.Name)}, Store: t}}, err
	}
	switch {
	case kind.Target == nil:
		return all(readOnly{o.Ref}, nil)
	case kind.CanHold(memory.Vectors):
		o.Collections = m.collections(d, sections, as)
		t, err := kind.Target(o, memory.Vectors)
		if err != nil {
			err = usage(err)
		}
		return all(t, err)
	case d.Preset:
		return all(kind.Target(o, kind.Holds[0]))
	}
	return fileTargets(kind, o, sections)
}

// collections are the names that the collections of a source are to have: those that
// are known beforehand, else those that they had, or that as gives them.
func (m *memoryAt) collections(d *config.Declared, sections []memory.SectionSpec, as map[memory.Section]string) map[memory.Section]string {
	names := namesOf(d)
	for section := range names {
		names[section] = cmp.Or(as[section], names[section])
	}
	for _, spec := range sections {
		if len(d.Named) == 0 && spec.Name.Subsystem() == d.Name && spec.Kind == memory.Vectors {
			names[spec.Name] = collectionName(spec, as)
		}
	}
	return names
}

// fileTargets lists where the files of a bundle go that a declared source serves.
func fileTargets(kind store.Kind, o store.Opening, sections []memory.SectionSpec) (out []restore.Target, err error) {
	made := map[memory.Kind]store.Target{}
	for _, spec := range sections {
		if spec.Name.Subsystem() != o.Subsystem || !kind.CanHold(spec.Kind) {
			continue
		}
		t, ok := made[spec.Kind]
		if !ok {
			if t, err = kind.Target(o, spec.Kind); err != nil {
				return nil, err
			}
			made[spec.Kind] = t
		}
		if t != nil {
			out = append(out, restore.Target{Sections: []string{string(spec.Name)}, Store: t})
		}
	}
	return out, nil
}

// toStore makes the target that --to names for a section of the bundle. Its
// collection is called as --as says, as the STORE says, or as it was.
func (m *memoryAt) toStore(spec memory.SectionSpec, text, as string) (store.Target, error) {
	at, err := keeper.Kinds().Parse(text)
	if err != nil {
		return nil, usage(fmt.Errorf("--to %s: %w", spec.Name, err))
	}
	if at.Path != "" && !filepath.IsAbs(at.Path) {
		at.Path = filepath.Join(m.app.Dir, at.Path)
	}
	kind := keeper.Kinds().Of(at.Kind)
	d := m.like(at, at.Same)
	o := m.opening(&d)
	o.Subsystem = spec.Name.Subsystem()
	switch {
	case spec.Kind == memory.Opaque && !kind.CanHold(memory.Opaque):
		return nil, usage(fmt.Errorf("--to %s: the section is a file that is kept whole; want files:DIR or sqlite:FILE", spec.Name))
	case kind.Target == nil:
		return nil, usage(fmt.Errorf("--to %s: %s can't be written to", spec.Name, at))
	case kind.CanHold(memory.Vectors):
		name := cmp.Or(as, at.Collection, m.names()[spec.Name])
		if name == "" && spec.Kind == memory.Vectors {
			name = collectionName(spec, nil)
		}
		if name == "" {
			return nil, usage(errors.New("--to " + string(spec.Name) + ": which collection? --as names it"))
		}
		o.Collections = map[memory.Section]string{spec.Name: name}
		t, err := kind.Target(o, memory.Vectors)
		if err != nil {
			err = usage(err)
		}
		return t, err
	case kind.CanHold(memory.Lines):
		return m.fileIn(at.Path, spec, m.temporary)
	}
	o.Collections = map[memory.Section]string{spec.Name: ""}
	return kind.Target(o, kind.Holds[0])
}

// specIn describes a section as the bundle does; by its name alone where that has none.
func specIn(b *bundle.Bundle, section memory.Section) memory.SectionSpec {
	for _, spec := range sectionsOf(b) {
		if spec.Name == section {
			return spec
		}
	}
	return memory.SectionSpec{Name: section, Kind: kindOf(section)}
}

// fileIn is a folder in which a section becomes a file. A database is a file like any
// other there.
func (m *memoryAt) fileIn(dir string, spec memory.SectionSpec, temp func() (string, error)) (readWriter, error) {
	sub, name := spec.Name.Subsystem(), pattern.Literal(spec.Name.Name())
	if spec.Kind != memory.Opaque {
		o := store.Opening{
			Ref:       store.Ref{Kind: memory.KindFiles, Path: dir, Pattern: name + ".jsonl"},
			Subsystem: sub, Keyed: sub == memory.Concepts, Now: m.app.Now,
		}
		t, err := keeper.Kinds().Of(memory.KindFiles).Target(o, memory.Lines)
		if err != nil {
			return nil, err
		}
		return t.(readWriter), nil //nolint:errcheck // every store of files is read as well
	}
	copies, err := temp()
	if err != nil {
		return nil, err
	}
	return opaque.New(opaque.Config{
		Sources: []opaque.Source{{Subsystem: sub, Base: dir, Path: name}}, TempDir: copies, Now: m.app.Now, FS: m.app.FS,
	}), nil
}

// readWriter is a target that can be read.
type readWriter interface {
	store.Store
	store.Target
}

// names maps the sections that are known beforehand to their collections.
func (m *memoryAt) names() map[memory.Section]string {
	all := map[memory.Section]string{}
	for _, d := range m.cfg.Declared {
		for _, n := range d.Named {
			if n.Collection.V != "" {
				all[n.Section] = n.Collection.V
			}
		}
	}
	return all
}

// errReadOnly says that a store is only read.
var errReadOnly = errors.New("a Chroma directory is written by its server alone: --to names one, as chroma:http://host:port")

// readOnly is the target where there is none.
type readOnly struct{ at store.Ref }

func (r readOnly) refuse() error { return fmt.Errorf("%s: %w", r.at, errReadOnly) }

// Survey implements store.Target.
func (r readOnly) Survey(context.Context, memory.Section) (store.Survey, error) {
	return store.Survey{}, r.refuse()
}

// Merge implements store.Target.
func (r readOnly) Merge(context.Context, memory.SectionSpec, iter.Seq2[memory.Record, error], store.MergeOptions) (store.Result, error) {
	return store.Result{}, r.refuse()
}

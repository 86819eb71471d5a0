package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
)

// targets lists those that are named first, then the memory's own stores.
func (m *Memory) targets(b *bundle.Bundle, as, to map[memory.Section]string) ([]restore.Target, error) {
	var out []restore.Target
	for section, text := range to {
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
func (m *Memory) ownTargets(b *bundle.Bundle, as map[memory.Section]string) (out []restore.Target, err error) {
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

func (m *Memory) targetsOf(d *config.Declared, sections []memory.SectionSpec, as map[memory.Section]string) ([]restore.Target, error) {
	kind, o := m.kind(d), m.opening(d)
	all := func(t store.Target, err error) ([]restore.Target, error) {
		return []restore.Target{{Sections: []string{string(d.Name)}, Store: t}}, err
	}
	switch {
	case kind.Target == nil:
		return all(readOnly{o.Ref, m.opts.Hint.Of("read-only")}, nil)
	case kind.CanHold(memory.Vectors):
		o.Collections = m.collections(d, sections, as)
		return all(vectorTarget(kind, o))
	case d.Preset:
		return all(kind.Target(o, kind.Holds[0]))
	}
	return fileTargets(kind, o, sections)
}

// collections are the names that the collections of a source are to have: those that
// are known beforehand, else those that they had, or that as gives them.
func (m *Memory) collections(d *config.Declared, sections []memory.SectionSpec, as map[memory.Section]string) map[memory.Section]string {
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

// toStore makes the target that text names for a section of the bundle. Its
// collection is called as as says, as text says, or as it was.
func (m *Memory) toStore(spec memory.SectionSpec, text, as string) (store.Target, error) {
	at, err := m.kinds().Parse(text)
	if err != nil {
		return nil, notTo(spec.Name, err)
	}
	kind := m.kinds().Of(at.Kind)
	switch {
	case spec.Kind == memory.Opaque && !kind.CanHold(memory.Opaque):
		return nil, notTo(spec.Name, errors.New("the section is a file that is kept whole; want files:DIR or sqlite:FILE"))
	case kind.Target == nil:
		return nil, notTo(spec.Name, fmt.Errorf("%s can't be written to", at))
	case at.Path != "":
		at.Path = m.absolute(at.Path)
	}
	d := m.like(at, at.Same)
	o := m.opening(&d)
	o.Subsystem = spec.Name.Subsystem()
	switch {
	case kind.CanHold(memory.Vectors):
		return m.toCollection(kind, o, spec, cmp.Or(as, at.Collection, m.names()[spec.Name]))
	case kind.CanHold(memory.Lines):
		return m.fileIn(at.Path, spec, m.temporary)
	}
	o.Collections = map[memory.Section]string{spec.Name: ""}
	return kind.Target(o, kind.Holds[0])
}

// toCollection is a collection that is called name, or as it was.
func (m *Memory) toCollection(kind store.Kind, o store.Opening, spec memory.SectionSpec, name string) (store.Target, error) {
	if name == "" && spec.Kind == memory.Vectors {
		name = collectionName(spec, nil)
	}
	if name == "" {
		return nil, fail(Usage, "to-collection", errors.New("which collection?"), string(spec.Name))
	}
	o.Collections = map[memory.Section]string{spec.Name: name}
	return vectorTarget(kind, o)
}

// vectorTarget makes a target of vectors. What can't be talked to as was asked is
// the asker's affair.
func vectorTarget(kind store.Kind, o store.Opening) (store.Target, error) {
	t, err := kind.Target(o, memory.Vectors)
	if err != nil {
		err = usage(err)
	}
	return t, err
}

// notTo says of where a section is to go that it can't.
func notTo(section memory.Section, err error) error { return fail(Usage, "to", err, string(section)) }

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
func (m *Memory) fileIn(dir string, spec memory.SectionSpec, temp func() (string, error)) (readWriter, error) {
	sub, name := spec.Name.Subsystem(), pattern.Literal(spec.Name.Name())
	if spec.Kind != memory.Opaque {
		o := store.Opening{
			Ref:       store.Ref{Kind: memory.KindFiles, Path: dir, Pattern: name + ".jsonl"},
			Subsystem: sub, Keyed: sub == memory.Concepts, Now: m.opts.Now,
		}
		t, err := m.kinds().Of(memory.KindFiles).Target(o, memory.Lines)
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
		Sources: []opaque.Source{{Subsystem: sub, Base: dir, Path: name}}, TempDir: copies, Now: m.opts.Now, FS: m.opts.FS,
	}), nil
}

// readWriter is a target that can be read.
type readWriter interface {
	store.Store
	store.Target
}

// names maps the sections that are known beforehand to their collections.
func (m *Memory) names() map[memory.Section]string {
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
var errReadOnly = errors.New("a Chroma directory is written by its server alone")

// readOnly is the target where there is none.
type readOnly struct {
	at   store.Ref
	hint string
}

func (r readOnly) refuse() error { return fmt.Errorf("%s: %w%s", r.at, errReadOnly, r.hint) }

// Survey implements store.Target.
func (r readOnly) Survey(context.Context, memory.Section) (store.Survey, error) {
	return store.Survey{}, r.refuse()
}

// Merge implements store.Target.
func (r readOnly) Merge(context.Context, memory.SectionSpec, iter.Seq2[memory.Record, error], store.MergeOptions) (store.Result, error) {
	return store.Result{}, r.refuse()
}

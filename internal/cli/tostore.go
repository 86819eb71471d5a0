package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/opaque"
)

// toStore makes the target that --to names for a section of the bundle. Its
// collection is called as --as says, as the STORE says, or as it was.
func (m *memoryAt) toStore(b *bundle.Bundle, section memory.Section, text, as string) (store.Target, error) {
	s, err := config.ParseStore(text)
	if err != nil {
		return nil, usage(fmt.Errorf("--to %s: %w", section, err))
	}
	spec := specIn(b, section)
	if spec.Kind == memory.Opaque && s.Kind != memory.KindFiles && s.Kind != memory.KindSQLite {
		return nil, usage(fmt.Errorf("--to %s: the section is a file that is kept whole; want files:DIR or sqlite:FILE", section))
	}
	switch s.Kind {
	case memory.KindGraph:
		return m.graph(s)
	case memory.KindFiles:
		return m.filesAt(spec, s.Path)
	case memory.KindSQLite:
		return m.databaseAt(section, s.Path)
	case memory.KindChroma, memory.KindCollections:
		collection := cmp.Or(as, s.Collection, m.names(vectorSections()...)[section])
		if collection == "" && spec.Kind == memory.Vectors {
			collection = collectionName(spec, nil)
		}
		if collection == "" {
			return nil, usage(errors.New("--to " + string(section) + ": which collection? --as names it"))
		}
		return m.vectors(m.like(s), collectionsOf{named: map[memory.Section]string{section: collection}})
	}
	return nil, usage(fmt.Errorf("--to %s: %s can't be written to", section, s))
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

// filesAt is a folder that --to names: the section becomes a file in it.
func (m *memoryAt) filesAt(spec memory.SectionSpec, dir string) (store.Target, error) {
	sub := spec.Name.Subsystem()
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(m.app.Dir, dir)
	}
	if spec.Kind == memory.Opaque {
		return m.opaqueNow(opaque.Source{Subsystem: sub, Base: dir, Path: pattern.Literal(spec.Name.Name())})
	}
	source := flat.Source{Subsystem: sub, Path: dir, Pattern: jsonlOf(spec.Name), Keyed: sub == memory.Concepts}
	return flat.New(flat.Config{Sources: []flat.Source{source}, Now: m.app.Now}), nil
}

// jsonlOf is the file of one section below a folder.
func jsonlOf(s memory.Section) pattern.Pattern {
	return pattern.Pattern{Glob: pattern.Literal(s.Name()) + jsonl}
}

// databaseAt is a file that --to names for a database.
func (m *memoryAt) databaseAt(section memory.Section, file string) (store.Target, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(m.app.Dir, file)
	}
	return m.opaqueNow(opaque.Source{
		Subsystem: section.Subsystem(), Base: filepath.Dir(file), Path: pattern.Literal(filepath.Base(file)), SQLite: true,
		Names: map[memory.Section]string{section: file},
	})
}

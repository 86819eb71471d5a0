package cli

import (
	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// declared lists what is read of a source that the operator declared.
func (m *memoryAt) declared(d config.Declared) ([]backup.Source, error) {
	if ofFiles(d) {
		return m.declaredFiles(d), nil
	}
	s, err := m.reader(d.Vectors, collectionsOf{others: d.Name, takes: d.Takes})
	if err != nil {
		return nil, err
	}
	return []backup.Source{{Name: sourceName(d), Kind: memory.Vectors, Store: s, Subsystem: d.Name}}, nil
}

func sourceName(d config.Declared) string { return "source " + string(d.Name) }

// ofFiles reports whether a source is of files rather than of collections.
func ofFiles(d config.Declared) bool {
	return d.Store.V.Kind == memory.KindFiles || d.Store.V.Kind == memory.KindSQLite
}

// declaredTargets lists where the sections of a bundle go that a declared source
// serves: a collection under the name that it had, or that as gives it.
func (m *memoryAt) declaredTargets(d config.Declared, sections []memory.SectionSpec, as map[memory.Section]string) ([]restore.Target, error) {
	if ofFiles(d) {
		return m.fileTargets(d, sections)
	}
	names := map[memory.Section]string{}
	for _, spec := range sections {
		if spec.Name.Subsystem() == d.Name && spec.Kind == memory.Vectors {
			names[spec.Name] = collectionName(spec, as)
		}
	}
	t, err := m.vectorTarget(d.Vectors, collectionsOf{named: names})
	if err != nil {
		return nil, err
	}
	return []restore.Target{{Sections: []string{string(d.Name)}, Store: t}}, nil
}

// collectionName is what the collection of a section is to be called.
func collectionName(spec memory.SectionSpec, as map[memory.Section]string) string {
	if name, ok := as[spec.Name]; ok {
		return name
	}
	if spec.Collection != nil && spec.Collection.Name != "" {
		return spec.Collection.Name
	}
	return spec.Name.Name()
}

// sectionsOf are the sections of a bundle; none without one.
func sectionsOf(b *bundle.Bundle) []memory.SectionSpec {
	if b == nil {
		return nil
	}
	return b.Sections()
}

// subsystems are those that the memory is made of: those of its preset, and those
// that were declared.
func (m *memoryAt) subsystems() []memory.Subsystem {
	var all []memory.Subsystem
	if m.cfg.Neo() {
		all = memory.Subsystems()
	}
	for _, d := range m.cfg.Declared {
		all = append(all, d.Name)
	}
	return all
}

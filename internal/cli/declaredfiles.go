package cli

import (
	"path/filepath"
	"strings"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

const jsonl = ".jsonl"

// declaredFiles lists what is read of files that the operator declared: those of
// JSONL line for line, any other whole.
func (m *memoryAt) declaredFiles(d config.Declared) (out []backup.Source) {
	if lines, ok := m.linesOf(d); ok {
		out = append(out, backup.Source{Name: sourceName(d), Store: lines, Subsystem: d.Name, Declared: true})
	}
	return out
}

// linesOf is the store of a source's JSONL, if it can have any.
func (m *memoryAt) linesOf(d config.Declared) (*flat.Files, bool) {
	s := d.Store.V
	source := flat.Source{Subsystem: d.Name, Path: s.Path, Keyed: d.Keyed}
	switch {
	case s.Kind != memory.KindFiles:
		return nil, false
	case s.Pattern != "":
		source.Pattern = store.Pattern{Glob: s.Pattern, Exclude: d.Exclude}
	case filepath.Ext(s.Path) != jsonl:
		return nil, false
	default:
		source.Name = strings.TrimSuffix(filepath.Base(s.Path), jsonl)
	}
	return flat.New(flat.Config{Sources: []flat.Source{source}, Now: m.app.Now}), true
}

// fileTargets lists where the files of a bundle go that a declared source serves.
func (m *memoryAt) fileTargets(d config.Declared, sections []memory.SectionSpec) (out []restore.Target, err error) {
	lines, hasLines := m.linesOf(d)
	for _, spec := range sections {
		switch {
		case spec.Name.Subsystem() != d.Name:
		case spec.Kind == memory.Lines && hasLines:
			out = append(out, restore.Target{Sections: []string{string(spec.Name)}, Store: lines})
		}
	}
	return out, nil
}

package cli

import (
	"path/filepath"
	"strings"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/opaque"
)

const jsonl = ".jsonl"

// declaredFiles lists what is read of files that the operator declared: those of
// JSONL line for line, any other whole.
func (m *memoryAt) declaredFiles(d config.Declared) (out []backup.Source) {
	if lines, ok := m.linesOf(d); ok {
		out = append(out, backup.Source{Name: sourceName(d), Store: lines, Subsystem: d.Name, Declared: true})
	}
	if whole, ok := wholeOf(d); ok {
		s := backup.Source{Name: sourceName(d), Kind: memory.Opaque, Store: m.opaque(whole), Subsystem: d.Name, Declared: true}
		if at := d.Store.V; at.Kind == memory.KindSQLite && at.Pattern == "" { // a database that is named has to be there
			s.Sections = []memory.Section{memory.Section(string(d.Name) + "/" + filepath.Base(at.Path))}
		}
		out = append(out, s)
	}
	return out
}

// wholeOf are the files of a source that are kept whole, if it can have any.
func wholeOf(d config.Declared) (opaque.Source, bool) {
	s := d.Store.V
	source := opaque.Source{
		Subsystem: d.Name, Base: s.Path, Path: s.Pattern, Exclude: d.Exclude,
		SQLite: s.Kind == memory.KindSQLite, SkipJSONL: s.Kind == memory.KindFiles,
	}
	if s.Pattern == "" {
		source.Base, source.Path = filepath.Dir(s.Path), pattern.Literal(filepath.Base(s.Path))
	}
	return source, !source.SkipJSONL || !strings.HasSuffix(source.Path, jsonl)
}

// opaque is a store of files that are kept whole; it is read from copies, whose
// folder is made when it is opened.
func (m *memoryAt) opaque(source opaque.Source) store.Store {
	return lazily(func() (store.Store, error) { return m.opaqueNow(source) })
}

func (m *memoryAt) opaqueNow(source opaque.Source) (*opaque.Files, error) {
	temp, err := m.temporary()
	if err != nil {
		return nil, err
	}
	return opaque.New(opaque.Config{Sources: []opaque.Source{source}, TempDir: temp, Now: m.app.Now, FS: m.app.FS}), nil
}

// linesOf is the store of a source's JSONL, if it can have any.
func (m *memoryAt) linesOf(d config.Declared) (*flat.Files, bool) {
	s := d.Store.V
	source := flat.Source{Subsystem: d.Name, Path: s.Path, Keyed: d.Keyed}
	switch {
	case s.Kind != memory.KindFiles:
		return nil, false
	case s.Pattern != "":
		source.Pattern = pattern.Pattern{Glob: s.Pattern, Exclude: d.Exclude}
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
	whole, hasWhole := wholeOf(d)
	var files *opaque.Files
	for _, spec := range sections {
		if spec.Name.Subsystem() != d.Name {
			continue
		}
		t := restore.Target{Sections: []string{string(spec.Name)}}
		switch {
		case spec.Kind == memory.Lines && hasLines:
			t.Store = lines
		case spec.Kind == memory.Opaque && hasWhole:
			if files == nil {
				if files, err = m.opaqueNow(whole); err != nil {
					return nil, err
				}
			}
			t.Store = files
		default:
			continue
		}
		out = append(out, t)
	}
	return out, nil
}

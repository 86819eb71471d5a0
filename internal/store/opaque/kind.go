package opaque

import (
	"path/filepath"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store"
)

// Kind describes databases that are kept whole in the table of kinds.
func Kind() store.Kind {
	k := kind(memory.KindSQLite)
	k.Form = "sqlite:FILE"
	return k
}

// FilesKind describes files in it, as far as they are no JSONL: an opening of JSONL
// alone has none.
func FilesKind() store.Kind { return kind(memory.KindFiles) }

func kind(name string) store.Kind {
	return store.Kind{
		Name: name, Parse: store.ParsePath, Holds: []memory.Kind{memory.Opaque}, Patterns: true,
		Sources: func(o store.Opening) ([]store.Opened, error) {
			source, ok := sourceOf(o)
			if !ok {
				return nil, nil
			}
			opened := store.Opened{Kind: memory.Opaque, Store: store.Lazily(func() (store.Store, error) { return open(o, source) })}
			if source.SQLite && o.Pattern == "" { // a database that is named has to be there
				opened.Sections = []memory.Section{source.section(filepath.Base(o.Path))}
			}
			return []store.Opened{opened}, nil
		},
		Target: func(o store.Opening, _ memory.Kind) (store.Target, error) {
			source, ok := sourceOf(o)
			if !ok {
				return nil, nil //nolint:nilnil // it is all lines: no whole file can go there
			}
			return open(o, source)
		},
	}
}

// sourceOf are the files of an opening that are kept whole, if it can have any.
func sourceOf(o store.Opening) (Source, bool) {
	s := Source{
		Subsystem: o.Subsystem, Base: o.Path, Path: o.Pattern, Exclude: o.Exclude,
		Plans: o.Plans, SQLite: o.Kind == memory.KindSQLite, SkipJSONL: o.Kind == memory.KindFiles,
	}
	switch named := o.Named(); {
	case o.Folder:
		return s, false
	case o.Pattern != "":
	case len(named) == 1: // under another name than the file's
		s.Names = map[memory.Section]string{named[0]: o.Path}
		fallthrough
	default:
		s.Base, s.Path = filepath.Dir(o.Path), pattern.Literal(filepath.Base(o.Path))
	}
	return s, !s.SkipJSONL || !strings.HasSuffix(s.Path, ".jsonl")
}

func open(o store.Opening, source Source) (*Files, error) {
	temp, err := o.Temp()
	if err != nil {
		return nil, err
	}
	return New(Config{Sources: []Source{source}, TempDir: temp, Now: o.Now, FS: o.FS}), nil
}

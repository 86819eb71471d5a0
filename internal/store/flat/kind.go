package flat

import (
	"path/filepath"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store"
)

// Kind describes files in the table of kinds, as far as they are JSONL: an opening of
// other files has no lines.
func Kind() store.Kind {
	return store.Kind{
		Name: memory.KindFiles, Form: "files:DIR",
		Parse: store.ParsePath, Holds: []memory.Kind{memory.Lines}, Patterns: true,
		Sources: func(o store.Opening) ([]store.Opened, error) {
			source, ok := sourceOf(o)
			if !ok {
				return nil, nil
			}
			return []store.Opened{{Store: New(Config{Sources: []Source{source}, Now: o.Now})}}, nil
		},
		Target: func(o store.Opening, _ memory.Kind) (store.Target, error) {
			source, ok := sourceOf(o)
			if !ok {
				return nil, nil //nolint:nilnil // it has no lines: nothing can go there
			}
			return New(Config{Sources: []Source{source}, Now: o.Now}), nil
		},
	}
}

// sourceOf is the JSONL of an opening, if it can have any.
func sourceOf(o store.Opening) (Source, bool) {
	source := Source{Subsystem: o.Subsystem, Path: o.Path, Keyed: o.Keyed}
	switch named := o.Named(); {
	case len(named) == 1:
		source.Name = named[0].Name()
	case o.Pattern != "":
		source.Pattern = pattern.Pattern{Glob: o.Pattern, Exclude: o.Exclude}
	case o.Folder:
	case filepath.Ext(o.Path) != extension:
		return source, false
	default:
		source.Name = strings.TrimSuffix(filepath.Base(o.Path), extension)
	}
	return source, true
}

package config

import (
	"path"
	"slices"

	"keepsake/internal/memory"
)

// Declared is a source that the operator declares: a subsystem of the bundle that
// no preset knows of, and where it lives.
type Declared struct {
	Name memory.Subsystem
	// Vectors has the STORE: a Chroma server or directory, a SQLite database
	// (memory.KindSQLite) or files. How it is talked to is set for a Chroma alone.
	// Store.V.Pattern is set for a pattern, and for a folder, which is "*.jsonl".
	Vectors
	// Collections and Exclude are patterns: of names of collections, as path.Match
	// reads them; for files and SQLite, Exclude are those of paths below
	// Store.V.Path, in the syntax of Store.Pattern. No Collections are all of them.
	Collections, Exclude []string
	// Keyed says that JSONL is merged by the ids of its lines, not as logs.
	Keyed bool

	collectionsFrom, excludeFrom, keyedFrom Source
}

// Takes reports whether a collection is one of the source's, by its name. It knows
// nothing of leftovers of a swap, which are never a source.
func (d Declared) Takes(collection string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, collection)
		return err == nil && ok
	}
	return (len(d.Collections) == 0 || slices.ContainsFunc(d.Collections, matches)) && !slices.ContainsFunc(d.Exclude, matches)
}

package collections

import (
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Kind describes files of collections in the table of kinds.
func Kind() store.Kind {
	open := func(o store.Opening) *Store {
		return New(Config{Path: o.Path, Collections: o.Collections, Now: o.Now})
	}
	return store.Kind{
		Name: memory.KindCollections, Form: "collections:FILE",
		Parse: store.ParsePath, Holds: []memory.Kind{memory.Vectors},
		Undeclared: "a collections store is keepsake's own, for what is under stores, and no declared source",
		Instead:    "a file of it is kept whole: sqlite:FILE",
		Sources: func(o store.Opening) ([]store.Opened, error) {
			return []store.Opened{{Store: open(o), Kind: memory.Vectors, Sections: o.Named()}}, nil
		},
		Target: func(o store.Opening, _ memory.Kind) (store.Target, error) { return open(o), nil },
	}
}

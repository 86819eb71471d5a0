package graph

import (
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Kind describes the graph's databases in the table of kinds.
func Kind() store.Kind {
	open := func(o store.Opening) *Graph { return New(Config{Path: o.Path, Now: o.Now}) }
	return store.Kind{
		Name: memory.KindGraph, Form: "graph:FILE",
		Parse: store.ParsePath, Holds: []memory.Kind{memory.Elements},
		Undeclared: "a graph store is the knowledge graph of Neo, and no declared source",
		Instead:    "set stores.graph; any other SQLite database is kept whole: sqlite:FILE",
		Sources: func(o store.Opening) ([]store.Opened, error) {
			return []store.Opened{{Store: open(o), Kind: memory.Elements, Sections: o.Named()}}, nil
		},
		Target: func(o store.Opening, _ memory.Kind) (store.Target, error) { return open(o), nil },
	}
}

package keeper

import (
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/opaque"
)

// Kinds is the table of kinds of store. A new kind is a package, and a line here.
func Kinds() store.Kinds {
	return store.Kinds{
		chroma.Kind(),
		chromadir.Kind(),
		collections.Kind(),
		graph.Kind(),
		files(),
		opaque.Kind(),
	}
}

// files are lines or kept whole: two stores read them.
func files() store.Kind {
	lines, whole := flat.Kind(), opaque.FilesKind()
	both := lines
	both.Holds = slices.Concat(lines.Holds, whole.Holds)
	both.Sources = func(o store.Opening) ([]store.Opened, error) {
		a, err := lines.Sources(o)
		if err != nil {
			return nil, err
		}
		b, err := whole.Sources(o)
		return append(a, b...), err
	}
	both.Target = func(o store.Opening, kind memory.Kind) (store.Target, error) {
		if kind == memory.Opaque {
			return whole.Target(o, kind)
		}
		return lines.Target(o, kind)
	}
	return both
}

package cli

import (
	"fmt"
	"slices"

	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// manyFiles is how many files of a declared source have a line each.
const manyFiles = 12

// isFile reports whether something is one of the files of a source.
func isFile(l memory.Locator) bool { return keeper.Kinds().Of(l.Kind).CanHold(memory.Lines) }

// gathered are sections that are spoken of in one line: one, or all files of a source
// that has many.
type gathered[T any] struct {
	name     string
	sections []T
}

// gather puts the files of declared sources together, where there are many of one
// and none has anything to be said about it.
func gather[T any](sections []T, name func(T) memory.Section, plain func(T) bool) (out []gathered[T]) {
	files := map[memory.Subsystem]int{}
	calm := map[memory.Subsystem]bool{}
	for _, s := range sections {
		sub := name(s).Subsystem()
		calm[sub] = plain(s) && (calm[sub] || files[sub] == 0)
		files[sub]++
	}
	at := map[memory.Subsystem]int{}
	for _, s := range sections {
		section := name(s)
		sub := section.Subsystem()
		if slices.Contains(memory.Subsystems(), sub) || files[sub] <= manyFiles || !calm[sub] {
			out = append(out, gathered[T]{string(section), []T{s}})
			continue
		}
		i, seen := at[sub]
		if !seen {
			i = len(out)
			at[sub] = i
			out = append(out, gathered[T]{name: fmt.Sprintf("%s (%s files)", sub, quantity.Count(int64(files[sub])))})
		}
		out[i].sections = append(out[i].sections, s)
	}
	return out
}

// sum adds up a number of gathered sections; one that is unknown makes it unknown.
func (g gathered[T]) sum(of func(T) int64) (n int64) {
	for _, s := range g.sections {
		if of(s) < 0 {
			return -1
		}
		n += of(s)
	}
	return n
}

package graph

import (
	"iter"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// Dropped counts what a filter left out in its last pass.
type Dropped struct {
	Nodes int64 // by their label
	Edges int64 // by their type
	Ends  int64 // edges that lost an end with a node
}

// Filter returns a function that passes graph rows on but for nodes with one of
// the labels, edges of one of the types, and edges of which an end was dropped.
// What it returns can be ranged over as often as its argument; it holds the ids
// of the dropped nodes alone, and needs nodes to come before edges. Dropped may
// be nil. A row that is none is passed on for the target to refuse.
func Filter(labels, edgeTypes []string, dropped *Dropped) func(iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	if dropped == nil {
		dropped = &Dropped{}
	}
	return func(records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
		return func(yield func(memory.Record, error) bool) {
			*dropped = Dropped{}
			f := filter{labels: labels, types: edgeTypes, gone: map[string]struct{}{}, dropped: dropped}
			for rec, err := range records {
				if err == nil && f.drops(rec) {
					continue
				}
				if !yield(rec, err) {
					return
				}
			}
		}
	}
}

// filter is one pass.
type filter struct {
	labels, types []string
	gone          map[string]struct{} // ids of dropped nodes
	dropped       *Dropped
	scanner       record.Scanner
}

// drops counts and reports whether a row is left out.
func (f *filter) drops(rec memory.Record) bool {
	e, err := f.scanner.Element(rec)
	if err != nil {
		return false
	}
	if !e.Edge {
		if e.Label == nil || !slices.Contains(f.labels, string(e.Label)) {
			return false
		}
		f.gone[string(e.ID)] = struct{}{}
		f.dropped.Nodes++
		return true
	}
	if e.Type != nil && slices.Contains(f.types, string(e.Type)) {
		f.dropped.Edges++
		return true
	}
	_, source := f.gone[string(e.Source)]
	_, target := f.gone[string(e.Target)]
	if source || target {
		f.dropped.Ends++
		return true
	}
	return false
}

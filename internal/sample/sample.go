// Package sample makes up the memory of an agent that keeps the books of a
// carpenters' workshop: the same one from the same seed, at any size, for the
// demo, for tests and for benches. It is pure; what it yields are canonical
// records.
package sample

import (
	"fmt"
	"hash/fnv"
	"iter"

	"keepsake/internal/memory"
)

// Dimension is the length of the embeddings that Sections speaks of: that of
// many small models.
const Dimension = 384

// The sections that have no name of their own in package memory.
const (
	ConceptNodes memory.Section = "concepts/nodes"
	ConceptEdges memory.Section = "concepts/edges"
)

// Sections returns the sections of the sample memory, in the order of a bundle.
// Rows is how many records of each belong to it; with those, sections agree
// with one another: every session has its summary, every concept edge its ends.
func Sections() []memory.SectionSpec {
	return []memory.SectionSpec{
		vectors(memory.KnowledgeBase, 1200, "neo-knowledge-base", "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e0001"),
		vectors(memory.Memories, sessions*perSession, "neo-agent-memory", "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e0002"),
		vectors(memory.Summaries, sessions, "neo-agent-sessions", "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e0003"),
		{Name: memory.Graph, Kind: memory.Elements, Rows: 900},
		{Name: ConceptEdges, Kind: memory.Lines, Rows: int64(len(concepts)) - 1},
		{Name: ConceptNodes, Kind: memory.Lines, Rows: int64(len(concepts))},
		{Name: memory.TrajectoryLog, Kind: memory.Lines, Rows: 40},
		{Name: memory.MailboxSentToCull, Kind: memory.Lines, Rows: 30},
	}
}

func vectors(name memory.Section, rows int64, collection, id string) memory.SectionSpec {
	return memory.SectionSpec{
		Name:      name,
		Kind:      memory.Vectors,
		Dimension: Dimension,
		Distance:  "l2",
		Rows:      rows,
		Collection: &memory.Collection{
			ID:       id,
			Name:     collection,
			Metadata: memory.RawJSON(`{"description":"made up by keepsake's sample","hnsw:space":"l2"}`),
		},
	}
}

// Records yields the first rows records of a section of Sections, canonical, and
// the same for the same arguments. dim is the length of embeddings; sections
// without any don't look at it. Each record of a vector section or of lines is
// the same however many are asked for. Edges of the graph have both ends among
// its nodes; those of concepts/edges among the first rows+1 of concepts/nodes.
//
// An unknown section, or vectors of dim < 1, yield one error.
func Records(section memory.Section, rows, dim int, seed uint64) iter.Seq2[memory.Record, error] {
	write, needs := writers()[section], section.Subsystem() == memory.KB || section.Subsystem() == memory.MC
	switch {
	case write == nil:
		return fails(fmt.Errorf("make sample of %s: there is no such section", section))
	case needs && dim < 1:
		return fails(fmt.Errorf("make sample of %s: dimension %d", section, dim))
	}
	return records(write, string(section), rows, dim, seed)
}

// writer appends the i-th record of a section to m.line.
type writer func(m *maker, i int)

func writers() map[memory.Section]writer {
	return map[memory.Section]writer{
		memory.KnowledgeBase:     (*maker).chunk,
		memory.Memories:          (*maker).memory,
		memory.Summaries:         (*maker).summary,
		memory.Graph:             (*maker).element,
		ConceptNodes:             (*maker).conceptNode,
		ConceptEdges:             (*maker).conceptEdge,
		memory.TrajectoryLog:     (*maker).trajectory,
		memory.MailboxSentToCull: (*maker).message,
	}
}

func records(write writer, name string, rows, dim int, seed uint64) iter.Seq2[memory.Record, error] {
	h := fnv.New64a()
	h.Write([]byte(name))
	base := seed ^ h.Sum64()
	return func(yield func(memory.Record, error) bool) {
		m := maker{rows: rows, embedder: newEmbedder(dim, base)}
		for i := range rows {
			// Each record throws dice of its own, so that none depends on how many
			// there are.
			m.dice = newDice(base, uint64(i))
			m.line = m.line[:0]
			write(&m, i)
			if !yield(m.line, nil) {
				return
			}
		}
	}
}

func fails(err error) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) { yield(nil, err) }
}

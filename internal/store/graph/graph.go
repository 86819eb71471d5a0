// Package graph reads and writes the knowledge graph: the tables Nodes and
// Edges of a SQLite database that a live agent may have open. It reads in one
// transaction, never changes what it only looks at, merges in transactions that
// are short enough for a writer that waits five seconds, and replaces in one.
package graph

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Config says where a graph is. All but Path may be left zero.
type Config struct {
	// Path is the SQLite file. It need not exist.
	Path string
	// Section is the graph's name in a bundle; memory.Graph when empty.
	Section memory.Section
	// BusyTimeout is how long to wait for a lock; 0 is five seconds, which is
	// what Neo.mjs waits.
	BusyTimeout time.Duration
	// Now stamps captures. Without it they carry no times.
	Now func() time.Time
}

// Graph is one SQLite graph, as a store.Store and a store.Replacer. It keeps
// nothing open between calls.
type Graph struct {
	config Config
	// step is called before each step of what changes the graph. It does nothing
	// but in tests, which end the process there.
	step func(name string)
}

var (
	_ store.Store    = (*Graph)(nil)
	_ store.Replacer = (*Graph)(nil)
)

// New returns the graph that config names, without looking at it.
func New(config Config) *Graph {
	if config.Section == "" {
		config.Section = memory.Graph
	}
	if config.BusyTimeout == 0 {
		config.BusyTimeout = 5 * time.Second
	}
	if config.Now == nil {
		config.Now = func() time.Time { return time.Time{} }
	}
	return &Graph{config: config, step: func(string) {}}
}

// Costs implements store.Coster: in the temporary database an element takes keys,
// indexes and the heads of pages and records beside its text; it is staged, compared
// and put in.
func (g *Graph) Costs() store.Costs {
	return store.Costs{RowBytes: 120, BundleBytes: 1, ReadRow: 100e-6}
}

// Open starts the read transaction that every reading of the session sees. A
// missing file, or one without the tables of a graph, is an absent section.
func (g *Graph) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	s := &session{graph: g}
	if len(sections) > 0 && !slices.Contains(sections, g.config.Section) {
		return s, nil
	}
	look, err := g.look(ctx)
	if err != nil {
		return nil, err
	}
	s.look = look
	s.inspect()
	return s, nil
}

// Survey counts the nodes and edges. The locator's path has its links resolved.
func (g *Graph) Survey(ctx context.Context, section memory.Section) (store.Survey, error) {
	if err := g.mine(section); err != nil {
		return store.Survey{}, err
	}
	look, err := g.look(ctx)
	if err != nil {
		return store.Survey{}, err
	}
	survey := store.Survey{Locator: look.locator(), Exists: look.tables.exist(), Rows: look.rows}
	survey.Target = guard.NewTarget(ctx, guard.Graph, survey.Locator, nil)
	return survey, look.close()
}

// mine refuses a section that is not the graph's.
func (g *Graph) mine(section memory.Section) error {
	if section != g.config.Section {
		return fmt.Errorf("section %s: %w: the graph is %s", section, store.ErrAbsent, g.config.Section)
	}
	return nil
}

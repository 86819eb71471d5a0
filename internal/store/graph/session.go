package graph

import (
	"context"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// session is one look at a graph; look is nil when the graph was not asked for.
type session struct {
	graph    *Graph
	look     *look
	findings []memory.Finding
}

var _ store.Inspector = (*session)(nil)

func (s *session) exists() bool { return s.look != nil && s.look.tables.exist() }

// Sections lists the graph, when it is there.
func (s *session) Sections(context.Context) ([]memory.SectionSpec, error) {
	if !s.exists() {
		return nil, nil
	}
	return []memory.SectionSpec{{
		Name: s.graph.config.Section, Kind: memory.Elements, Rows: s.look.rows, Locator: s.look.locator(),
	}}, nil
}

// Read starts reading nodes, then edges, each in the order in which they were
// written.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if section != s.graph.config.Section || !s.exists() {
		return nil, fmt.Errorf("read %s: %w", section, store.ErrAbsent)
	}
	if s.look.conn == nil {
		return nil, fmt.Errorf("read %s: session is closed", section)
	}
	r := &reader{session: s, capture: memory.Capture{Method: "sqlite", Unreadable: []string{}}}
	return store.NewReading(r.all(ctx), func() memory.Capture { return r.capture }), nil
}

// Findings says what stood out: a file without a graph, rows that can't be read.
func (s *session) Findings() []memory.Finding { return s.findings }

// inspect notes a database that is there and holds no graph.
func (s *session) inspect() {
	if s.look.conn == nil || s.look.tables.exist() {
		return
	}
	s.findings = append(s.findings, memory.Finding{
		Level: memory.Warning, Code: "graph-without-tables", Section: s.graph.config.Section, File: s.look.path,
		Message: "the database has no tables Nodes and Edges",
		Hint:    "check that this is the graph's file; Neo.mjs makes the tables when it starts",
	})
}

// Close ends the read transaction.
func (s *session) Close() error {
	if s.look == nil {
		return nil
	}
	return s.look.close()
}

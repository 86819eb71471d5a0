package memory_test

import (
	"slices"
	"testing"

	"keepsake/internal/memory"
)

func TestUnit(t *testing.T) {
	database := memory.Locator{Kind: memory.KindSQLite}
	all := []memory.SectionSpec{
		{Name: "mc/memory", Kind: memory.Vectors},
		{Name: "graph/graph", Kind: memory.Elements},
		{Name: "notes/a.md", Kind: memory.Opaque},
		{Name: "notes/b.jsonl", Kind: memory.Lines},
		{Name: "notes/store.db", Kind: memory.Opaque, Locator: database},
		{Name: "concepts/nodes", Kind: memory.Lines},
	}
	for i, want := range []memory.Unit{"mc/memory", "graph/graph", "notes", "notes", "notes/store.db", "concepts"} {
		if got := all[i].Unit(); got != want {
			t.Errorf("unit of %s: %s, want %s", all[i].Name, got, want)
		}
	}
	for unit, want := range map[memory.Unit][]string{
		"mc/memory": {"mc/memory"}, "concepts": {"concepts"}, "notes/store.db": {"notes/store.db"},
		"notes": {"notes/a.md", "notes/b.jsonl"}, // not the database beside them
	} {
		if got := unit.Selector(all); !slices.Equal(got, want) {
			t.Errorf("selector of %s: %q, want %q", unit, got, want)
		}
	}
}

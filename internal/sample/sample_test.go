package sample_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/sample"
)

// collect copies all records.
func collect(t *testing.T, records iter.Seq2[memory.Record, error]) []memory.Record {
	t.Helper()
	var all []memory.Record
	for rec, err := range records {
		if err != nil {
			t.Fatalf("record %d: %v", len(all), err)
		}
		all = append(all, bytes.Clone(rec))
	}
	return all
}

// all returns a section of the sample memory as Sections has it.
func all(t *testing.T, section memory.Section) []memory.Record {
	t.Helper()
	for _, spec := range sample.Sections() {
		if spec.Name == section {
			return collect(t, sample.Records(section, int(spec.Rows), spec.Dimension, 1))
		}
	}
	t.Fatalf("there is no section %s", section)
	return nil
}

func equal(a, b []memory.Record) bool {
	return slices.EqualFunc(a, b, func(x, y memory.Record) bool { return bytes.Equal(x, y) })
}

// decode returns a record as JSON has it.
func decode[T any](t *testing.T, rec memory.Record) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(rec, &value); err != nil {
		t.Fatalf("%v\n%.300s", err, rec)
	}
	return value
}

func TestSections(t *testing.T) {
	var rows int64
	seen := make(map[memory.Section]bool)
	for _, spec := range sample.Sections() {
		if seen[spec.Name] {
			t.Errorf("%s comes twice", spec.Name)
		}
		seen[spec.Name] = true
		rows += spec.Rows
		if got := int64(len(all(t, spec.Name))); got != spec.Rows {
			t.Errorf("%s: got %d records, want %d", spec.Name, got, spec.Rows)
		}
		if vectors := spec.Kind == memory.Vectors; vectors != (spec.Collection != nil) || vectors != (spec.Dimension > 0) {
			t.Errorf("%s: got %+v, want a collection and a dimension for vectors only", spec.Name, spec)
		}
	}
	for _, subsystem := range memory.Subsystems() {
		if !slices.ContainsFunc(sample.Sections(), func(s memory.SectionSpec) bool { return s.Name.Subsystem() == subsystem }) {
			t.Errorf("%s has no section", subsystem)
		}
	}
	if rows < 2000 || rows > 5000 {
		t.Errorf("got %d records in all, want a few thousand", rows)
	}
}

// Every record is one that record accepts, and is in canonical form already.
func TestRecordsAreCanonical(t *testing.T) {
	for _, spec := range sample.Sections() {
		t.Run(string(spec.Name), func(t *testing.T) {
			for i, rec := range all(t, spec.Name) {
				if err := check(spec, rec); err != nil {
					t.Fatalf("record %d: %v\n%.400s", i, err, rec)
				}
			}
		})
	}
}

func check(spec memory.SectionSpec, rec memory.Record) error {
	var scanner record.Scanner
	switch spec.Kind {
	case memory.Vectors:
		return checkVector(rec, spec.Dimension)
	case memory.Elements:
		e, err := scanner.Element(rec)
		if err != nil {
			return err
		}
		canonical, err := new(record.Scanner).AppendElement(nil, e.Edge, e.ID, nil, e.Source, e.Target, e.Type, e.Data.Of(rec))
		if err == nil && !bytes.Equal(canonical, rec) {
			err = fmt.Errorf("its canonical form is %s", canonical)
		}
		return err
	}
	object, err := scanner.Line(rec)
	if err == nil && !object {
		err = fmt.Errorf("it is no JSON object")
	}
	return err
}

// checkVector prints the row anew from its parts and wants the same bytes.
func checkVector(rec memory.Record, dimension int) error {
	var scanner, printer record.Scanner
	v, err := scanner.Vector(rec)
	if err != nil {
		return err
	}
	if v.Dimension != dimension {
		return fmt.Errorf("got dimension %d, want %d", v.Dimension, dimension)
	}
	var document *string
	if value := v.Document.Of(rec); value[0] == '"' {
		text, err := record.AppendUnquoted(nil, value)
		if err != nil {
			return err
		}
		document = new(string)
		*document = string(text)
	}
	again, err := printer.AppendVector(nil, string(v.Key), v.Bits, v.Metadata.Of(rec), document)
	if err == nil && !bytes.Equal(again, rec) {
		err = fmt.Errorf("its canonical form is %.400s", again)
	}
	return err
}

func TestDeterminism(t *testing.T) {
	for _, spec := range sample.Sections() {
		t.Run(string(spec.Name), func(t *testing.T) {
			once := collect(t, sample.Records(spec.Name, 50, 16, 7))
			if again := collect(t, sample.Records(spec.Name, 50, 16, 7)); !equal(once, again) {
				t.Error("the same seed made other records")
			}
			records := sample.Records(spec.Name, 50, 16, 7)
			if first, second := collect(t, records), collect(t, records); !equal(first, second) {
				t.Error("a second pass over a sequence made other records")
			}
			if spec.Name.Subsystem() != memory.Concepts && equal(once, collect(t, sample.Records(spec.Name, 50, 16, 8))) {
				t.Error("another seed made the same records")
			}
			if spec.Kind == memory.Elements {
				return // where its edges begin depends on the rows
			}
			if more := collect(t, sample.Records(spec.Name, 80, 16, 7)); !equal(once, more[:50]) {
				t.Error("the first 50 of 80 records are others than those of 50")
			}
		})
	}
}

func TestIDsAreUnique(t *testing.T) {
	unique := func(t *testing.T, records iter.Seq2[memory.Record, error]) {
		t.Helper()
		seen := make(map[string]bool)
		for rec, err := range records {
			if err != nil {
				t.Fatal(err)
			}
			var row struct {
				ID   string
				Type string
				Data struct{ ID string }
			}
			if err := json.Unmarshal(rec, &row); err != nil {
				t.Fatal(err)
			}
			id := row.ID
			if row.Data.ID != "" {
				id = row.Type + " " + row.Data.ID
			}
			if id == "" || seen[id] {
				t.Fatalf("id %q comes twice or is empty", id)
			}
			seen[id] = true
		}
	}
	for _, section := range []memory.Section{
		memory.KnowledgeBase, memory.Memories, memory.Summaries, memory.Graph, sample.ConceptNodes, memory.MailboxSentToCull,
	} {
		t.Run(string(section), func(t *testing.T) { unique(t, sample.Records(section, 5000, 1, 3)) })
	}
}

type element struct {
	Type string
	Data struct{ ID, Source, Target string }
}

// Every edge has both ends among the nodes before it, and all nodes hang together.
func TestGraphHangsTogether(t *testing.T) {
	for _, rows := range []int{0, 1, 2, 3, 10, 61, 62, 75, 900, 5000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			group := make(map[string]string) // node → a node of its group, itself for one
			var root func(id string) string
			root = func(id string) string {
				if group[id] != id {
					group[id] = root(group[id])
				}
				return group[id]
			}
			edges := 0
			for _, rec := range collect(t, sample.Records(memory.Graph, rows, 0, 5)) {
				e := decode[element](t, rec)
				if e.Type == "node" {
					if edges > 0 {
						t.Fatalf("node %q after an edge", e.Data.ID)
					}
					group[e.Data.ID] = e.Data.ID
					continue
				}
				edges++
				if group[e.Data.Source] == "" || group[e.Data.Target] == "" {
					t.Fatalf("an edge without its ends: %s", rec)
				}
				group[root(e.Data.Source)] = root(e.Data.Target)
			}
			roots := make(map[string]bool)
			for id := range group {
				roots[root(id)] = true
			}
			if len(roots) > 1 {
				t.Errorf("got %d parts that nothing ties together, want one", len(roots))
			}
			if len(group)+edges != rows {
				t.Errorf("got %d nodes and %d edges, want %d in all", len(group), edges, rows)
			}
		})
	}
}

func TestConceptEdgesHaveEnds(t *testing.T) {
	for _, edges := range []int{0, 1, len(all(t, sample.ConceptEdges)), 200} {
		nodes := make(map[string]bool)
		for _, rec := range collect(t, sample.Records(sample.ConceptNodes, edges+1, 0, 1)) {
			nodes[decode[struct{ ID string }](t, rec).ID] = true
		}
		for _, rec := range collect(t, sample.Records(sample.ConceptEdges, edges, 0, 1)) {
			edge := decode[struct{ Source, Target string }](t, rec)
			if !nodes[edge.Source] || !nodes[edge.Target] {
				t.Errorf("%d edges: an end is missing: %s", edges, rec)
			}
		}
	}
}

// Sections speak of one another: each memory's session has a summary, and each
// session of the graph and the trajectories is one of them.
func TestSectionsAgree(t *testing.T) {
	summaries := make(map[string]bool)
	for _, rec := range all(t, memory.Summaries) {
		summaries[decode[struct{ ID string }](t, rec).ID] = true
	}
	for _, section := range []memory.Section{memory.Memories, memory.TrajectoryLog} {
		for _, rec := range all(t, section) {
			row := decode[struct{ Metadata struct{ SessionID string } }](t, rec)
			if !summaries["summary_"+row.Metadata.SessionID] {
				t.Fatalf("%s: session %q has no summary", section, row.Metadata.SessionID)
			}
		}
	}
	held := 0
	for _, rec := range all(t, memory.Graph) {
		if session, ok := strings.CutPrefix(decode[element](t, rec).Data.ID, "session:"); ok {
			held++
			if !summaries["summary_"+session] {
				t.Fatalf("the graph's session %q has no summary", session)
			}
		}
	}
	if held == 0 {
		t.Error("the graph has no sessions")
	}
}

// The knowledge base is shaped as Neo.mjs shapes it: null documents, text in the
// metadata, the id its hash.
func TestKnowledgeBase(t *testing.T) {
	for _, rec := range all(t, memory.KnowledgeBase) {
		row := decode[struct {
			ID       string
			Document *string
			Metadata struct{ Content, Hash string }
		}](t, rec)
		if row.Document != nil || row.Metadata.Content == "" || row.Metadata.Hash != row.ID || len(row.ID) != 64 {
			t.Fatalf("got %+v", row)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, records := range map[string]iter.Seq2[memory.Record, error]{
		"UnknownSection": sample.Records("kb/nothing", 1, 1, 1),
		"NoDimension":    sample.Records(memory.Memories, 1, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			for rec, err := range records {
				if n++; rec != nil || err == nil {
					t.Errorf("got %s, %v, want an error", rec, err)
				}
			}
			if n != 1 {
				t.Errorf("got %d items, want one", n)
			}
		})
	}
}

func TestStopsWhenAsked(t *testing.T) {
	n := 0
	for _, err := range sample.Records(memory.Memories, 1000, 4, 1) {
		if n++; err != nil || n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("got %d records, want 3", n)
	}
}

package graph_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/graph"
)

func TestFilter(t *testing.T) {
	rows := []string{
		`{"type":"node","data":{"id":"a","label":"CONCEPT"}}`,
		`{"type":"node","data":{"id":"b","label":"SESSION"}}`,
		`{"type":"node","data":{"id":"c"}}`,
		`{"type":"node","raw":"SESSION","columns":{"id":"d"}}`,
		`{"type":"edge","data":{"id":"ac","source":"a","target":"c","type":"KNOWS"}}`,
		`{"type":"edge","data":{"id":"ab","source":"a","target":"b","type":"SEEN"}}`,
		`{"type":"edge","data":{"id":"ba","source":"b","target":"a","type":"KNOWS"}}`,
		`{"type":"edge","data":{"id":"xa","source":"x","target":"a","type":"SESSION"}}`,
		`{"type":"edge","raw":"","columns":{"id":"r","source":"a","target":"c","type":"SEEN"}}`,
		`{"no":"row"}`,
	}
	for _, tt := range []struct {
		name          string
		labels, types []string
		without       string // ids
		want          graph.Dropped
	}{
		{"Nothing", nil, nil, "", graph.Dropped{}},
		{"Labels", []string{"SESSION"}, nil, "b ab ba", graph.Dropped{Nodes: 1, Ends: 2}},
		{"EdgeTypes", nil, []string{"SEEN"}, "ab r", graph.Dropped{Edges: 2}},
		{"Both", []string{"SESSION", "NONE"}, []string{"KNOWS"}, "b ac ab ba", graph.Dropped{Nodes: 1, Edges: 2, Ends: 1}},
		{"LabelIsNoType", []string{"SEEN"}, []string{"CONCEPT"}, "", graph.Dropped{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, row := range rows {
				if !slices.ContainsFunc(strings.Fields(tt.without), func(id string) bool {
					return strings.Contains(row, `"id":"`+id+`"`)
				}) {
					want = append(want, row)
				}
			}
			var dropped graph.Dropped
			filtered := graph.Filter(tt.labels, tt.types, &dropped)(overwritten(rows))
			for _, pass := range []string{"first", "second"} {
				if got := texts(t, filtered); !slices.Equal(got, want) {
					t.Errorf("%s pass: got %q, want %q", pass, got, want)
				}
				if dropped != tt.want {
					t.Errorf("%s pass: got %+v, want %+v", pass, dropped, tt.want)
				}
			}
		})
	}
}

// overwritten yields rows through one buffer.
func overwritten(rows []string) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var buffer []byte
		for _, row := range rows {
			buffer = append(buffer[:0], row...)
			if !yield(buffer, nil) {
				return
			}
		}
	}
}

func texts(t *testing.T, records iter.Seq2[memory.Record, error]) (all []string) {
	t.Helper()
	for rec, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(rec))
	}
	return all
}

func TestFilterPassesErrorsOn(t *testing.T) {
	broken := errors.New("the bundle broke")
	filtered := graph.Filter([]string{"X"}, nil, nil)(func(yield func(memory.Record, error) bool) { yield(nil, broken) })
	for _, err := range filtered {
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want the sequence's error", err)
		}
		return
	}
	t.Error("got no item, want the sequence's error")
}

func TestFilterStops(t *testing.T) {
	rows := overwritten([]string{`{"type":"node","data":{"id":"a"}}`, `{"type":"node","data":{"id":"b"}}`})
	n := 0
	for _, err := range graph.Filter(nil, nil, nil)(rows) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			break
		}
	}
	if n != 1 {
		t.Errorf("got %d rows after a break, want 1", n)
	}
}

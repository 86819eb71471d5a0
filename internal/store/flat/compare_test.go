package flat_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// TestCompareOfALog: equal lines count as often as they stand there.
func TestCompareOfALog(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, live string
		lines      []string
		want       store.Difference
	}{
		{"Multiplicity", "a\na\nb\n", []string{"a", "b", "b"}, store.Difference{Live: 3, Same: 2, Lost: 1, New: 1, Bytes: 6}},
		{"Torn", "a\nb", []string{"b"}, store.Difference{Live: 1, Lost: 1, New: 1, Bytes: 2}},
		{"NoLine", "a\n", []string{"a", "b\nc"}, store.Difference{Live: 1, Same: 1, Rejected: 1, Bytes: 2}},
		{"Empty", "", []string{"a"}, store.Difference{New: 1}},
		{"Time", "x\n{\"timestamp\":\"2026-03-01T10:00:00Z\"}\n", nil, store.Difference{Live: 2, Lost: 2, Bytes: 39, Newest: at}},
		{"Millis", "{\"timestamp\":1772359200000}\ntor", nil, store.Difference{Live: 1, Lost: 1, Bytes: 28, Newest: at}},
		{"NoTime", "{\"timestamp\":\"noon\"}\n", nil, store.Difference{Live: 1, Lost: 1, Bytes: 21}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, tt.live)
			got, err := logOn(path, nil).Compare(t.Context(), memory.SectionSpec{Name: log}, records(tt.lines...), store.CompareOptions{})
			if err != nil || got != tt.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

// TestCompareOfAKeyedFile: what each line would become, by its id.
func TestCompareOfAKeyedFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "nodes.jsonl"), `{"id":"same","n":1}`+"\n"+`{"id":"changed","n":1}`+"\n"+`{"id":"lost"}`+"\n"+"text\n")
	var events []string
	got, err := newFiles(concepts(dir)).Compare(t.Context(), memory.SectionSpec{Name: "concepts/nodes"},
		records(`{"n":1,"id":"same"}`, `{"id":"changed","n":2}`, `{"id":"new"}`), store.CompareOptions{
			Report: func(e store.Event) error {
				events = append(events, fmt.Sprintf("%s %.7s", e.Outcome, e.ID))
				return nil
			},
		})
	want := store.Difference{Live: 4, Same: 1, Changed: 1, Lost: 2, New: 1, Bytes: 62}
	if err != nil || got != want {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for _, want := range []string{"differs changed", "lost lost", "missing new"} {
		if !slices.Contains(events, want) {
			t.Errorf("got events %q, want %q", events, want)
		}
	}
}

// TestCompareOfAMovingFile: a file that is rewritten between the two readings is
// an error, and not a difference.
func TestCompareOfAMovingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\nb\n")
	_, err := logOn(path, nil).Compare(t.Context(), memory.SectionSpec{Name: log}, func(func(memory.Record, error) bool) {
		write(t, path, "c\nd\n")
	}, store.CompareOptions{})
	if err == nil || !strings.Contains(err.Error(), "rewritten in place") {
		t.Errorf("got %v, want an error", err)
	}
}

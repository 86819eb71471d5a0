package storetest

import (
	"errors"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// survey holds Survey to its promises.
func (s *suite) survey(t *testing.T) {
	f := s.New(t)
	s.surveyed(t, f, false, 0)
	s.surveyed(t, f, false, 0)
	if session := s.open(t, f); session != nil {
		if _, err := session.Read(t.Context(), f.Spec.Name); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("read after a survey: got %v, want ErrAbsent still", err)
		}
		closeSession(t, session)
	}
	s.fill(t, f, s.rows("a", 30))
	s.surveyed(t, f, true, 30)
}

// surveyed surveys the fixture's section and wants the place as it was.
func (s *suite) surveyed(t *testing.T, f Fixture, exists bool, rows int64) {
	t.Helper()
	before := s.state(t, f)
	got, err := f.Target.Survey(t.Context(), f.Spec.Name)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	if got.Exists != exists || got.Rows != rows {
		t.Errorf("got exists %t with %d rows, want %t, %d", got.Exists, got.Rows, exists, rows)
	}
	if got.Locator.Kind == "" {
		t.Error("got a survey without a locator")
	}
	if exists && s.kind == memory.Vectors && (got.Dimension != Dimension || got.Distance != f.Spec.Distance) {
		t.Errorf("got dimension %d, distance %q, want %d, %q", got.Dimension, got.Distance, Dimension, f.Spec.Distance)
	}
	if after := s.state(t, f); after != before {
		t.Errorf("a survey changed the place:\ngot  %s\nwant %s", after, before)
	}
}

// mergeRejects puts rows among the others that the target cannot take: they are
// reported, the rest goes in.
func (s *suite) mergeRejects(t *testing.T) {
	if !s.Rejects {
		t.Skip("the target takes every record")
	}
	good := s.rows("a", 60)
	bad := s.unfit()
	f := s.New(t)
	rows := append(slices.Clone(good), bad...)
	result, heard, err := s.run(t, f, sequence(rows), "")
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	if left := result.Missing + result.Rejected; left != int64(len(bad)) || result.Complete() {
		t.Errorf("got %+v, want %d rows missing or rejected", result, len(bad))
	}
	if result.Added != int64(len(good)) || result.Same != int64(len(good)) {
		t.Errorf("got %+v, want the other %d rows in", result, len(good))
	}
	for _, rec := range heard.rejected {
		if !slices.ContainsFunc(bad, func(b memory.Record) bool { return string(b) == string(rec) }) {
			t.Errorf("got a rejected event with the record %.200q, want one of the rows that were unfit", rec)
		}
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, good, 1)
}

// unfit returns records that are well formed and cannot be put in.
func (s *suite) unfit() []memory.Record {
	if s.kind == memory.Elements {
		return []memory.Record{
			element(true, "stray-1", nil, "nobody", ID(1), "RELATES", `{}`),
			element(true, "stray-2", nil, ID(1), "nobody", "RELATES", `{}`),
		}
	}
	short := make([]byte, 4*(Dimension-1))
	return []memory.Record{
		must(new(record.Scanner).AppendVector(nil, "salvaged", nil, []byte(`{"a":1}`), nil)),
		must(new(record.Scanner).AppendVector(nil, "short", short, []byte(`{"a":1}`), nil)),
	}
}

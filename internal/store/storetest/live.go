package storetest

import (
	"errors"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// live reads while others write: growth is not loss.
func (s *suite) live(t *testing.T) {
	t.Run("Growth", s.growth)
	t.Run("Shrinking", s.shrinking)
}

// meanwhile reads the fixture's section and calls do after the third record.
func (s *suite) meanwhile(t *testing.T, f Fixture, do func()) ([]memory.Record, memory.Capture) {
	t.Helper()
	session, reading := s.start(t.Context(), t, f)
	var got []memory.Record
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatalf("reading a place that is written to: %v", err)
		}
		if got = append(got, append(memory.Record(nil), rec...)); len(got) == 3 {
			do()
		}
	}
	capture, err := reading.Capture()
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	closeSession(t, session)
	return got, capture
}

func (s *suite) growth(t *testing.T) {
	all := s.rows("a", s.Rows+200)
	held, added := s.split(all, 200)
	f := s.filled(t, held)
	if f.Put == nil {
		t.Skip("the fixture cannot write behind the store's back")
	}
	got, capture := s.meanwhile(t, f, func() { f.Put(t, added) })
	s.wantHeld(t, got, held)
	if capture.Before != int64(len(held)) || capture.Held != int64(len(held)) || !capture.Complete() {
		t.Errorf("got %+v, want %d before and held, and complete", capture, len(held))
	}
	if more := int64(len(got) - len(held)); capture.Added != more {
		t.Errorf("got added %d, want %d: the rows that came meanwhile and were read", capture.Added, more)
	}
	got, _ = s.contents(t, f)
	s.wantRows(t, got, all, 1)
}

// split takes n rows off the end that nothing in the rest refers to.
func (s *suite) split(rows []memory.Record, n int) (rest, last []memory.Record) {
	return rows[:len(rows)-n], rows[len(rows)-n:]
}

func (s *suite) shrinking(t *testing.T) {
	if s.kind == memory.Lines {
		t.Skip("lines have no ids to delete by")
	}
	rows := s.rows("a", s.Rows)
	held, gone := s.split(rows, 100)
	f := s.filled(t, rows)
	if f.Delete == nil {
		t.Skip("the fixture cannot delete behind the store's back")
	}
	got, capture := s.meanwhile(t, f, func() { f.Delete(t, s.ids(t, gone)) })
	s.wantHeld(t, got, held)
	if !capture.Complete() {
		t.Errorf("got %+v, want a complete capture: rows that were deleted are not missing", capture)
	}
	if capture.Held+capture.Removed != capture.Before || capture.Before != int64(len(rows)) {
		t.Errorf("got before %d, held %d, removed %d, want before %d and the sum of the others",
			capture.Before, capture.Held, capture.Removed, len(rows))
	}
}

// ids returns the bare ids of rows.
func (s *suite) ids(t *testing.T, rows []memory.Record) []string {
	t.Helper()
	ids := make([]string, len(rows))
	for i, rec := range rows {
		ids[i] = s.bareID(t, rec)
	}
	return ids
}

func (s *suite) unreachable(t *testing.T) {
	if s.Unreachable == nil {
		t.Fatal("the factory has no unreachable place")
	}
	source, target, section := s.Unreachable(t)
	spec := s.New(t).Spec
	spec.Name = section
	s.noLeak(t, func() {
		session, err := source.Open(t.Context(), []memory.Section{section})
		if !errors.Is(err, store.ErrUnreachable) || session != nil {
			t.Errorf("open: got %v, %v, want no session and ErrUnreachable", session, err)
		}
		if target == nil {
			return
		}
		if _, err := target.Survey(t.Context(), section); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("survey: got %v, want ErrUnreachable", err)
		}
		result, err := target.Merge(t.Context(), spec, sequence(s.rows("a", 3)), store.MergeOptions{})
		if !errors.Is(err, store.ErrUnreachable) || result.Added != 0 {
			t.Errorf("merge: got %d added, %v, want 0, ErrUnreachable", result.Added, err)
		}
	})
}

package storetest

import (
	"errors"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// compares holds Compare to its promises.
func (s *suite) compares(t *testing.T) {
	t.Run("Counts", s.compareCounts)
	t.Run("Alike", s.compareAlike)
	t.Run("Absent", s.compareAbsent)
	t.Run("Rejects", s.compareRejects)
	t.Run("Ends", s.compareEnds)
}

// difference compares rows with what is there, and wants it to stay and what was
// reported to add up.
func (s *suite) difference(t *testing.T, f Fixture, rows []memory.Record) store.Difference {
	t.Helper()
	heard := map[store.Outcome]int64{}
	before := s.state(t, f)
	got, err := replacer(f).Compare(t.Context(), f.Spec, sequence(rows), store.CompareOptions{
		Report: func(e store.Event) error {
			if heard[e.Outcome]++; e.ID == "" {
				t.Errorf("got an event %q without an id", e.Outcome)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	if after := s.state(t, f); after != before {
		t.Errorf("a comparison changed the place:\ngot  %s\nwant %s", after, before)
	}
	if got.Live != got.Same+got.Changed+got.Lost {
		t.Errorf("got %+v: the live rows are same, changed or lost", got)
	}
	if heard[store.Lost] != got.Lost || heard[store.Differs] != got.Changed || heard[store.Rejected] != got.Rejected {
		t.Errorf("got events %v, want what was counted: %+v", heard, got)
	}
	if got.Rejected == 0 && heard[store.Missing] != got.New {
		t.Errorf("got %d events of rows that are new, want %d", heard[store.Missing], got.New)
	}
	return got
}

// wantDifference compares all but what only the store can tell.
func wantDifference(t *testing.T, got, want store.Difference) {
	t.Helper()
	want.Bytes, want.Newest = got.Bytes, got.Newest
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func (s *suite) compareCounts(t *testing.T) {
	rows := s.compose(live...)
	f := s.filled(t, rows)
	want := store.Difference{Live: 200, Same: 60, Changed: 50, Lost: 90, New: 80}
	if !s.keyed {
		want = store.Difference{Live: 200, Same: 60, Lost: 140, New: 130}
	}
	for _, n := range []*int64{&want.Live, &want.Same, &want.Changed, &want.Lost, &want.New} {
		*n *= s.per()
	}
	got := s.difference(t, f, s.compose(next...))
	wantDifference(t, got, want)
	var size int64
	for _, rec := range rows {
		size += int64(len(rec)) + 1
	}
	if got.Bytes < size/2 || got.Bytes > 2*size {
		t.Errorf("got about %d bytes of live rows, want %d within a factor of two", got.Bytes, size)
	}
	s.wantOnly(t, f, rows)
}

func (s *suite) compareAlike(t *testing.T) {
	rows := s.rows("a", s.Rows)
	f := s.filled(t, rows)
	n := int64(len(rows))
	wantDifference(t, s.difference(t, f, rows), store.Difference{Live: n, Same: n})
	wantDifference(t, s.difference(t, f, nil), store.Difference{Live: n, Lost: n})
}

func (s *suite) compareAbsent(t *testing.T) {
	f := s.New(t)
	got := s.difference(t, f, s.rows("a", 50))
	if want := (store.Difference{New: 50}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	s.wantAbsent(t, f)
}

func (s *suite) compareRejects(t *testing.T) {
	if !s.Rejects {
		t.Skip("the target takes every record")
	}
	live, bad := s.rows("a", 60), s.unfit()
	f := s.filled(t, live)
	got := s.difference(t, f, append(slices.Clone(live), bad...))
	if got.Rejected != int64(len(bad)) || got.Same != 60 {
		t.Errorf("got %+v, want 60 the same and %d rejected", got, len(bad))
	}
}

func (s *suite) compareEnds(t *testing.T) {
	f := s.filled(t, s.compose(live...))
	before := s.state(t, f)
	told := errors.New("nobody wants to know")
	_, err := replacer(f).Compare(t.Context(), f.Spec, sequence(s.compose(next...)), store.CompareOptions{
		Report: func(store.Event) error { return told },
	})
	if !errors.Is(err, told) {
		t.Errorf("got %v, want the error from Report", err)
	}
	s.noLeak(t, func() {
		if _, err := replacer(f).Compare(t.Context(), f.Spec, broken(s.rows("a", 30)), store.CompareOptions{}); !errors.Is(err, errBroken) {
			t.Errorf("got %v, want the sequence's error", err)
		}
	})
	if after := s.state(t, f); after != before {
		t.Errorf("a comparison that ended early changed the place:\ngot  %s\nwant %s", after, before)
	}
}

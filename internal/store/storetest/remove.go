package storetest

import (
	"errors"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// removes holds Remove to its promises.
func (s *suite) removes(t *testing.T) {
	t.Run("TakesAMergeBack", s.removeMerge)
	t.Run("KeepsWhatChanged", s.removeChanged)
	t.Run("All", s.removeAll)
	t.Run("Absent", s.removeAbsent)
	t.Run("Permit", s.removePermit)
	t.Run("Ends", s.removeEnds)
}

// remove removes records with leave and wants what was reported to add up.
func (s *suite) remove(t *testing.T, f Fixture, records []memory.Record, want store.Removal) {
	t.Helper()
	heard := map[store.Outcome]int64{}
	op := s.operation(f)
	got, err := replacer(f).Remove(t.Context(), f.Spec, sequence(records), s.leave(t, f, op), store.RemoveOptions{
		Operation: op,
		Report: func(e store.Event) error {
			if heard[e.Outcome]++; e.ID == "" {
				t.Errorf("got an event %q without an id", e.Outcome)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatalf("remove: %v", err)
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if heard[store.Differs] != got.Kept || heard[store.Removed] != got.Gone {
		t.Errorf("got events %v, want what was counted: %+v", heard, got)
	}
}

// removeMerge merges rows beside others and takes them back, twice.
func (s *suite) removeMerge(t *testing.T) {
	rows, extra := s.compose(live...), s.compose(part{"b", 200, 280})
	f := s.filled(t, rows)
	before, n := int64(len(rows)), int64(len(extra))
	s.mergeOK(t, f, extra)
	s.remove(t, f, extra, store.Removal{Removed: n, Rows: before})
	s.wantOnly(t, f, rows)
	state := s.state(t, f)
	s.remove(t, f, extra, store.Removal{Gone: n, Rows: before})
	if after := s.state(t, f); after != state {
		t.Errorf("a second removal changed the place:\ngot  %s\nwant %s", after, state)
	}
	s.wantOnly(t, f, rows)
}

// removeChanged changes some of the rows before they are taken back.
func (s *suite) removeChanged(t *testing.T) {
	if s.kind == memory.Lines {
		t.Skip("lines have no ids to delete by")
	}
	rows, extra := s.compose(live...), s.compose(part{"b", 200, 280})
	f := s.filled(t, rows)
	if f.Put == nil || f.Delete == nil {
		t.Skip("the fixture cannot change rows behind the store's back")
	}
	s.mergeOK(t, f, extra)
	_, changed := s.split(s.compose(part{"c", 200, 280}), 30)
	f.Delete(t, s.ids(t, changed))
	f.Put(t, changed)
	s.remove(t, f, extra, store.Removal{
		Removed: int64(len(extra)) - 30, Kept: 30, Rows: int64(len(rows)) + 30,
	})
	s.wantOnly(t, f, append(slices.Clone(rows), changed...))
}

func (s *suite) removeAll(t *testing.T) {
	rows := s.rows("a", s.Rows)
	f := s.filled(t, rows)
	s.remove(t, f, rows, store.Removal{Removed: int64(len(rows))})
	if survey := s.see(t, f); survey.Rows != 0 {
		t.Errorf("got %d rows, want none", survey.Rows)
	}
}

func (s *suite) removeAbsent(t *testing.T) {
	f := s.New(t)
	s.remove(t, f, s.rows("a", 20), store.Removal{Gone: 20})
	s.wantAbsent(t, f)
}

// removeEnds breaks off in the middle: what isn't removed yet, the next one does.
func (s *suite) removeEnds(t *testing.T) {
	rows, extra := s.compose(live...), s.compose(part{"b", 200, 280})
	f := s.filled(t, rows)
	s.fill(t, f, extra)
	op := s.operation(f)
	s.noLeak(t, func() {
		_, err := replacer(f).Remove(t.Context(), f.Spec, broken(extra[:40]), s.leave(t, f, op), store.RemoveOptions{Operation: op})
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v, want the sequence's error", err)
		}
	})
	got, _ := s.contents(t, f)
	s.wantHeld(t, got, rows)
	gone := int64(len(rows)+len(extra)) - s.see(t, f).Rows
	s.remove(t, f, extra, store.Removal{Removed: int64(len(extra)) - gone, Gone: gone, Rows: int64(len(rows))})
	s.wantOnly(t, f, rows)
}

package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// stageAlone stages and does not commit.
func (s *suite) stageAlone(t *testing.T) {
	rows, records := s.compose(live...), s.compose(next...)
	t.Run("Live", func(t *testing.T) {
		f := s.filled(t, rows)
		staged := s.stage(t, f, records)
		s.wantOnly(t, f, rows)
		closeStaged(t, staged)
		closeStaged(t, staged)
		s.wantOnly(t, f, rows)
	})
	t.Run("Absent", func(t *testing.T) {
		f := s.New(t)
		staged := s.stage(t, f, records)
		s.wantAbsent(t, f)
		closeStaged(t, staged)
		closeStaged(t, staged)
		s.wantAbsent(t, f)
	})
}

// replaceAgain repeats what was done: it stays done.
func (s *suite) replaceAgain(t *testing.T) {
	records := s.compose(next...)
	t.Run("Stage", func(t *testing.T) {
		f := s.filled(t, s.compose(live...))
		closeStaged(t, s.stage(t, f, records))
		s.stage(t, f, records)
		s.replace(t, f, records)
	})
	t.Run("Commit", func(t *testing.T) {
		f := s.filled(t, s.compose(live...))
		permit, staged := s.leave(t, f, s.operation(f)), s.stage(t, f, records)
		s.commit(t, staged, permit, s.safety(t, f), len(records), true)
		before := s.state(t, f)
		got, err := staged.Commit(t.Context(), permit, nil)
		if err != nil || got.Rows != int64(len(records)) {
			t.Errorf("committed again: got %d rows, %v, want %d", got.Rows, err, len(records))
		}
		if after := s.state(t, f); after != before {
			t.Errorf("a second commit changed the place:\ngot  %s\nwant %s", after, before)
		}
		closeStaged(t, staged)
		s.wantOnly(t, f, records)
	})
	t.Run("SamePlan", func(t *testing.T) {
		f := s.filled(t, s.compose(live...))
		s.replace(t, f, records)
		staged := s.stage(t, f, records)
		got, err := staged.Commit(t.Context(), s.leave(t, f, s.operation(f)), s.safety(t, f))
		if err != nil || got.Rows != int64(len(records)) {
			t.Errorf("the same plan again: got %d rows, %v, want %d", got.Rows, err, len(records))
		}
		s.wantOnly(t, f, records)
	})
}

// replaceBreaks ends stagings in the middle. The same plan goes on afterwards.
func (s *suite) replaceBreaks(t *testing.T) {
	t.Run("ErrorInTheSequence", func(t *testing.T) {
		s.breaks(t, errBroken, func(f Fixture, records []memory.Record) (store.Staged, error) {
			return replacer(f).Stage(t.Context(), f.Spec, broken(records[:len(records)/2]), s.options(f))
		})
	})
	t.Run("Cancelled", func(t *testing.T) {
		s.breaks(t, context.Canceled, func(f Fixture, records []memory.Record) (store.Staged, error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			return replacer(f).Stage(ctx, f.Spec, func(yield func(memory.Record, error) bool) {
				for rec, err := range sequence(records) {
					if n++; n == len(records)/2 {
						cancel()
					}
					if !yield(rec, err) {
						return
					}
				}
			}, s.options(f))
		})
	})
	t.Run("Rejects", s.stageRejects)
	t.Run("SafetyBreaks", s.safetyBreaks)
	t.Run("NoPlan", s.stageNoPlan)
}

// breaks wants stage to fail with want, and to leave nothing behind that is in
// the way of the same plan.
func (s *suite) breaks(t *testing.T, want error, stage func(Fixture, []memory.Record) (store.Staged, error)) {
	t.Helper()
	rows, records := s.rows("a", 150), s.rows("b", s.Rows)
	f, absent := s.filled(t, rows), s.New(t)
	for _, f := range []Fixture{f, absent} {
		s.noLeak(t, func() {
			staged, err := stage(f, records)
			if !errors.Is(err, want) || staged != nil {
				t.Errorf("got %v, %v, want nothing staged and %v", staged, err, want)
			}
		})
	}
	s.wantOnly(t, f, rows)
	s.wantAbsent(t, absent)
	s.replace(t, f, records)
	s.replace(t, absent, records)
}

// stageRejects stages rows that the target cannot take: all or nothing. Without
// them the same plan goes on.
func (s *suite) stageRejects(t *testing.T) {
	if !s.Rejects {
		t.Skip("the target takes every record")
	}
	rows, fit := s.compose(live...), s.compose(next...)
	f := s.filled(t, rows)
	for _, bad := range s.unfit() {
		records := append(slices.Clone(fit), bad)
		staged, err := replacer(f).Stage(t.Context(), f.Spec, sequence(records), s.options(f))
		if err == nil || staged != nil {
			t.Errorf("got %v, %v, want an error for %.100s", staged, err, bad)
		}
		s.wantOnly(t, f, rows)
	}
	s.replace(t, f, fit)
}

// stageNoPlan stages for nobody, and for plans that are no names.
func (s *suite) stageNoPlan(t *testing.T) {
	rows := s.compose(live...)
	f := s.filled(t, rows)
	for _, plan := range []string{"", ".", "../plan", "a/b", `a\b`, "a b", "a'b"} {
		options := s.options(f)
		options.Plan = plan
		staged, err := replacer(f).Stage(t.Context(), f.Spec, sequence(rows), options)
		if err == nil || staged != nil {
			t.Errorf("plan %q: got %v, %v, want an error", plan, staged, err)
		}
	}
	options := s.options(f)
	options.Operation = ""
	if staged, err := replacer(f).Stage(t.Context(), f.Spec, sequence(rows), options); err == nil || staged != nil {
		t.Errorf("no operation: got %v, %v, want an error", staged, err)
	}
	s.wantOnly(t, f, rows)
}

// safetyBreaks hands in a safety copy that can't be read to its end.
func (s *suite) safetyBreaks(t *testing.T) {
	if s.KeepsAside {
		t.Skip("the old section is its own safety copy")
	}
	rows, records := s.compose(live...), s.compose(next...)
	f := s.filled(t, rows)
	permit, staged := s.leave(t, f, s.operation(f)), s.stage(t, f, records)
	held, _ := s.contents(t, f)
	if _, err := staged.Commit(t.Context(), permit, broken(held)); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the safety copy's error", err)
	}
	s.wantOnly(t, f, rows)
	s.commit(t, staged, permit, s.safety(t, f), len(records), true)
	s.wantOnly(t, f, records)
}

// replaceMoved commits over rows that came after the safety copy.
func (s *suite) replaceMoved(t *testing.T) {
	rows, records := s.compose(live...), s.compose(next...)
	late := s.rows("c", 300)[290:]
	if s.kind == memory.Elements {
		late = []memory.Record{node("c", 290)}
	}
	f := s.filled(t, rows)
	if f.Put == nil {
		t.Skip("the fixture cannot write behind the store's back")
	}
	staged, safety := s.stage(t, f, records), s.safety(t, f)
	f.Put(t, late)
	permit := s.leave(t, f, s.operation(f))
	if s.KeepsAside { // what came late is in the old section, and may be told
		got, err := staged.Commit(t.Context(), permit, safety)
		if err != nil || got.Aside == nil {
			t.Fatalf("commit: got %+v, %v, want the old section aside", got, err)
		}
		s.wantOnly(t, f, records)
		return
	}
	if _, err := staged.Commit(t.Context(), permit, safety); !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	s.wantOnly(t, f, append(slices.Clone(rows), late...))
	s.commit(t, staged, permit, s.safety(t, f), len(records), true)
	s.wantOnly(t, f, records)
}

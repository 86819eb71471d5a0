package storetest

import (
	"errors"
	"iter"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// refusals are the permits that no store may take for f.
func (s *suite) refusals(t *testing.T, f Fixture) map[string]guard.Permit {
	t.Helper()
	other := guard.Undo
	return map[string]guard.Permit{
		"Zero":             {},
		"AnotherTarget":    s.leave(t, s.filled(t, s.rows("a", 5)), s.operation(f)),
		"AnotherOperation": s.leave(t, f, other),
	}
}

// replacePermit commits without leave.
func (s *suite) replacePermit(t *testing.T) {
	rows, records := s.compose(live...), s.compose(next...)
	f := s.filled(t, rows)
	for name, permit := range s.refusals(t, f) {
		t.Run(name, func(t *testing.T) {
			staged := s.stage(t, f, records)
			before, safety := s.state(t, f), s.safety(t, f)
			for _, copied := range []iter.Seq2[memory.Record, error]{nil, safety} {
				if _, err := staged.Commit(t.Context(), permit, copied); !errors.Is(err, guard.ErrNotPermitted) {
					t.Errorf("got %v, want ErrNotPermitted", err)
				}
			}
			if after := s.state(t, f); after != before {
				t.Errorf("a commit without leave changed the place:\ngot  %s\nwant %s", after, before)
			}
			s.wantOnly(t, f, rows)
		})
	}
	t.Run("AbsentTarget", func(t *testing.T) {
		f := s.New(t)
		staged := s.stage(t, f, records)
		if _, err := staged.Commit(t.Context(), guard.Permit{}, nil); !errors.Is(err, guard.ErrNotPermitted) {
			t.Errorf("got %v, want ErrNotPermitted", err)
		}
		s.wantAbsent(t, f)
	})
	t.Run("LeaveAfterRefusal", func(t *testing.T) {
		staged := s.stage(t, f, records)
		if _, err := staged.Commit(t.Context(), guard.Permit{}, nil); !errors.Is(err, guard.ErrNotPermitted) {
			t.Errorf("got %v, want ErrNotPermitted", err)
		}
		s.commit(t, staged, s.leave(t, f, s.operation(f)), nil, len(records), true)
		s.wantOnly(t, f, records)
	})
}

// removePermit removes without leave.
func (s *suite) removePermit(t *testing.T) {
	rows := s.compose(live...)
	f := s.filled(t, rows)
	for name, permit := range s.refusals(t, f) {
		t.Run(name, func(t *testing.T) {
			before := s.state(t, f)
			got, err := replacer(f).Remove(t.Context(), f.Spec, sequence(rows), permit,
				store.RemoveOptions{Operation: s.operation(f)})
			if !errors.Is(err, guard.ErrNotPermitted) || got.Removed != 0 {
				t.Errorf("got %+v, %v, want nothing removed and ErrNotPermitted", got, err)
			}
			if after := s.state(t, f); after != before {
				t.Errorf("a removal without leave changed the place:\ngot  %s\nwant %s", after, before)
			}
		})
	}
	s.wantOnly(t, f, rows)
	t.Run("AbsentTarget", func(t *testing.T) {
		f := s.New(t)
		_, err := replacer(f).Remove(t.Context(), f.Spec, sequence(nil), guard.Permit{}, store.RemoveOptions{Operation: s.operation(f)})
		if !errors.Is(err, guard.ErrNotPermitted) {
			t.Errorf("got %v, want ErrNotPermitted, whatever there is to remove", err)
		}
	})
}

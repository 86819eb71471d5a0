package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// mergeLive writes to places where rows live that the bundle does not have.
func (s *suite) mergeLive(t *testing.T) {
	t.Run("KeepsRowsThatDiffer", s.mergeDiffers)
	t.Run("NeverRemoves", s.mergeKeeps)
}

func (s *suite) mergeDiffers(t *testing.T) {
	if !s.keyed {
		t.Skip("lines without an id cannot differ")
	}
	live, rows := s.rows("live", 100), s.rows("bundle", 100)
	f := s.filled(t, live)
	result, _ := s.mergeOK(t, f, rows)
	want(t, result, store.Result{Records: 100, Differs: 100, Before: 100, After: 100})
	got, _ := s.contents(t, f)
	s.wantRows(t, got, live, 1)
}

// mergeKeeps merges rows beside others that are only there.
func (s *suite) mergeKeeps(t *testing.T) {
	all := s.rows("a", 260)
	rows, only := s.split(all, 80)
	if !s.keyed { // equal lines would be one line to a merge
		only = s.rows("b", 80)
		all = append(slices.Clone(rows), only...)
	}
	f := s.filled(t, s.closed(all, only))
	before := int64(len(s.closed(all, only)))
	result, _ := s.mergeOK(t, f, rows)
	if result.Before != before || result.Added+before != result.After || result.Same != result.Records {
		t.Errorf("got %+v over %d live rows", result, before)
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, all, 1)
}

// closed returns rows with what they refer to: for a graph, all its nodes.
func (s *suite) closed(all, rows []memory.Record) []memory.Record {
	if s.kind != memory.Elements {
		return rows
	}
	nodes := all[:(2*len(all)+2)/3]
	return append(append([]memory.Record(nil), nodes...), rows...)
}

// mergeEnds stops merges in the middle: what the result says must be true.
func (s *suite) mergeEnds(t *testing.T) {
	t.Run("ErrorInTheSequence", s.sequenceError)
	t.Run("ErrorFromReport", s.reportError)
	t.Run("Cancelled", s.mergeCancelled)
}

var errBroken = errors.New("the bundle broke")

// broken yields rows and then errBroken, every time.
func broken(rows []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range sequence(rows) {
			if !yield(rec, err) {
				return
			}
		}
		yield(nil, errBroken)
	}
}

func (s *suite) sequenceError(t *testing.T) {
	all := s.rows("a", s.Rows)
	live, f := all[:20], s.New(t)
	s.mergeOK(t, f, live)
	s.noLeak(t, func() {
		result, _, err := s.run(t, f, broken(all[:s.Rows/2]), "")
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v, want the sequence's error", err)
		}
		s.wantTrue(t, f, result, 20)
	})
	s.mergeOK(t, f, all)
	got, _ := s.contents(t, f)
	s.wantRows(t, got, all, 1)
}

// wantTrue wants the place to hold what lived before and what result says was
// added, no more and no less.
func (s *suite) wantTrue(t *testing.T, f Fixture, result store.Result, before int64) {
	t.Helper()
	survey, err := f.Target.Survey(t.Context(), f.Spec.Name)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	if got := survey.Rows - before; got != result.Added {
		t.Errorf("the result says %d rows were added, %d are there", result.Added, got)
	}
	if result.Before != before {
		t.Errorf("got before %d, want %d", result.Before, before)
	}
}

func (s *suite) reportError(t *testing.T) {
	f, rows := s.New(t), s.rows("a", 300)
	told := errors.New("the receipt cannot be written")
	result, err := f.Target.Merge(t.Context(), f.Spec, sequence(rows), store.MergeOptions{
		Report: func(store.Event) error { return told },
	})
	if !errors.Is(err, told) {
		t.Errorf("got %v, want the error from Report", err)
	}
	s.wantTrue(t, f, result, 0)
	s.mergeOK(t, f, rows)
}

// mergeCancelled cancels at the middle of the sequence. Rows that were under way
// may be in without being counted; none may be counted without being in.
func (s *suite) mergeCancelled(t *testing.T) {
	f, rows := s.New(t), s.rows("a", s.Rows)
	s.noLeak(t, func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		result, err := f.Target.Merge(ctx, f.Spec, func(yield func(memory.Record, error) bool) {
			for rec, err := range sequence(rows) {
				if n++; n == len(rows)/2 {
					cancel()
				}
				if !yield(rec, err) {
					return
				}
			}
		}, store.MergeOptions{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		survey, err := f.Target.Survey(t.Context(), f.Spec.Name)
		if err != nil || survey.Rows < result.Added {
			t.Errorf("the result says %d rows were added; the survey %+v, %v", result.Added, survey, err)
		}
	})
	s.mergeOK(t, f, rows)
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

package storetest

import (
	"iter"
	"maps"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// foresee goes through a merge that comes next, and wants nothing to be changed by
// that. What it returns wants the merge to have come to what was foreseen.
func (s *suite) foresee(t *testing.T, f Fixture, records iter.Seq2[memory.Record, error], proof store.Proof) func(store.Result, told, error) {
	t.Helper()
	target, ok := f.Target.(store.Foreseer)
	if !ok {
		return func(store.Result, told, error) {}
	}
	before := s.seen(t, f)
	heard := told{outcomes: map[store.Outcome]int64{}, digests: map[record.Digest]int{}}
	opts := store.ForeseeOptions{Temp: func() (string, error) { return t.TempDir(), nil }}
	opts.Proof, opts.Report = proof, func(e store.Event) error { heard.event(e); return nil }
	want, failed := target.Foresee(t.Context(), f.Spec, records, opts)
	if after := s.seen(t, f); after != before {
		t.Errorf("to foresee a merge changed\n%s\ninto\n%s", before, after)
	}
	return func(got store.Result, said told, err error) {
		t.Helper()
		if (failed == nil) != (err == nil) {
			t.Errorf("foresaw the error %v, the merge ended with %v", failed, err)
		}
		if err == nil && (got != want || !maps.Equal(said.outcomes, heard.outcomes)) {
			t.Errorf("foresaw %+v, %v; the merge came to %+v, %v", want, heard.outcomes, got, said.outcomes)
		}
	}
}

func (s *suite) seen(t *testing.T, f Fixture) string {
	t.Helper()
	if f.State == nil {
		return ""
	}
	return f.State(t)
}

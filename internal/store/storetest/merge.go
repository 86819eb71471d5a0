package storetest

import (
	"iter"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// sequence yields rows through one buffer that it overwrites, so that who keeps
// a record without copying it is found out. It can be ranged over again.
func sequence(rows []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var buffer []byte
		for _, rec := range rows {
			buffer = append(buffer[:0], rec...)
			ok := yield(buffer, nil)
			for i := range buffer {
				buffer[i] = '!'
			}
			if !ok {
				return
			}
		}
	}
}

// told is what a merge said while it ran.
type told struct {
	outcomes map[store.Outcome]int64
	digests  map[record.Digest]int
	passes   int // over all of the records
	unnamed  int
	// rejected are the records that came with Rejected events.
	rejected []memory.Record
}

// run merges rows into the fixture and checks that what it said adds up.
func (s *suite) run(t *testing.T, f Fixture, records iter.Seq2[memory.Record, error], proof store.Proof) (store.Result, told, error) {
	t.Helper()
	heard := told{outcomes: map[store.Outcome]int64{}, digests: map[record.Digest]int{}}
	foreseen := s.foresee(t, f, records, proof)
	result, err := f.Target.Merge(t.Context(), f.Spec, heard.counting(records), store.MergeOptions{
		Proof:  proof,
		Report: func(e store.Event) error { heard.event(e); return nil },
	})
	if n := result.Same + result.Differs + result.Removed + result.Missing + result.Rejected; err == nil && n != result.Records {
		t.Errorf("got %+v: the outcomes are %d rows, want all %d", result, n, result.Records)
	}
	s.checkTold(t, result, heard)
	foreseen(result, heard, err)
	return result, heard, err
}

// counting counts the passes over records that went to the end.
func (h *told) counting(records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range records {
			if !yield(rec, err) {
				return
			}
		}
		h.passes++
	}
}

func (h *told) event(e store.Event) {
	h.outcomes[e.Outcome]++
	if e.ID == "" {
		h.unnamed++
	}
	if e.Outcome == store.Added {
		h.digests[e.Digest]++
	}
	if e.Outcome == store.Rejected {
		h.rejected = append(h.rejected, append(memory.Record(nil), e.Record...))
	}
}

// checkTold wants every row that was counted to have been reported, but for
// those that are the same.
func (s *suite) checkTold(t *testing.T, result store.Result, heard told) {
	t.Helper()
	counts := map[store.Outcome]int64{
		store.Added: result.Added, store.Same: 0, store.Differs: result.Differs,
		store.Removed: result.Removed, store.Missing: result.Missing, store.Rejected: result.Rejected,
	}
	for outcome, want := range counts {
		if got := heard.outcomes[outcome]; got != want {
			t.Errorf("got %d events %q, want %d as counted", got, outcome, want)
		}
	}
	if heard.unnamed > 0 {
		t.Errorf("got %d events without an id", heard.unnamed)
	}
}

// mergeOK merges rows and wants them all in.
func (s *suite) mergeOK(t *testing.T, f Fixture, rows []memory.Record) (store.Result, told) {
	t.Helper()
	result, heard, err := s.run(t, f, sequence(rows), "")
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	if heard.passes != 2 {
		t.Errorf("got %d passes over the records, want 2: the merge and the proof", heard.passes)
	}
	if !result.Complete() || result.Records != int64(len(rows)) {
		t.Fatalf("merge of %d rows: got %+v, want complete", len(rows), result)
	}
	return result, heard
}

// want compares the counts of a merge that ended well.
func want(t *testing.T, got, want store.Result) {
	t.Helper()
	if want.Proof == "" {
		want.Proof = store.ProofFull
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// merge writes to places that nobody else writes to.
func (s *suite) merge(t *testing.T) {
	t.Run("IntoAbsent", s.mergeAbsent)
	t.Run("Twice", s.mergeTwice)
	t.Run("PartAndPart", s.mergeParts)
	t.Run("NothingAtAll", s.mergeNothing)
	t.Run("ProofIDs", s.mergeIDs)
}

func (s *suite) mergeAbsent(t *testing.T) {
	f, rows := s.New(t), s.rows("a", s.Rows)
	n := int64(len(rows))
	result, heard := s.mergeOK(t, f, rows)
	want(t, result, store.Result{Records: n, Added: n, Same: n, Created: true, After: n})
	for _, rec := range rows {
		if d := s.digest(t, rec); heard.digests[d] == 0 {
			t.Fatalf("no event with the digest of %.200s", rec)
		}
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

func (s *suite) mergeTwice(t *testing.T) {
	f, rows := s.New(t), s.rows("a", 200)
	n := int64(len(rows))
	s.mergeOK(t, f, rows)
	before := s.state(t, f)
	result, _ := s.mergeOK(t, f, rows)
	want(t, result, store.Result{Records: n, Same: n, Before: n, After: n})
	if after := s.state(t, f); after != before {
		t.Errorf("a second merge changed the place:\ngot  %s\nwant %s", after, before)
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

func (s *suite) state(t *testing.T, f Fixture) string {
	if f.State == nil {
		return ""
	}
	return f.State(t)
}

func (s *suite) mergeParts(t *testing.T) {
	f, rows := s.New(t), s.rows("a", 240)
	part, _ := s.split(rows, 60)
	s.mergeOK(t, f, part)
	result, _ := s.mergeOK(t, f, rows)
	want(t, result, store.Result{Records: 240, Added: 60, Same: 240, Before: 180, After: 240})
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

func (s *suite) mergeNothing(t *testing.T) {
	f := s.New(t)
	result, _ := s.mergeOK(t, f, nil)
	want(t, result, store.Result{Created: true})
	survey, err := f.Target.Survey(t.Context(), f.Spec.Name)
	if err != nil || !survey.Exists || survey.Rows != 0 {
		t.Errorf("survey after a merge of no rows: got %+v, %v, want an empty section", survey, err)
	}
	got, capture := s.contents(t, f)
	if len(got) != 0 || capture.Before != 0 || !capture.Complete() {
		t.Errorf("got %d rows, %+v, want none", len(got), capture)
	}
}

func (s *suite) mergeIDs(t *testing.T) {
	f, rows := s.New(t), s.rows("a", 50)
	result, _, err := s.run(t, f, sequence(rows), store.ProofIDs)
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	want(t, result, store.Result{Records: 50, Added: 50, Same: 50, Proof: store.ProofIDs, Created: true, After: 50})
}

// roundTrip reads a place, merges what it read into another, and reads that.
func (s *suite) roundTrip(t *testing.T) {
	rows := s.rows("a", s.Rows)
	first, second := s.filled(t, rows), s.New(t)
	session, reading := s.start(t.Context(), t, first)
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got sections %v, %v, want one", specs, err)
	}
	exported := s.collect(t, reading)
	closeSession(t, session)

	spec := specs[0]
	spec.Name = second.Spec.Name
	second.Spec = spec
	s.mergeOK(t, second, exported)
	got, _ := s.contents(t, second)
	s.wantRows(t, got, rows, 2)
}

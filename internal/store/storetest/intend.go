package storetest

import (
	"errors"
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// mergeIntends wants a merge to say of every row that it is about to add it, before
// anybody can see it there, and of no row that lives.
func (s *suite) mergeIntends(t *testing.T) {
	t.Run("BeforeTheyAreSeen", func(t *testing.T) {
		rows := s.rows("a", s.Rows)
		s.intends(t, s.New(t), nil, rows)
	})
	t.Run("OnlyWhatIsMissing", func(t *testing.T) {
		rows := s.rows("a", 400)
		live, _ := s.split(rows, 150)
		f := s.New(t)
		s.mergeOK(t, f, live)
		s.intends(t, f, live, rows)
	})
	t.Run("NoneThatLives", s.intendsNone)
	t.Run("ErrorFromIntend", s.intendError)
}

// intentions follow a merge: what it means to add, and what it said that it had.
type intentions struct {
	*suite
	f       Fixture
	id      map[record.Digest]string // of the records
	may     map[string]int           // rows that may be seen by now
	meant   map[record.Digest]int
	batches int
}

// intends merges rows into a fixture that holds live, and follows it.
func (s *suite) intends(t *testing.T, f Fixture, live, rows []memory.Record) {
	t.Helper()
	i := &intentions{suite: s, f: f, id: map[record.Digest]string{}, may: map[string]int{}, meant: map[record.Digest]int{}}
	for _, rec := range live {
		i.may[s.parse(t, rec).id]++
	}
	for _, rec := range rows {
		i.id[s.digest(t, rec)] = s.parse(t, rec).id
	}
	added := map[record.Digest]int{}
	result, err := f.Target.Merge(t.Context(), f.Spec, sequence(rows), store.MergeOptions{
		Intend: func(batch []store.Intended) error { i.batch(t, batch); return nil },
		Report: func(e store.Event) error {
			if e.Outcome != store.Added {
				return nil
			}
			if added[e.Digest]++; added[e.Digest] > i.meant[e.Digest] {
				t.Errorf("row %.80q was added and had not been intended", e.ID)
			}
			return nil
		},
	})
	if err != nil || !result.Complete() {
		t.Fatalf("got %+v, %v", result, err)
	}
	var meant int64
	for _, n := range i.meant {
		meant += int64(n)
	}
	if meant != result.Added || i.batches == 0 {
		t.Errorf("got %d rows intended in %d batches, want the %d that were added", meant, i.batches, result.Added)
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

// batch wants none of the rows to be there that this batch and those before it don't
// account for.
func (i *intentions) batch(t *testing.T, batch []store.Intended) {
	t.Helper()
	i.batches++
	there := i.visible(t)
	for _, row := range batch {
		id, known := i.id[row.Digest]
		if !known || len(row.ID) == 0 {
			t.Errorf("intended row %.80q is none of the records", row.ID)
		}
		if there[id] > i.may[id] {
			t.Errorf("row %.80q is there %d times and is only intended now", id, there[id])
		}
	}
	for _, row := range batch {
		i.meant[row.Digest]++
		i.may[i.id[row.Digest]]++
	}
}

// visible counts the rows that another sees now, by id.
func (i *intentions) visible(t *testing.T) map[string]int {
	t.Helper()
	there := map[string]int{}
	session, err := i.f.Store.Open(t.Context(), []memory.Section{i.f.Spec.Name})
	if errors.Is(err, store.ErrUnreachable) { // a file that isn't there yet
		return there
	}
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer closeSession(t, session)
	reading, err := session.Read(t.Context(), i.f.Spec.Name)
	if errors.Is(err, store.ErrAbsent) {
		return there
	}
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for _, rec := range i.collect(t, reading) {
		there[i.parse(t, rec).id]++
	}
	return there
}

// intendsNone merges rows that live, as they are and as others.
func (s *suite) intendsNone(t *testing.T) {
	live := s.rows("a", 120)
	f := s.filled(t, live)
	for _, seed := range []string{"a", "b"} {
		if seed == "b" && !s.keyed {
			continue // lines without an id are others then
		}
		_, err := f.Target.Merge(t.Context(), f.Spec, sequence(s.rows(seed, 120)), store.MergeOptions{
			Intend: func(batch []store.Intended) error {
				t.Errorf("set %s: got %d rows that live intended, as %.80q", seed, len(batch), batch[0].ID)
				return nil
			},
		})
		if err != nil {
			t.Errorf("set %s: %v", seed, err)
		}
	}
}

// intendError wants nothing to be sent of a batch that nobody could write down.
func (s *suite) intendError(t *testing.T) {
	f, rows := s.New(t), s.rows("a", 300)
	full := errors.New("the intent cannot be written")
	result, err := f.Target.Merge(t.Context(), f.Spec, sequence(rows), store.MergeOptions{
		Intend: func([]store.Intended) error { return full },
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the error from Intend", err)
	}
	if result.Added != 0 {
		t.Errorf("got %+v, want nothing added", result)
	}
	s.wantTrue(t, f, result, 0)
	s.mergeOK(t, f, slices.Clone(rows))
}

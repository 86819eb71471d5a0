package storetest

import (
	"context"
	"errors"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// read holds a store that nobody writes to, to its promises.
func (s *suite) read(t *testing.T) {
	t.Run("Absent", s.readAbsent)
	t.Run("AllRowsOnce", func(t *testing.T) { s.readRows(t, s.Rows) })
	t.Run("OneRow", func(t *testing.T) { s.readRows(t, 1) })
	t.Run("Order", s.readOrder)
	t.Run("CaptureBeforeTheEnd", s.captureEarly)
	t.Run("StoppedEarly", s.stoppedEarly)
	t.Run("Cancelled", s.readCancelled)
	t.Run("CloseTwice", s.closeTwice)
	t.Run("ChangesNothing", s.readChangesNothing)
}

func (s *suite) readAbsent(t *testing.T) {
	f := s.New(t)
	session := s.open(t, f)
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatalf("sections: %v", err)
	}
	if len(specs) != 0 {
		t.Errorf("got sections %v of an empty place, want none", specs)
	}
	if _, err := session.Read(t.Context(), f.Spec.Name); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
}

func (s *suite) readRows(t *testing.T, n int) {
	rows := s.rows("a", n)
	f := s.filled(t, rows)
	session, reading := s.start(t.Context(), t, f)
	s.checkSpec(t, session, f.Spec, int64(n))
	got := s.collect(t, reading)
	s.wantRows(t, got, rows, 1)

	capture, err := reading.Capture()
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	if capture.Before != int64(n) || capture.After != int64(n) || capture.Held != int64(n) {
		t.Errorf("got before %d, after %d, held %d, want %d each", capture.Before, capture.After, capture.Held, n)
	}
	if !capture.Complete() || capture.Added != 0 || capture.Removed != 0 || capture.TornBytes != 0 {
		t.Errorf("got %+v of a place at rest", capture)
	}
	if capture.Method == "" || capture.StartedAt.IsZero() || capture.EndedAt.Before(capture.StartedAt) {
		t.Errorf("got method %q from %v to %v", capture.Method, capture.StartedAt, capture.EndedAt)
	}
}

// checkSpec wants the one section of the fixture, with rows.
func (s *suite) checkSpec(t *testing.T, session store.Session, want memory.SectionSpec, rows int64) {
	t.Helper()
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 {
		t.Fatalf("got sections %v, %v, want one", specs, err)
	}
	got := specs[0]
	if got.Name != want.Name || got.Kind != want.Kind || got.Rows != rows {
		t.Errorf("got %s, %s with %d rows, want %s, %s with %d",
			got.Name, got.Kind, got.Rows, want.Name, want.Kind, rows)
	}
	if got.Kind == memory.Vectors && (got.Dimension != Dimension || got.Distance != want.Distance) {
		t.Errorf("got dimension %d, distance %q, want %d, %q", got.Dimension, got.Distance, Dimension, want.Distance)
	}
	if got.Locator.Kind == "" {
		t.Error("got a section without a locator")
	}
}

// readOrder wants two readings of a place at rest to be the same, byte for byte.
func (s *suite) readOrder(t *testing.T) {
	f := s.filled(t, s.rows("a", 300))
	first, _ := s.contents(t, f)
	second, _ := s.contents(t, f)
	if len(first) != len(second) {
		t.Fatalf("got %d and then %d rows", len(first), len(second))
	}
	for i := range first {
		if string(first[i]) != string(second[i]) {
			t.Fatalf("row %d: got %.200s, then %.200s", i, first[i], second[i])
		}
	}
}

func (s *suite) captureEarly(t *testing.T) {
	f := s.filled(t, s.rows("a", 20))
	_, reading := s.start(t.Context(), t, f)
	if _, err := reading.Capture(); !errors.Is(err, store.ErrNotRead) {
		t.Errorf("before the first record: got %v, want ErrNotRead", err)
	}
	for _, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if _, err := reading.Capture(); !errors.Is(err, store.ErrNotRead) {
		t.Errorf("after the first record: got %v, want ErrNotRead", err)
	}
}

// stoppedEarly leaves a reading in the middle: nothing may go on in the
// background, and the place must be free.
func (s *suite) stoppedEarly(t *testing.T) {
	rows := s.rows("a", s.Rows)
	f := s.filled(t, rows)
	s.noLeak(t, func() {
		session, reading := s.start(t.Context(), t, f)
		for _, err := range reading.All() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		closeSession(t, session)
	})
	if f.Target != nil {
		s.mergeOK(t, f, rows[:10])
	}
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
}

func (s *suite) readCancelled(t *testing.T) {
	f := s.filled(t, s.rows("a", s.Rows))
	s.noLeak(t, func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		session, reading := s.start(ctx, t, f)
		n, last := 0, error(nil)
		for _, err := range reading.All() {
			if n, last = n+1, err; n == 3 {
				cancel()
			}
		}
		if n != 4 || !errors.Is(last, context.Canceled) {
			t.Errorf("cancelled at record 3: got %d items, the last with %v, want context.Canceled as the fourth", n, last)
		}
		if _, err := reading.Capture(); !errors.Is(err, store.ErrNotRead) {
			t.Errorf("capture: got %v, want ErrNotRead", err)
		}
		closeSession(t, session)
	})
}

func (s *suite) closeTwice(t *testing.T) {
	f := s.filled(t, s.rows("a", 1))
	session, err := f.Store.Open(t.Context(), nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	closeSession(t, session)
	closeSession(t, session)
}

func (s *suite) readChangesNothing(t *testing.T) {
	f := s.filled(t, s.rows("a", 50))
	if f.State == nil {
		t.Skip("the fixture cannot see its place's state")
	}
	before := f.State(t)
	s.contents(t, f)
	if after := f.State(t); after != before {
		t.Errorf("a reading changed the place:\ngot  %s\nwant %s", after, before)
	}
}

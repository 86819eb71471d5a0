// Package storetest is the suite that every store passes with one call of Run.
// It holds an implementation to the promises in package store, on a real place:
// a database, a folder, a server.
package storetest

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Factory makes the places that the suite runs on and says what to expect there.
type Factory struct {
	// New returns a fresh place in which the section does not exist yet. What it
	// opens it closes with t.Cleanup.
	New func(t *testing.T) Fixture
	// Unreachable returns a store, and a target when there is one, that does
	// not answer or is not what it was taken for, and a section it would hold.
	Unreachable func(t *testing.T) (store.Store, store.Target, memory.Section)
	// OneRefused returns a store with two sections, of which the second is there and
	// can't be read, and the first can. Nil where a store has but one section.
	OneRefused func(t *testing.T) (st store.Store, good, bad memory.Section)

	// Keyed says that lines have identity (an id). Vectors and graphs always do.
	Keyed bool
	// Rejects says that the target cannot take every record: vectors without an
	// embedding, edges without their node.
	Rejects bool
	// Tolerance is how far, relatively, one passage through the store may move a
	// number of an embedding: 0 for exact, 5e-7 for Chroma's cosine spaces.
	Tolerance float64
	// KeepsAside says that a Replacer keeps the old section aside, whole, and so
	// commits over rows that came after the safety copy.
	KeepsAside bool
	// InPlace says that a Replacer has another way for StageOptions.InPlace.
	// That way keeps nothing aside.
	InPlace bool
	// Rows is the size of the larger sections; 0 means 2,500.
	Rows int
	// Leaks are what the goroutine check overlooks: what a shared server keeps.
	Leaks []goleak.Option
}

// Fixture is one place: a store and a target that see the same section.
type Fixture struct {
	Store  store.Store
	Target store.Target // nil for what can only be read
	// Spec names the section and its kind, and what a target needs to create it
	// (dimension, distance, collection). Vectors have Dimension numbers.
	Spec memory.SectionSpec

	// Put writes rows that are not there yet and Delete removes rows, behind the
	// store's back, as a live agent would. Nil when the place has no such way;
	// without Put rows are merged. Both create what they need.
	Put    func(t *testing.T, rows []memory.Record)
	Delete func(t *testing.T, ids []string)
	// State describes all that a look must not change; nil when it can't be seen.
	State func(t *testing.T) string
}

// Dimension is the length of the embeddings of the suite.
const Dimension = 8

// Run holds what factory makes to every promise of package store. Without a
// target it runs what a reader promises, and with a Replacer all there is.
func Run(t *testing.T, factory Factory) {
	if factory.Rows == 0 {
		factory.Rows = 2500
	}
	s := suite{Factory: factory}
	probe := factory.New(t)
	s.kind = probe.Spec.Kind
	s.keyed = factory.Keyed || s.kind != memory.Lines

	t.Run("Read", s.read)
	t.Run("Live", s.live)
	t.Run("Unreachable", s.unreachable)
	if factory.OneRefused != nil {
		t.Run("OneRefused", s.oneRefused)
	}
	if probe.Target == nil {
		return
	}
	t.Run("Survey", s.survey)
	t.Run("Merge", s.merge)
	t.Run("MergeLive", s.mergeLive)
	t.Run("MergeEnds", s.mergeEnds)
	t.Run("True_04_Intends", s.mergeIntends)
	t.Run("MergeRejects", s.mergeRejects)
	t.Run("RoundTrip", s.roundTrip)
	if _, ok := probe.Target.(store.Replacer); ok {
		t.Run("Replace", s.replaces)
	}
}

type suite struct {
	Factory
	kind    memory.Kind
	keyed   bool
	inPlace bool
}

// rows returns n rows of the suite's kind: seed tells one set from another, and
// rows of equal number have equal ids.
func (s *suite) rows(seed string, n int) []memory.Record {
	switch s.kind {
	case memory.Vectors:
		return Vectors(seed, n, s.Tolerance == 0)
	case memory.Elements:
		return Graph(seed, n)
	}
	if s.Keyed {
		return KeyedLines(seed, n)
	}
	return Lines(seed, n)
}

// fill puts rows into a fixture.
func (s *suite) fill(t *testing.T, f Fixture, rows []memory.Record) {
	t.Helper()
	if f.Put != nil {
		f.Put(t, rows)
		return
	}
	if f.Target == nil {
		t.Fatal("fixture has neither Put nor a Target")
	}
	s.mergeOK(t, f, rows)
}

// filled returns a fresh fixture with rows in it.
func (s *suite) filled(t *testing.T, rows []memory.Record) Fixture {
	t.Helper()
	f := s.New(t)
	s.fill(t, f, rows)
	return f
}

// open opens a session on the fixture's section, closed when the test ends.
func (s *suite) open(t *testing.T, f Fixture) store.Session {
	t.Helper()
	session, err := f.Store.Open(t.Context(), []memory.Section{f.Spec.Name})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { closeSession(t, session) })
	return session
}

func closeSession(t *testing.T, session store.Session) {
	t.Helper()
	if err := session.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// start opens a session and a reading of the fixture's section.
func (s *suite) start(ctx context.Context, t *testing.T, f Fixture) (store.Session, *store.Reading) {
	t.Helper()
	session := s.open(t, f)
	reading, err := session.Read(ctx, f.Spec.Name)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return session, reading
}

// contents reads the fixture's section to its end and lets go of it.
func (s *suite) contents(t *testing.T, f Fixture) ([]memory.Record, memory.Capture) {
	t.Helper()
	session, reading := s.start(t.Context(), t, f)
	rows := s.collect(t, reading)
	capture, err := reading.Capture()
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	closeSession(t, session)
	return rows, capture
}

// collect copies what a reading yields and checks each record's shape.
func (s *suite) collect(t *testing.T, reading *store.Reading) []memory.Record {
	t.Helper()
	check := s.checker()
	var rows []memory.Record
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatalf("record %d: %v", len(rows), err)
		}
		if err := check(rec); err != nil {
			t.Fatalf("record %d is not canonical: %v\n%.300s", len(rows), err, rec)
		}
		rows = append(rows, append(memory.Record(nil), rec...))
	}
	return rows
}

// noLeak runs do and fails when it left a goroutine behind.
func (s *suite) noLeak(t *testing.T, do func()) {
	t.Helper()
	options := append([]goleak.Option{goleak.IgnoreCurrent()}, s.Leaks...)
	do()
	if err := goleak.Find(options...); err != nil {
		t.Errorf("left behind: %v", err)
	}
}

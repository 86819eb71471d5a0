package storetest

import (
	"errors"
	"iter"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// replaces holds a Replacer to its promises.
func (s *suite) replaces(t *testing.T) {
	t.Run("Survey", s.surveyTarget)
	t.Run("Compare", s.compares)
	s.replaceEach(t)
	if s.InPlace {
		in := *s
		in.inPlace, in.KeepsAside = true, false
		t.Run("InPlace", in.replaceEach)
	}
	t.Run("Remove", s.removes)
}

// replaceEach is what each way to replace has to pass.
func (s *suite) replaceEach(t *testing.T) {
	t.Run("Exactly", s.replaceExactly)
	t.Run("Alone", s.stageAlone)
	t.Run("Permit", s.replacePermit)
	t.Run("Again", s.replaceAgain)
	t.Run("Breaks", s.replaceBreaks)
	t.Run("Moved", s.replaceMoved)
}

// part is the rows of a set from one number to another, without the last.
type part struct {
	seed     string
	from, to int
}

// The suite replaces live by next: rows that stay, rows that change, rows that
// go, and new ones. Of a graph each number is a node, and an edge between nodes
// that stay.
var (
	stay = part{"a", 0, 60}
	live = []part{stay, {"a", 60, 110}, {"a", 110, 200}}
	next = []part{stay, {"b", 60, 110}, {"b", 200, 280}}
)

// compose returns the rows of parts, nodes first.
func (s *suite) compose(parts ...part) []memory.Record {
	var rows, edges []memory.Record
	for _, p := range parts {
		if s.kind != memory.Elements {
			rows = append(rows, s.rows(p.seed, p.to)[p.from:]...)
			continue
		}
		for i := p.from; i < p.to; i++ {
			rows = append(rows, node(p.seed, i))
			edges = append(edges, edge(p.seed, i, stay.to))
		}
	}
	return append(rows, edges...)
}

// per is how many rows compose makes of one number.
func (s *suite) per() int64 {
	if s.kind == memory.Elements {
		return 2
	}
	return 1
}

func (s *suite) operation(f Fixture) guard.Operation {
	return guard.ReplaceOperation(f.Spec.Name)
}

// options are those of the suite's one plan.
func (s *suite) options(f Fixture) store.StageOptions {
	return store.StageOptions{
		Plan: "plan-of-the-suite", Operation: s.operation(f), InPlace: s.inPlace,
		Now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	}
}

// replacer is the fixture's target; Run saw that it is one.
func replacer(f Fixture) store.Replacer {
	r, _ := f.Target.(store.Replacer)
	return r
}

func (s *suite) see(t *testing.T, f Fixture) store.Survey {
	t.Helper()
	survey, err := f.Target.Survey(t.Context(), f.Spec.Name)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	return survey
}

// leave gets a permit for op on what is there now.
func (s *suite) leave(t *testing.T, f Fixture, op guard.Operation) guard.Permit {
	t.Helper()
	return Permit(t, op, f.Spec.Name, s.see(t, f))
}

// stage stages rows and checks them, and wants the target to be the same place
// still: a token would not be good for another. It is closed when the test ends.
func (s *suite) stage(t *testing.T, f Fixture, rows []memory.Record) store.Staged {
	t.Helper()
	before := s.see(t, f)
	staged, err := replacer(f).Stage(t.Context(), f.Spec, sequence(rows), s.options(f))
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	t.Cleanup(func() { closeStaged(t, staged) })
	if err := staged.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	after := s.see(t, f)
	if after.Locator != before.Locator || after.Exists != before.Exists || after.Rows != before.Rows {
		t.Errorf("staging changed the target: got %+v, want %+v", after, before)
	}
	return staged
}

func closeStaged(t *testing.T, staged store.Staged) {
	t.Helper()
	if err := staged.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// safety is the safety copy of what is there now, empty for what is absent.
func (s *suite) safety(t *testing.T, f Fixture) iter.Seq2[memory.Record, error] {
	t.Helper()
	if !s.see(t, f).Exists {
		return sequence(nil)
	}
	rows, _ := s.contents(t, f)
	return sequence(rows)
}

// commit commits and wants what was done to be told as it is. old says that
// there was a section before.
func (s *suite) commit(t *testing.T, staged store.Staged, permit guard.Permit, safety iter.Seq2[memory.Record, error], rows int, old bool) {
	t.Helper()
	got, err := staged.Commit(t.Context(), permit, safety)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if got.Rows != int64(rows) {
		t.Errorf("got %d rows after the commit, want %d", got.Rows, rows)
	}
	if aside := s.KeepsAside && old; (got.Aside != nil) != aside {
		t.Errorf("got the old section aside at %v, want one: %t", got.Aside, aside)
	}
	for _, finding := range got.Findings {
		t.Errorf("got a finding of a place at rest: %s %s", finding.Code, finding)
	}
}

// replace goes all the way, with leave from before the first write.
func (s *suite) replace(t *testing.T, f Fixture, rows []memory.Record) {
	t.Helper()
	old := s.see(t, f).Exists
	permit, safety := s.leave(t, f, s.operation(f)), s.safety(t, f)
	s.commit(t, s.stage(t, f, rows), permit, safety, len(rows), old)
	s.wantOnly(t, f, rows)
}

// wantOnly wants the section to hold rows and nothing else, and no section beside it.
func (s *suite) wantOnly(t *testing.T, f Fixture, rows []memory.Record) {
	t.Helper()
	got, _ := s.contents(t, f)
	s.wantRows(t, got, rows, 1)
	s.wantOne(t, f)
}

// wantOne wants no section to be listed but the fixture's.
func (s *suite) wantOne(t *testing.T, f Fixture) {
	t.Helper()
	session, err := f.Store.Open(t.Context(), nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer closeSession(t, session)
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatalf("sections: %v", err)
	}
	for _, spec := range specs {
		if spec.Name != f.Spec.Name {
			t.Errorf("got a section %s that nobody put there", spec.Name)
		}
	}
}

// wantAbsent wants there to be no section.
func (s *suite) wantAbsent(t *testing.T, f Fixture) {
	t.Helper()
	if survey := s.see(t, f); survey.Exists || survey.Rows != 0 {
		t.Errorf("got %+v, want no section", survey)
	}
	session := s.open(t, f)
	if _, err := session.Read(t.Context(), f.Spec.Name); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("read: got %v, want ErrAbsent", err)
	}
	closeSession(t, session)
	s.wantOne(t, f)
}

// surveyTarget wants the guard to be able to place what a survey saw.
func (s *suite) surveyTarget(t *testing.T) {
	f := s.New(t)
	for _, state := range []string{"Absent", "Filled"} {
		if state == "Filled" {
			s.fill(t, f, s.rows("a", 3))
		}
		survey := s.see(t, f)
		class, why := guard.Rules{}.Classify(survey.Target)
		if class == guard.Unknown {
			t.Errorf("%s: got a target that is unknown: %s", state, why)
		}
		if survey.Target.Locator() != survey.Locator {
			t.Errorf("%s: got a target at %v, want it at %v", state, survey.Target.Locator(), survey.Locator)
		}
		if survey.Unfinished != "" {
			t.Errorf("%s: got plan %q unfinished, want none", state, survey.Unfinished)
		}
	}
}

// replaceExactly replaces sections of every size by others.
func (s *suite) replaceExactly(t *testing.T) {
	for name, old := range map[string][]memory.Record{
		"RowsThatStayChangeAndGo": s.compose(live...),
		"Empty":                   {},
		"Absent":                  nil,
	} {
		for to, rows := range map[string][]memory.Record{"": s.compose(next...), "ByNothing": nil} {
			t.Run(name+to, func(t *testing.T) {
				f := s.New(t)
				if old != nil {
					s.mergeOK(t, f, old)
				}
				s.replace(t, f, rows)
			})
		}
	}
	t.Run("Large", func(t *testing.T) {
		f := s.filled(t, s.rows("a", 300))
		s.replace(t, f, s.rows("b", s.Rows))
		s.replace(t, f, s.rows("a", 200))
	})
}

package restore_test

import (
	"crypto/rand"
	"errors"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/restore"
	"keepsake/internal/sample"
	"keepsake/internal/store"
)

// retraced is the receipt of the merge that was killed, nil when it had not come to
// change anything.
func (y yard) retraced(t *testing.T) *restore.Receipt {
	t.Helper()
	r, err := restore.LatestReceipt(y.at("restores"))
	if errors.Is(err, restore.ErrNothingToUndo) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if !r.CutShort {
		t.Errorf("got %+v, want the receipt of one that was killed", r)
	}
	return r
}

// bounded wants as many rows to have come as the receipt says, at least the certain
// ones and at most all.
func bounded(t *testing.T, r *restore.Receipt, before, now map[memory.Section]map[record.Digest]int) {
	t.Helper()
	for _, s := range r.Sections {
		came := rowsIn(now[s.Section]) - rowsIn(before[s.Section])
		if came < s.Added || came > s.Added+s.Maybe {
			t.Errorf("%s: %d rows came, want at least the %d that are certain, and at most %d more", s.Section, came, s.Added, s.Maybe)
		}
	}
}

func same(t *testing.T, what string, got, want map[memory.Section]map[record.Digest]int) {
	t.Helper()
	for section := range want {
		if !maps.Equal(got[section], want[section]) {
			t.Errorf("%s: %s holds %d rows, want the %d that it is to hold", what, section, rowsIn(got[section]), rowsIn(want[section]))
		}
	}
}

// TestTrue_04_KilledMerge kills a merge by SIGKILL, in each kind of store when the
// intent of a batch is on disk and when its rows are in and nobody has heard of it.
// What is said of it is true, an undo makes the memory exactly what it was, and with
// ConfirmedOnly it leaves what only may be in.
func TestTrue_04_KilledMerge(t *testing.T) {
	y := newYard(t)
	for i, at := range []struct {
		event string
		n     int
		maybe bool // something is in that nobody has heard of
	}{
		{"intended " + string(memory.KnowledgeBase), 2, false},
		{"added " + string(memory.KnowledgeBase), 1, true},
		{"intended " + string(memory.Graph), 2, false},
		{"added " + string(memory.Graph), 1, true},
		{"added " + string(memory.Graph), 5000, true}, // edges
		{"intended " + string(sample.ConceptNodes), 1, false},
		{"added " + string(sample.ConceptNodes), 1, true},
		{"intended " + string(memory.TrajectoryLog), 2, false},
		{"added " + string(memory.TrajectoryLog), 1, true},
		{"added " + string(memory.TrajectoryLog), 2500, true},
		{"intended " + string(notes), 1, false},
		{"added " + string(notes), 1, true},
	} {
		t.Run(at.event+" "+time.Duration(at.n).String(), func(t *testing.T) {
			y.lives(t)
			before := y.holds(t)
			y.killed(t, at.event, at.n)
			r, now := y.retraced(t), y.holds(t)
			if r == nil {
				t.Fatal("nothing tells of the merge")
			}
			bounded(t, r, before, now)
			certain, maybe := r.Doubt()
			if maybe == 0 {
				t.Errorf("got %d rows certain and none in doubt, want some", certain)
			}
			if found := restore.FindCutShort(y.at("restores")); len(found) != 1 {
				t.Errorf("got %d merges cut short, want one", len(found))
			}
			if certain > 0 && i%2 == 0 {
				y.undo(t, r, true)
				left := rowsOfAll(y.holds(t)) - rowsOfAll(before)
				want := rowsOfAll(now) - rowsOfAll(before) - certain
				edges := at.n == 5000 // they keep their nodes, though those are certain
				if !edges && left != want || left < want || at.maybe != (left > 0) {
					t.Errorf("confirmed only: %d rows are left, want the %d that nobody confirmed", left, want)
				}
			}
			y.undo(t, r, false)
			same(t, "after the undo", y.holds(t), before)
			if got := restore.FindCutShort(y.at("restores")); len(got) > 0 {
				t.Errorf("got %d merges cut short after the undo, want none", len(got))
			}
		})
	}
}

func rowsOfAll(all map[memory.Section]map[record.Digest]int) (n int64) {
	for _, records := range all {
		n += rowsIn(records)
	}
	return n
}

// TestTrue_04_KilledAnywhere kills it wherever it is, within a commit too.
func TestTrue_04_KilledAnywhere(t *testing.T) {
	y := newYard(t)
	y.lives(t)
	began := time.Now()
	if out, err := y.child(t.Context(), "", 0).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(began)
	const kills = 8
	for i := range kills {
		y.lives(t)
		before := y.holds(t)
		c := y.child(t.Context(), "", 0)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(whole * time.Duration(i+1) / (kills + 1))
		_ = c.Process.Kill()
		_ = c.Wait()
		r, err := restore.LatestReceipt(y.at("restores"))
		if errors.Is(err, restore.ErrNothingToUndo) {
			same(t, "killed before it began", y.holds(t), before)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		bounded(t, r, before, y.holds(t))
		y.undo(t, r, false)
		same(t, "after the undo", y.holds(t), before)
	}
}

// TestTrue_04_OnlyWhatTheMergePutIn: a row of an id that was about to be added, and that
// somebody else added with another content, stays. What a later merge has added is that
// one's to take back.
func TestTrue_04_OnlyWhatTheMergePutIn(t *testing.T) {
	y := newYard(t)
	y.lives(t)
	before := y.holds(t)
	y.killed(t, "intended "+string(memory.KnowledgeBase), 2) // the second batch never came
	killed := y.retraced(t)
	certain, maybe := killed.Doubt()
	if certain != 955 || maybe != 1000 {
		t.Fatalf("got %d rows certain and %d in doubt, want 955 and 1,000", certain, maybe)
	}
	r, err := y.stores()[memory.KnowledgeBase].Merge(t.Context(), yardSpecs()[0], theirs(t), store.MergeOptions{})
	if err != nil || r.Added != 50 {
		t.Fatalf("got %+v, %v, want 50 rows of somebody else", r, err)
	}
	later, err := y.merge(t.Context(), "later", asTheyAre)
	if err != nil || !later.Complete {
		t.Fatalf("got %+v, %v", later, err)
	}
	if got := restore.FindCutShort(y.at("restores")); len(got) > 0 {
		t.Errorf("got %d merges cut short, want none: it was gone on with", len(got))
	}
	if got := killed.Companions(); !slices.Equal(got, []string{"later"}) {
		t.Errorf("got companions %q, want the later one", got)
	}
	if got := later.Companions(); !slices.Equal(got, []string{"killed"}) {
		t.Errorf("got companions %q, want the one that was killed", got)
	}
	full := rowsOfAll(y.holds(t))
	y.undo(t, killed, false) // while the later one is in force
	if came := full - rowsOfAll(y.holds(t)); came != certain {
		t.Errorf("%d rows were taken out, want the %d that the killed merge had put in", came, certain)
	}
	y.undo(t, later, false)
	now := y.holds(t)
	for digest := range recordsIn(theirs(t)) {
		if now[memory.KnowledgeBase][digest] == 0 {
			t.Fatal("a row of somebody else is gone")
		}
		delete(now[memory.KnowledgeBase], digest)
	}
	same(t, "but for the rows of somebody else", now, before)
}

// TestTrue_04_TheirsUnderAnIntendedID: it is kept, and counted, by the undo itself.
func TestTrue_04_TheirsUnderAnIntendedID(t *testing.T) {
	y := newYard(t)
	y.lives(t)
	y.killed(t, "intended "+string(memory.KnowledgeBase), 2)
	if _, err := y.stores()[memory.KnowledgeBase].Merge(t.Context(), yardSpecs()[0], theirs(t), store.MergeOptions{}); err != nil {
		t.Fatal(err)
	}
	done := y.undo(t, y.retraced(t), false)
	for _, s := range done.Sections {
		want := store.Removal{Kept: 50, Gone: 950, Rows: 95}
		if s.Section == memory.KnowledgeBase && (s.ByIntent == nil || *s.ByIntent != want || s.TakenBack.Removed != 955 || s.TakenBack.Kept != 0) {
			t.Errorf("got %+v by intent, and %+v, want %+v, and 955 rows taken out", s.ByIntent, s.TakenBack, want)
		}
	}
}

// theirs are rows of somebody else, with ids of the bundle's second batch.
func theirs(t *testing.T) iter.Seq2[memory.Record, error] {
	t.Helper()
	return func(yield func(memory.Record, error) bool) {
		n, text := 0, "somebody else's"
		for rec := range yardRecords(memory.KnowledgeBase, 1400) {
			if n++; n <= 1350 {
				continue
			}
			var scanner record.Scanner
			v, err := scanner.Vector(rec)
			if err == nil {
				rec, err = new(record.Scanner).AppendVector(nil, string(v.Key), v.Bits, []byte("null"), &text)
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func recordsIn(records iter.Seq2[memory.Record, error]) map[record.Digest]int {
	found := map[record.Digest]int{}
	var scanner record.Scanner
	for rec := range records {
		found[scanner.LineDigest(rec)]++
	}
	return found
}

// TestTrue_04_NothingIsLeftToUndo: an undo with ConfirmedOnly of what nobody confirmed
// has nothing to do, and doesn't take all.
func TestTrue_04_NothingIsLeftToUndo(t *testing.T) {
	y := newYard(t)
	y.lives(t)
	y.killed(t, "added "+string(memory.KnowledgeBase), 1)
	opts, err := y.options(asTheyAre)
	if err != nil {
		t.Fatal(err)
	}
	_, err = restore.PreflightTakeback(t.Context(), restore.TakebackOptions{
		Receipt: y.retraced(t), Bundle: opts.Bundle, Targets: opts.Targets, Rules: y.rules(), PlanOnly: true, ConfirmedOnly: true,
		Progress: store.Quiet{}, Clock: time.Now,
	})
	if !errors.Is(err, restore.ErrNothingToUndo) {
		t.Errorf("got %v, want %v", err, restore.ErrNothingToUndo)
	}
	if _, err := os.Stat(y.at("collections.sqlite3")); err != nil {
		t.Error(err)
	}
}

// TestTrue_04_LongID: a merge of a row whose id is longer than a megabyte can be taken
// back as any other.
func TestTrue_04_LongID(t *testing.T) {
	id := strings.Repeat("long ", 300_000)
	p := newPlace(t, makeBundle(t, `{"id":"`+id+`","embedding":[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0],"metadata":null,"document":null}`))
	r := p.run(t)
	if !r.Complete {
		t.Fatalf("got %+v", r)
	}
	rules := yard{p.dir}.rules()
	takeback, err := restore.PreflightTakeback(t.Context(), restore.TakebackOptions{
		Receipt: r, Bundle: p.opts.Bundle, Targets: p.opts.Targets, Rules: rules, PlanOnly: true, Progress: store.Quiet{}, Clock: time.Now,
	})
	if err == nil {
		err = takeback.Plan().Refusal()
	}
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := rules.Issue(rand.Reader, takeback.Plan().Agreement())
	if err != nil {
		t.Fatal(err)
	}
	takeback.Plan().Confirm(token)
	done, err := takeback.Run(t.Context(), filepath.Join(p.dir, "undo"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range done.Sections {
		if s.TakenBack.Rows != 0 || s.ByIntent != nil {
			t.Errorf("%s: got %+v and %+v, want no rows left and none in doubt", s.Section, s.TakenBack, s.ByIntent)
		}
	}
}

package rows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// TestMerge adds what is missing, says what became of every record, and changes no
// row that lives; another time it adds nothing.
func TestMerge(t *testing.T) {
	for _, unlisted := range []bool{false, true} {
		t.Run(fmt.Sprint("Unlisted", unlisted), func(t *testing.T) {
			lines := some(55, "new")
			into := newTable(append(some(3, "old"), lines[3:20]...)...)
			into.limits.Unlisted, into.limits.Faithful = unlisted, unlisted
			result, h := merge(t, into, lines)
			if result.Added != 35 || result.Same != 52 || result.Differs != 3 || len(h[store.Added]) != 35 {
				t.Errorf("got %+v, want 35 added, 3 that differ", result)
			}
			if want := []string{"row-000: document differs", "row-001: document differs", "row-002: document differs"}; !slices.Equal(h[store.Differs], want) {
				t.Errorf("got %v, want %v", h[store.Differs], want)
			}
			before, batches := into.state(), len(into.sent)
			again, _ := merge(t, into, lines)
			if again.Added != 0 || again.Same != 52 || into.state() != before || !unlisted && len(into.sent) != batches {
				t.Errorf("again: got %+v, want nothing added", again)
			}
		})
	}
}

// TestMergeTellsTheTruth has a driver, or an owner, do things to rows that were
// acknowledged: what reads back otherwise is never the same.
func TestMergeTellsTheTruth(t *testing.T) {
	const at = "row-007"
	for _, tt := range []struct {
		name     string
		faithful bool
		fault    func(*table)
		want     store.Result
		told     store.Outcome
		reason   string
	}{
		{"NeverIn", false, func(t *table) {
			t.put = func(id, line string) (string, bool) { return line, id != at }
		}, store.Result{Missing: 1}, store.Missing, "acknowledged, but not listed afterwards"},
		{"InAsAnother", false, func(t *table) {
			t.put = func(id, line string) (string, bool) {
				if id == at {
					line = strings.Replace(line, "2.0", "3.0", 1)
				}
				return line, true
			}
		}, store.Result{Missing: 1}, store.Missing, "added, but it reads back otherwise: vector differs"},
		{"ChangedByItsOwner", true, func(t *table) {
			t.fetch = func([]string, rows.Ask) error {
				t.lines[at] = strings.Replace(t.lines[at], "says", "said", 1)
				return nil
			}
		}, store.Result{Differs: 1}, store.Differs, "document differs"},
		{"DeletedAfterTheListing", false, func(t *table) {
			t.fetch = func([]string, rows.Ask) error { t.remove(at); return nil }
		}, store.Result{Removed: 1}, store.Removed, ""},
		{"NotGiven", false, func(t *table) {
			t.fetch = func(ids []string, _ rows.Ask) error {
				if slices.Contains(ids, at) {
					return rows.ErrBroken
				}
				return nil
			}
		}, store.Result{Missing: 1}, store.Missing, "cannot be read back: some of the rows cannot be given"},
		{"VectorNotGiven", false, func(t *table) {
			t.fetch = func(ids []string, ask rows.Ask) error {
				if slices.Contains(ids, at) && !ask.Bare {
					return rows.ErrBroken
				}
				return nil
			}
		}, store.Result{Missing: 1}, store.Missing, "its vector cannot be read"},
		{"TooLargeWithOthers", false, func(t *table) {
			t.fetch = func(ids []string, ask rows.Ask) error {
				if slices.Contains(ids, at) && !ask.Alone {
					return rows.ErrTooLarge
				}
				return nil
			}
		}, store.Result{}, "", ""},
		{"Refused", false, func(t *table) {
			t.send = func(id string) error {
				if id == at {
					return &rows.RefusedError{Reason: "no such thing"}
				}
				return nil
			}
		}, store.Result{Rejected: 1}, store.Rejected, "no such thing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into := newTable()
			into.limits.Faithful = tt.faithful
			tt.fault(into)
			result, h := merge(t, into, some(33, "says"))
			odd := tt.want.Missing + tt.want.Differs + tt.want.Removed + tt.want.Rejected
			got := store.Result{Missing: result.Missing, Differs: result.Differs, Removed: result.Removed, Rejected: result.Rejected}
			if got != tt.want || result.Same != 33-odd {
				t.Errorf("got %+v, want %+v", result, tt.want)
			}
			if want := strings.TrimSuffix(at+": "+tt.reason, ": "); odd > 0 && !slices.Equal(h[tt.told], []string{want}) {
				t.Errorf("got %v, want %s of %q", h, tt.told, want)
			}
		})
	}
}

// TestMergeEnds at the first error: what was counted is in, and whose error it was
// can be told.
func TestMergeEnds(t *testing.T) {
	lines := some(30, "new")
	down := errors.New("the store is down")
	enough := errors.New("enough")
	for _, tt := range []struct {
		name   string
		run    func(ctx context.Context, into *table, result *store.Result) error
		want   error
		theirs bool
	}{
		{"ErrRecords", func(ctx context.Context, into *table, result *store.Result) error {
			return rows.Merge(ctx, into, broken(lines[:25]), store.MergeOptions{}, result)
		}, errBroken, true},
		{"ErrReport", func(ctx context.Context, into *table, result *store.Result) error {
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{Report: func(store.Event) error { return enough }}, result)
		}, enough, true},
		{"ErrListing", func(ctx context.Context, into *table, result *store.Result) error {
			into.list = func(int) error { return down }
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{}, result)
		}, down, false},
		{"ErrSecondListing", func(ctx context.Context, into *table, result *store.Result) error {
			into.list = func(nth int) error {
				if nth == 2 {
					return down
				}
				return nil
			}
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{}, result)
		}, down, false},
		{"ErrSend", func(ctx context.Context, into *table, result *store.Result) error {
			into.send = func(id string) error {
				if id == "row-015" {
					return down
				}
				return nil
			}
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{}, result)
		}, down, false},
		{"ErrFetch", func(ctx context.Context, into *table, result *store.Result) error {
			into.fetch = func([]string, rows.Ask) error { return down }
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{}, result)
		}, down, false},
		{"ErrCancelled", func(ctx context.Context, into *table, result *store.Result) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return rows.Merge(ctx, into, sequence(lines), store.MergeOptions{}, result)
		}, context.Canceled, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into := newTable()
			result := store.Result{Proof: store.ProofFull}
			err := tt.run(t.Context(), into, &result)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if theirs, own := rows.Theirs(err); theirs != tt.theirs || theirs && own.Error() != tt.want.Error() {
				t.Errorf("got %v, theirs %t, want it %t", own, theirs, tt.theirs)
			}
			if result.Added != int64(len(into.lines)) {
				t.Errorf("got %d added, want the %d that are in", result.Added, len(into.lines))
			}
		})
	}
}

// TestMergeRefusesRecords that can't be counted.
func TestMergeRefusesRecords(t *testing.T) {
	lines := some(12, "new")
	for name, tt := range map[string]struct {
		lines []memory.Record
		want  string
	}{
		"ErrTwice": {append(lines[:12:12], lines[4]), `record 13: row "row-004" comes twice`},
		"ErrNoRow": {append(lines[:12:12], memory.Record("hello")), "record 13: "},
	} {
		t.Run(name, func(t *testing.T) {
			result := store.Result{}
			err := rows.Merge(t.Context(), newTable(), sequence(tt.lines), store.MergeOptions{}, &result)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("Lenient", func(t *testing.T) {
		for _, unlisted := range []bool{false, true} {
			into := newTable()
			into.limits.Lenient, into.limits.Unlisted, into.limits.Faithful = true, unlisted, unlisted
			odd := slices.Concat(lines, []memory.Record{memory.Record("hello"), some(5, "else")[4], lines[5]})
			result, _ := merge(t, into, odd)
			if result.Rejected != 1 || result.Same+result.Differs+result.Missing != 14 || result.Differs+result.Missing != 1 {
				t.Errorf("got %+v, want one rejected, and one of two that another has the id of", result)
			}
		}
	})
}

// TestCompare counts what a replace would do.
func TestCompare(t *testing.T) {
	lines := some(40, "new")
	live := append(some(4, "old"), lines[4:30]...)
	live = append(live, memory.Record(`{"id":"lost","embedding":[1.0,2.0],"metadata":null,"document":null}`))
	with := newTable(live...)
	with.limits.Dimension = 2
	with.fetch = func(ids []string, _ rows.Ask) error {
		if slices.Contains(ids, "row-020") {
			return rows.ErrBroken
		}
		return nil
	}
	odd := slices.Concat(lines, []memory.Record{memory.Record(`{"id":"short","embedding":[1.0],"metadata":null,"document":null}`)})
	before, h := with.state(), heard{}
	got, rest, err := rows.Compare(t.Context(), with, sequence(odd), h.hear)
	if err != nil {
		t.Fatal(err)
	}
	if want := (store.Difference{Live: 31, Same: 25, Changed: 5, Lost: 1, New: 10, Rejected: 1}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(rest.Rows) != 1 || string(rest.IDs.At(int(rest.Rows[0]))) != "lost" {
		t.Errorf("got %d rows left, want the lost one", len(rest.Rows))
	}
	if len(h[store.Differs]) != 5 || len(h[store.Missing]) != 10 || len(h[store.Lost]) != 1 || len(h[store.Rejected]) != 1 {
		t.Errorf("got %v", h)
	}
	if with.state() != before || with.sent != nil || with.deleted != 0 {
		t.Error("a comparison changed the rows")
	}
}

// TestRemove deletes what is what it was, and nothing else, whatever ends it.
func TestRemove(t *testing.T) {
	lines := some(50, "new")
	stay := memory.Record(`{"id":"stay","embedding":[1.0,2.0],"metadata":null,"document":null}`)
	fresh := func() *table {
		return newTable(append(append(some(2, "changed"), lines[2:45]...), stay)...)
	}
	from, h := fresh(), heard{}
	got, err := rows.Remove(t.Context(), from, sequence(lines), h.hear)
	if want := (store.Removal{Removed: 43, Kept: 2, Gone: 5}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if len(from.lines) != 3 || len(h[store.Differs]) != 2 || len(h[store.Removed]) != 5 {
		t.Errorf("got %d rows left, %v", len(from.lines), h)
	}
	again, err := rows.Remove(t.Context(), from, sequence(lines), nil)
	if want := (store.Removal{Kept: 2, Gone: 48}); err != nil || again != want {
		t.Errorf("again: got %+v, %v, want %+v", again, err, want)
	}
	strict := fresh()
	if part, err := rows.Remove(t.Context(), strict, broken(lines), nil); err == nil || part.Removed != 0 || len(strict.lines) != 46 {
		t.Errorf("got %+v, %v, want nothing removed before the records are known", part, err)
	}
	ended := fresh()
	ended.limits.Lenient = true
	part, err := rows.Remove(t.Context(), ended, broken(lines[:30]), nil)
	if theirs, own := rows.Theirs(err); !theirs || own.Error() != errBroken.Error() {
		t.Errorf("got %v, want the error of the records", err)
	}
	if gone := 46 - len(ended.lines); gone == 0 || part.Removed != int64(gone) || ended.lines["stay"] == "" || ended.lines["row-000"] == "" {
		t.Errorf("got %+v, want the %d that are gone", part, gone)
	}
}

// TestFill holds the records whole and alone, or says so.
func TestFill(t *testing.T) {
	lines := some(30, "new")
	for _, tt := range []struct {
		name  string
		fault func(*table)
		want  error
	}{
		{"Whole", func(*table) {}, nil},
		{"Mended", func(t *table) { t.lines["row-003"] = strings.Replace(t.lines["row-003"], "new", "old", 1) }, nil},
		{"ErrFewer", func(t *table) { t.remove("row-003") }, store.ErrStaged},
		{"ErrMore", func(t *table) { t.add("more", `{"id":"more","embedding":[1.0,2.0]}`) }, store.ErrStaged},
		{"ErrAgain", func(t *table) {
			t.fetch = func([]string, rows.Ask) error {
				t.lines["row-003"] = strings.Replace(t.lines["row-003"], "new", "old", 1)
				return nil
			}
		}, store.ErrStaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into := newTable(append(lines[:5:5], memory.Record(`{"id":"other","embedding":[1.0,2.0]}`))...)
			filled, err := rows.Fill(t.Context(), into, sequence(lines), true)
			if err == nil {
				err = filled.DeleteOthers(t.Context())
			}
			if err != nil || filled.Records() != 30 || len(into.lines) != 30 {
				t.Fatalf("got %v and %d rows, want the 30 records", err, len(into.lines))
			}
			tt.fault(into)
			if err := filled.Check(t.Context(), sequence(lines)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("ErrRefused", func(t *testing.T) {
		salvaged := memory.Record(`{"id":"salvaged","embedding":null,"metadata":null,"document":null}`)
		_, err := rows.Fill(t.Context(), newTable(), sequence(append(lines[:3:3], salvaged)), true)
		if !refused(err) || !strings.Contains(err.Error(), `row "salvaged" cannot be put in`) {
			t.Errorf("got %v, want that it is refused", err)
		}
	})
}

// TestInPlace makes the rows those of the records, unless they moved.
func TestInPlace(t *testing.T) {
	old, lines := some(20, "old"), some(30, "new")
	gone := memory.Record(`{"id":"gone","embedding":[1.0,2.0],"metadata":null,"document":null}`)
	safety := slices.Concat(old, []memory.Record{gone})
	at := newTable(safety...)
	for name, copied := range map[string][]memory.Record{
		"ErrFewer": safety[1:], "ErrMore": append(safety[:21:21], lines[25]), "ErrTwice": append(safety[:21:21], gone),
	} {
		t.Run(name, func(t *testing.T) {
			before := at.state()
			_, err := rows.Begin(t.Context(), at, sequence(copied))
			if err == nil || errors.Is(err, store.ErrMoved) != (name != "ErrTwice") || at.state() != before {
				t.Errorf("got %v, want a refusal, and the rows as they were", err)
			}
		})
	}
	if n, err := rows.Takes(t.Context(), at, sequence(lines)); n != 30 || err != nil {
		t.Errorf("got %d, %v, want that it takes 30", n, err)
	}
	begun, err := rows.Begin(t.Context(), at, sequence(safety))
	if err != nil || begun.Before() != 21 {
		t.Fatalf("begin: got %v", err)
	}
	at.add("late", `{"id":"late","embedding":[1.0,2.0]}`)
	n, late, err := begun.Run(t.Context(), sequence(lines))
	if err != nil || n != 31 || late != 1 {
		t.Errorf("got %d rows, %d late, %v, want 31, 1", n, late, err)
	}
	for _, line := range lines {
		if at.lines[idOf(line)] != string(line) {
			t.Errorf("got %s, want %s", at.lines[idOf(line)], line)
		}
	}
	if at.lines["gone"] != "" || at.lines["late"] == "" {
		t.Error("the row that the records lack is there still, or the late one is gone")
	}
}

// TestInPlaceRefused deletes no row whose replacement would not be taken.
func TestInPlaceRefused(t *testing.T) {
	old := some(20, "old")
	at := newTable(old...)
	begun, err := rows.Begin(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	at.send = func(id string) error {
		if id == "row-004" {
			return &rows.RefusedError{Reason: "no such thing"}
		}
		return nil
	}
	_, _, err = begun.Run(t.Context(), sequence(some(20, "new")))
	if !refused(err) || at.lines["row-004"] != string(old[4]) || len(at.lines) != 20 {
		t.Errorf("got %v and %d rows, want row 4 as it was", err, len(at.lines))
	}
}

func refused(err error) bool {
	var no *rows.RefusedError
	return errors.As(err, &no)
}

package collections_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// after merges rows and calls meanwhile between the last commit and the proof.
func after(t *testing.T, path string, meanwhile func(), rows ...memory.Record) (store.Result, []store.Event) {
	t.Helper()
	var told []store.Event
	passes := 0
	result, err := at(path).Merge(t.Context(), spec(2), func(yield func(memory.Record, error) bool) {
		if passes++; passes == 2 {
			meanwhile()
		}
		sequence(rows...)(yield)
	}, store.MergeOptions{
		Report: func(e store.Event) error { told = append(told, e); return nil },
	})
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	return result, told
}

// The proof looks at what is there, not at what was written.
func TestProof(t *testing.T) {
	nan := bits([]float32{1, float32(math.NaN())})
	for _, test := range []struct {
		name, statement string
		args            []any
		want            store.Outcome
	}{
		{"Deleted", `DELETE FROM records WHERE id = 'new'`, nil, store.Removed},
		{"VectorChanged", `UPDATE records SET embedding = x'0000803f0000803f' WHERE id = 'new'`, nil, store.Differs},
		{"VectorDamaged", `UPDATE records SET embedding = ? WHERE id = 'new'`, []any{nan}, store.Missing},
		{"DocumentChanged", `UPDATE records SET document = '' WHERE id = 'new'`, nil, store.Differs},
		{"MetadataChanged", `UPDATE records SET metadata = '{"k":2}' WHERE id = 'new'`, nil, store.Differs},
		{"MetadataGone", `UPDATE records SET metadata = NULL WHERE id = 'new'`, nil, store.Differs},
		{"MetadataDamaged", `UPDATE records SET metadata = '{' WHERE id = 'new'`, nil, store.Missing},
		{"MetadataSpeltOtherwise", `UPDATE records SET metadata = '{ "k" : 1 }' WHERE id = 'new'`, nil, store.Same},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			db := raw(t, path)
			result, told := after(t, path, func() { do(t, db, test.statement, test.args...) },
				line("new", []float32{1, 2}, `{"k":1}`, "null"))
			counts := map[store.Outcome]int64{
				store.Same: result.Same, store.Differs: result.Differs, store.Removed: result.Removed, store.Missing: result.Missing,
			}
			if counts[test.want] != 1 || result.Records != 1 || result.Added != 1 {
				t.Errorf("got %+v, want one row %s", result, test.want)
			}
			last := told[len(told)-1]
			if test.want != store.Same && (last.Outcome != test.want || last.ID != "new" || last.Reason == "") {
				t.Errorf("got event %+v, want %s of new", last, test.want)
			}
		})
	}
}

// A sequence that isn't the same the second time can't be proved.
func TestSequenceChanges(t *testing.T) {
	s, _ := fresh(t)
	rows := []memory.Record{line("a", []float32{1, 2}, "null", "null"), line("b", []float32{1, 2}, "null", "null")}
	passes := 0
	_, err := s.Merge(t.Context(), spec(2), func(yield func(memory.Record, error) bool) {
		passes++
		for _, rec := range rows[passes-1:] {
			if !yield(rec, nil) {
				return
			}
		}
	}, store.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "the records were 2 at first and 1 the second time") {
		t.Errorf("got %v, want the difference", err)
	}
}

// A row that a trigger leaves out, or takes away in the same breath, was never in.
func TestTrue_03_NeverInIsMissing(t *testing.T) {
	for name, trigger := range map[string]string{
		"Ignored":   `BEFORE INSERT ON records WHEN NEW.id = 'x' BEGIN SELECT RAISE(IGNORE); END`,
		"TakenAway": `AFTER INSERT ON records WHEN NEW.id = 'x' BEGIN DELETE FROM records WHERE id = 'x'; END`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			do(t, raw(t, path), `CREATE TRIGGER sieve `+trigger)
			result, told := after(t, path, func() {}, line("x1", []float32{1, 2}, "null", "null"), line("x", []float32{1, 2}, "null", "null"),
				line("x2", []float32{1, 2}, "null", "null"))
			if result.Records != 3 || result.Added != 2 || result.Same != 2 || result.Missing != 1 || result.Removed+result.Differs != 0 {
				t.Errorf("got %+v, want x missing", result)
			}
			if i := slices.IndexFunc(told, func(e store.Event) bool { return e.Outcome == store.Missing }); i < 0 || told[i].ID != "x" {
				t.Errorf("got events %+v, want x missing", told)
			}
		})
	}
}

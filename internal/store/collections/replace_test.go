package collections_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/storetest"
)

const (
	plan   = "plan-1"
	shadow = name + "-shadow-" + plan
)

func options() store.StageOptions {
	return store.StageOptions{Plan: plan, Operation: guard.ReplaceOperation(memory.Memories)}
}

// leave gets a permit for what stands there.
func leave(t *testing.T, s *collections.Store) guard.Permit {
	t.Helper()
	survey, err := s.Survey(t.Context(), section)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	return storetest.Permit(t, guard.ReplaceOperation(memory.Memories), section, survey)
}

// stage stages and checks.
func stage(t *testing.T, s *collections.Store, spec memory.SectionSpec, opts store.StageOptions, rows ...memory.Record) store.Staged {
	t.Helper()
	staged, err := s.Stage(t.Context(), spec, sequence(rows...), opts)
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	if err := staged.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	t.Cleanup(func() {
		if err := staged.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return staged
}

func commit(t *testing.T, staged store.Staged, permit guard.Permit, safety ...memory.Record) {
	t.Helper()
	if _, err := staged.Commit(t.Context(), permit, sequence(safety...)); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// wantRows wants the section to be read as exactly these rows, in this order.
func wantRows(t *testing.T, s *collections.Store, want []memory.Record) {
	t.Helper()
	got, _ := read(t, s)
	if !slices.EqualFunc(got, want, func(a, b memory.Record) bool { return string(a) == string(b) }) {
		t.Errorf("got %d rows, want these %d: %.300q", len(got), len(want), got)
	}
}

// names are those of all collections in the file.
func names(t *testing.T, path string) string {
	t.Helper()
	db := raw(t, path)
	defer closeDB(t, db)
	var all string
	const query = `SELECT ifnull(group_concat(name, ' '), '') FROM (SELECT name FROM collections ORDER BY name)`
	if err := db.QueryRow(query).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// described is spec with all that a bundle says of a collection.
func described() memory.SectionSpec {
	spec := spec(storetest.Dimension)
	spec.Collection = &memory.Collection{
		ID: "5f3c7a54-8a55-4b9e-8d7e-0a4d1f4f9c11", Name: "as-it-was-called",
		Metadata: memory.RawJSON(`{"z": 1,  "a":"<&>", "n":1.50}`), Configuration: memory.RawJSON(`{"hnsw": {}}`),
	}
	return spec
}

// TestReplaceEntry: the new collection is described as the bundle says, to the
// byte, and bears no mark; in place, it keeps the id of the old one.
func TestReplaceEntry(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		t.Run(fmt.Sprint("InPlace", inPlace), func(t *testing.T) {
			s, path := fresh(t)
			rows := storetest.Vectors("a", 20, true)
			merge(t, s, spec(storetest.Dimension), rows...)
			old, err := s.Survey(t.Context(), section)
			if err != nil {
				t.Fatal(err)
			}
			opts := options()
			opts.InPlace = inPlace
			commit(t, stage(t, s, described(), opts, rows[:5]...), leave(t, s), rows...)

			now, err := s.Survey(t.Context(), section)
			if err != nil {
				t.Fatal(err)
			}
			if kept := now.Collection.ID == old.Collection.ID; kept != inPlace {
				t.Errorf("got id %s after %s, want it kept: %t", now.Collection.ID, old.Collection.ID, inPlace)
			}
			want := described().Collection
			if string(now.Collection.Metadata) != string(want.Metadata) || string(now.Collection.Configuration) != string(want.Configuration) {
				t.Errorf("got %s, %s, want what the bundle had", now.Collection.Metadata, now.Collection.Configuration)
			}
			if got := names(t, path); got != name {
				t.Errorf("got collections %q, want the one", got)
			}
			wantRows(t, s, rows[:5])
		})
	}
}

// TestReplaceUndescribed: what the spec doesn't say stays as it is.
func TestReplaceUndescribed(t *testing.T) {
	s, _ := fresh(t)
	rows := storetest.Vectors("a", 20, true)
	merge(t, s, described(), rows...)
	bare := memory.SectionSpec{Name: section, Kind: memory.Vectors}
	commit(t, stage(t, s, bare, options(), rows[:5]...), leave(t, s), rows...)
	now, err := s.Survey(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	if now.Distance != "l2" || now.Dimension != storetest.Dimension || string(now.Collection.Metadata) != string(described().Collection.Metadata) {
		t.Errorf("got %+v, %s, want what was there", now, now.Collection.Metadata)
	}
}

// TestReplaceOfAnotherShape: dimension and distance must be those that live.
func TestReplaceOfAnotherShape(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(storetest.Dimension))
	other := spec(storetest.Dimension)
	other.Distance = "cosine"
	for name, spec := range map[string]memory.SectionSpec{"Dimension": spec(3), "Distance": other} {
		t.Run(name, func(t *testing.T) {
			before := state(t, path)
			staged, err := s.Stage(t.Context(), spec, sequence(), options())
			if err == nil || staged != nil {
				t.Errorf("stage: got %v, %v, want an error", staged, err)
			}
			if _, err := s.Compare(t.Context(), spec, sequence(), store.CompareOptions{}); err == nil {
				t.Error("compare: got no error")
			}
			if after := state(t, path); after != before {
				t.Errorf("got  %s\nwant %s", after, before)
			}
		})
	}
}

// dump is every row of the file that isn't of the section's collection or its
// shadow.
func dump(t *testing.T, path string) string {
	t.Helper()
	db := raw(t, path)
	defer closeDB(t, db)
	var all string
	err := db.QueryRow(`SELECT group_concat(c.number || c.id || c.name || ifnull(c.metadata, '') || c.distance || c.dimension
	|| r.number || r.id || hex(r.embedding) || ifnull(r.metadata, '') || ifnull(r.document, ''), char(10))
FROM collections AS c JOIN records AS r ON r.collection = c.number WHERE c.name NOT LIKE ? || '%'`, name).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReplaceBesideOthers: another collection in the file keeps every byte, by
// a replace and by a removal.
func TestReplaceBesideOthers(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 60, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	other := spec(storetest.Dimension)
	other.Name = memory.Summaries
	merge(t, s, other, storetest.Vectors("other", 60, true)...)
	before := dump(t, path)

	commit(t, stage(t, s, spec(storetest.Dimension), options(), rows[:40]...), leave(t, s), rows...)
	wantRows(t, s, rows[:40])
	_, err := s.Remove(t.Context(), spec(storetest.Dimension), sequence(rows[30:]...), leave(t, s),
		store.RemoveOptions{Operation: guard.ReplaceOperation(memory.Memories)})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, s, rows[:30])
	if after := dump(t, path); after != before || before == "" {
		t.Error("the other collection is not as it was")
	}
}

// TestReplaceUnderAReader: who reads sees the old rows to the end, and the next
// one the new.
func TestReplaceUnderAReader(t *testing.T) {
	s, _ := fresh(t)
	rows := storetest.Vectors("a", 50, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows[:10]...)
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range reading.All() {
		if err != nil {
			t.Fatalf("row %d: %v", n, err)
		}
		if n++; n == 3 {
			commit(t, staged, permit, rows...)
			wantRows(t, s, rows[:10])
		}
	}
	if n != len(rows) {
		t.Errorf("got %d rows, want the %d that were there when the reading began", n, len(rows))
	}
}

// TestShadow: it bears the guard's mark with its own id, and nothing reads it.
func TestShadow(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(storetest.Dimension), storetest.Vectors("a", 5, true)...)
	stage(t, s, described(), options(), storetest.Vectors("b", 5, true)...)
	witness := collections.New(collections.Config{Path: path, Collections: map[memory.Section]string{section: shadow}})
	survey, err := witness.Survey(t.Context(), section)
	if err != nil || !survey.Exists {
		t.Fatalf("got %+v, %v, want the shadow", survey, err)
	}
	seen, err := witness.Look(t.Context(), survey.Locator)
	if err != nil {
		t.Fatal(err)
	}
	var mark guard.Mark
	if err := json.Unmarshal([]byte(seen.Mark), &mark); err != nil {
		t.Fatalf("mark %q: %v", seen.Mark, err)
	}
	if want := (guard.Mark{Kind: guard.MarkShadow, ID: survey.Locator.CollectionID, Plan: plan}); mark != want {
		t.Errorf("got %+v, want %+v", mark, want)
	}
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if specs, err := session.Sections(t.Context()); err != nil || len(specs) != 1 {
		t.Errorf("got sections %v, %v, want the live one alone", specs, err)
	}
}

// TestShadowOfAnother: a collection of that name that this plan didn't make stays.
func TestShadowOfAnother(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(storetest.Dimension), storetest.Vectors("a", 5, true)...)
	theirs := collections.New(collections.Config{Path: path, Collections: map[memory.Section]string{section: shadow}})
	merge(t, theirs, spec(storetest.Dimension), storetest.Vectors("theirs", 7, true)...)
	staged, err := s.Stage(t.Context(), spec(storetest.Dimension), sequence(storetest.Vectors("b", 5, true)...), options())
	if err == nil || staged != nil || !strings.Contains(err.Error(), "was not made by this plan") {
		t.Errorf("got %v, %v, want a refusal", staged, err)
	}
	wantRows(t, theirs, storetest.Vectors("theirs", 7, true))
}

// TestStageGoesOn: the same plan keeps what is in the shadow; rows of other
// records are not kept.
func TestStageGoesOn(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(storetest.Dimension))
	rows := storetest.Vectors("a", 2500, false)
	broken := errors.New("the bundle broke")
	_, err := s.Stage(t.Context(), spec(storetest.Dimension), func(yield func(memory.Record, error) bool) {
		for _, rec := range rows[:2400] {
			if !yield(rec, nil) {
				return
			}
		}
		yield(nil, broken)
	}, options())
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the sequence's error", err)
	}
	kept := numbers(t, path)
	if len(kept) != 2000 {
		t.Errorf("got %d rows of a broken staging, want two transactions", len(kept))
	}
	stage(t, s, spec(storetest.Dimension), options(), rows...)
	if now := numbers(t, path); len(now) != 2500 || !slices.Equal(now[:2000], kept) {
		t.Errorf("got %d rows, want the first 2000 as they were", len(now))
	}
	other := rows[2400:]
	commit(t, stage(t, s, spec(storetest.Dimension), options(), other...), leave(t, s))
	wantRows(t, s, other)
}

// numbers are those of all rows in the file.
func numbers(t *testing.T, path string) (all []int64) {
	t.Helper()
	db := raw(t, path)
	defer closeDB(t, db)
	rows, err := db.Query(`SELECT number FROM records ORDER BY number`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCheckFindsDamage: what the shadow holds is not what was staged.
func TestCheckFindsDamage(t *testing.T) {
	for name, damage := range map[string]string{
		"Vector":   `UPDATE records SET embedding = zeroblob(32) WHERE id = 'row-000012'`,
		"Metadata": `UPDATE records SET metadata = '{"a":1}' WHERE id = 'row-000012'`,
		"Fewer":    `DELETE FROM records WHERE id = 'row-000012'`,
		"More":     `INSERT INTO records (collection, id, embedding) SELECT number, 'more', zeroblob(32) FROM collections`,
		"Gone":     `DELETE FROM records; DELETE FROM collections`,
	} {
		t.Run(name, func(t *testing.T) {
			s, path := fresh(t)
			merge(t, s, spec(storetest.Dimension))
			staged := stage(t, s, spec(storetest.Dimension), options(), storetest.Vectors("a", 20, true)...)
			db := raw(t, path)
			do(t, db, damage)
			closeDB(t, db)
			if err := staged.Check(t.Context()); !errors.Is(err, store.ErrStaged) {
				t.Errorf("got %v, want ErrStaged", err)
			}
		})
	}
}

// TestReplaceAnew: where there is no file, one comes at once or not at all.
func TestReplaceAnew(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 20, true)
	permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows...)
	beside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+plan+".tmp")
	if _, err := os.Stat(beside); err != nil {
		t.Errorf("got %v, want what was staged beside", err)
	}
	write(t, path, "theirs")
	if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, guard.ErrTargetMoved) {
		t.Errorf("got %v, want ErrTargetMoved", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "theirs" {
		t.Errorf("got %q, %v, want the file that came", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	commit(t, staged, permit)
	wantRows(t, s, rows)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v, want one", entries, err)
	}
}

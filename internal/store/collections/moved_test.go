package collections_test

import (
	"errors"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// TestReplaceMoved: live rows that are not those of the safety copy stay.
func TestReplaceMoved(t *testing.T) {
	for name, change := range map[string]string{
		"Vector":   `UPDATE records SET embedding = zeroblob(32) WHERE id = 'row-000012'`,
		"Metadata": `UPDATE records SET metadata = '{"a":1}' WHERE id = 'row-000012'`,
		"Document": `UPDATE records SET document = 'another' WHERE id = 'row-000012'`,
		"Fewer":    `DELETE FROM records WHERE id = 'row-000012'`,
		"Last":     `DELETE FROM records WHERE number = (SELECT max(number) FROM records WHERE id LIKE 'row%' AND collection = 1)`,
		"Id":       `UPDATE records SET id = 'renamed' WHERE id = 'row-000012'`,
		"Damaged":  `UPDATE records SET metadata = 'not JSON' WHERE number = (SELECT max(number) FROM records WHERE collection = 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			s, path := fresh(t)
			rows := storetest.Vectors("a", 30, true)
			merge(t, s, spec(storetest.Dimension), rows...)
			db := raw(t, path)
			do(t, db, change)
			closeDB(t, db)
			permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows[:5]...)
			before := dumpLive(t, path)
			safety := rows
			if name == "Damaged" {
				safety = rows[:29] // what a reading yields
			}
			if _, err := staged.Commit(t.Context(), permit, sequence(safety...)); !errors.Is(err, store.ErrMoved) {
				t.Errorf("got %v, want ErrMoved", err)
			}
			if after := dumpLive(t, path); after != before {
				t.Errorf("got  %s\nwant %s", after, before)
			}
		})
	}
}

// dumpLive is the collection's rows, to the byte.
func dumpLive(t *testing.T, path string) (all string) {
	t.Helper()
	db := raw(t, path)
	defer closeDB(t, db)
	err := db.QueryRow(`SELECT group_concat(r.number || r.id || hex(r.embedding) || ifnull(r.metadata, '-') || ifnull(r.document, '-'), char(10))
FROM records AS r JOIN collections AS c ON c.number = r.collection WHERE c.name = ?`, name).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReplaceMovedMeanwhile: a row that an agent writes after the comparison
// without the lock is seen with it.
func TestReplaceMovedMeanwhile(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 30, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows[:5]...)
	late := storetest.Vectors("late", 31, true)[30:]
	passes := 0
	_, err := staged.Commit(t.Context(), permit, func(yield func(memory.Record, error) bool) {
		passes++
		for _, rec := range rows {
			if !yield(rec, nil) {
				return
			}
		}
		if passes == 1 {
			put(t, s, path, late)
		}
	})
	if !errors.Is(err, store.ErrMoved) || passes != 2 {
		t.Errorf("got %v after %d comparisons, want ErrMoved after two", err, passes)
	}
	wantRows(t, s, append(rows, late...))
	passes = 0
	_, err = staged.Commit(t.Context(), permit, func(yield func(memory.Record, error) bool) {
		passes++
		sequence(append(rows, late...)...)(yield)
	})
	if err != nil || passes != 1 {
		t.Errorf("got %v after %d comparisons, want one when nobody writes", err, passes)
	}
	wantRows(t, s, rows[:5])
}

// TestReplaceUnsaid: a commit that was made and not told of is not made again,
// whatever the safety copy of before.
func TestReplaceUnsaid(t *testing.T) {
	s, path := fresh(t)
	old, rows := storetest.Vectors("a", 30, true), storetest.Vectors("b", 25, true)
	merge(t, s, spec(storetest.Dimension), old...)
	commit(t, stage(t, s, spec(storetest.Dimension), options(), rows...), leave(t, s), old...)
	survey, err := s.Survey(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, stage(t, s, spec(storetest.Dimension), options(), rows...), leave(t, s), old...)
	if now, err := s.Survey(t.Context(), section); err != nil || now.Locator != survey.Locator {
		t.Errorf("got %v, %v, want the collection of the first commit", now.Locator, err)
	}
	if got := names(t, path); got != name {
		t.Errorf("got collections %q, want no shadow", got)
	}
	wantRows(t, s, rows)
}

// TestReplaceOfAnother: another collection took the name since the survey.
func TestReplaceOfAnother(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 10, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows[:5]...)
	db := raw(t, path)
	do(t, db, `UPDATE collections SET id = 'another' WHERE name = ?`, name)
	closeDB(t, db)
	if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, guard.ErrNotPermitted) {
		t.Errorf("got %v, want ErrNotPermitted", err)
	}
	wantRows(t, s, rows)
}

// TestReplaceUnderAWriter: a lock that somebody keeps is an error, and nothing has
// happened; afterwards the commit goes on.
func TestReplaceUnderAWriter(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 10, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	permit, staged := leave(t, s), stage(t, s, spec(storetest.Dimension), options(), rows[:5]...)
	db := raw(t, path)
	do(t, db, "BEGIN IMMEDIATE")
	if _, err := staged.Commit(t.Context(), permit, sequence(rows...)); err == nil {
		t.Error("got no error beside a writer that keeps its lock")
	}
	do(t, db, "ROLLBACK")
	wantRows(t, s, rows)
	commit(t, staged, permit, rows...)
	wantRows(t, s, rows[:5])
}

// TestRemoveFromAnother: another collection took the name after the first look.
func TestRemoveFromAnother(t *testing.T) {
	s, path := fresh(t)
	rows := storetest.Vectors("a", 10, true)
	merge(t, s, spec(storetest.Dimension), rows...)
	got, err := s.Remove(t.Context(), spec(storetest.Dimension), func(yield func(memory.Record, error) bool) {
		db := raw(t, path)
		do(t, db, `UPDATE collections SET id = 'another'`)
		closeDB(t, db)
		sequence(rows...)(yield)
	}, leave(t, s), store.RemoveOptions{Operation: guard.ReplaceOperation(memory.Memories)})
	if !errors.Is(err, guard.ErrNotPermitted) || got.Removed != 0 {
		t.Errorf("got %+v, %v, want nothing removed and ErrNotPermitted", got, err)
	}
	wantRows(t, s, rows)
}

// TestRemoveEndsInTheMiddle: what the Removal counts is gone, and nothing else.
func TestRemoveEndsInTheMiddle(t *testing.T) {
	s, _ := fresh(t)
	rows := storetest.Vectors("a", 1500, false)
	merge(t, s, spec(storetest.Dimension), rows...)
	broken := errors.New("the receipt broke")
	got, err := s.Remove(t.Context(), spec(storetest.Dimension), func(yield func(memory.Record, error) bool) {
		for _, rec := range rows[:1200] {
			if !yield(rec, nil) {
				return
			}
		}
		yield(nil, broken)
	}, leave(t, s), store.RemoveOptions{Operation: guard.ReplaceOperation(memory.Memories)})
	if want := (store.Removal{Removed: 1000, Rows: 500}); !errors.Is(err, broken) || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	wantRows(t, s, rows[1000:])
}

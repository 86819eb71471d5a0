package collections_test

import (
	"os"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		New:        fixture,
		Rejects:    true,
		OneRefused: oneRefused,
		Unreachable: func(t *testing.T) (store.Store, store.Target, memory.Section) {
			t.Helper()
			s, path := fresh(t)
			write(t, path, "something else")
			return s, s, section
		},
	})
}

// oneRefused is a file in which the dimension of one collection is no number.
func oneRefused(t *testing.T) (st store.Store, good, bad memory.Section) {
	t.Helper()
	s, path := fresh(t)
	put(t, s, path, storetest.Vectors("a", 3, true))
	db := raw(t, path)
	defer closeDB(t, db)
	do(t, db, `PRAGMA writable_schema = 1`)
	do(t, db, `UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'collections'`)
	do(t, db, `PRAGMA writable_schema = RESET`)
	do(t, db, `INSERT INTO collections (id, name, distance, dimension) VALUES ('x', 'agent-sessions', 'l2', 'many')`)
	return s, section, memory.Summaries
}

func fixture(t *testing.T) storetest.Fixture {
	t.Helper()
	s, path := fresh(t)
	return storetest.Fixture{
		Store:  s,
		Target: s,
		Spec:   spec(storetest.Dimension),
		Put: func(t *testing.T, rows []memory.Record) {
			t.Helper()
			put(t, s, path, rows)
		},
		Delete: func(t *testing.T, ids []string) {
			t.Helper()
			db := raw(t, path)
			defer closeDB(t, db)
			for _, id := range ids {
				do(t, db, `DELETE FROM records WHERE id = ? AND collection = (SELECT number FROM collections WHERE name = ?)`, id, name)
			}
		},
		State: func(t *testing.T) string {
			t.Helper()
			return state(t, path)
		},
	}
}

// put inserts rows as another program would, one transaction for all.
func put(t *testing.T, s *collections.Store, path string, rows []memory.Record) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		merge(t, s, spec(storetest.Dimension))
	}
	db := raw(t, path)
	defer closeDB(t, db)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range rows {
		var scanner record.Scanner
		v, err := scanner.Vector(rec)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(`INSERT INTO records (collection, id, embedding, metadata, document)
			SELECT number, ?, ?, nullif(?, 'null'), iif(? = 'null', null, ? ->> '$') FROM collections WHERE name = ?`,
			string(v.Key), v.Bits, string(v.Metadata.Of(rec)), string(v.Document.Of(rec)), string(v.Document.Of(rec)), name)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

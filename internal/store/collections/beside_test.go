package collections_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/store"
)

// A stranger's database that somebody has open is looked at by SQLite, which
// must add nothing to it and checkpoint nothing.
func TestRefusesLiveDatabaseOfOthers(t *testing.T) {
	_, path := fresh(t)
	db := raw(t, path)
	do(t, db, `PRAGMA journal_mode = WAL`)
	do(t, db, `CREATE TABLE nodes (id TEXT)`)
	do(t, db, `INSERT INTO nodes VALUES ('kept in the log')`)
	wantRefused(t, path, "it is not a collections file of keepsake")
}

func TestRefusesLockedFile(t *testing.T) {
	path := filled(t)
	db := raw(t, path)
	do(t, db, `PRAGMA locking_mode = EXCLUSIVE`)
	do(t, db, `BEGIN EXCLUSIVE`)
	for name, try := range attempts(t, path) {
		err := try(t.Context())
		if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "another process holds its lock") {
			t.Errorf("%s: got %v, want ErrUnreachable for the lock", name, err)
		}
	}
	do(t, db, `ROLLBACK`)
	closeDB(t, db)
	if rows, _ := read(t, at(path)); len(rows) != 3 {
		t.Errorf("got %d rows after the lock was let go, want 3", len(rows))
	}
}

// A context that has ended is no fault of the store.
func TestCancelledIsNotUnreachable(t *testing.T) {
	path := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, try := range attempts(t, path) {
		if err := try(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: got %v, want context.Canceled alone", name, err)
		}
	}
}

// A writer that is at work delays a merge; it does not delay a reader.
func TestWriterBeside(t *testing.T) {
	path := filled(t)
	db := raw(t, path)
	do(t, db, `BEGIN IMMEDIATE`)
	do(t, db, `DELETE FROM records`)
	if rows, _ := read(t, at(path)); len(rows) != 3 {
		t.Errorf("got %d rows beside an open transaction, want the 3 that are committed", len(rows))
	}
	_, err := at(path).Merge(t.Context(), spec(2), sequence(line("d", []float32{1, 2}, "null", "null")), store.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "another process holds its lock") {
		t.Errorf("merge: got %v, want the lock", err)
	}
	do(t, db, `ROLLBACK`)
	merge(t, at(path), spec(2), line("d", []float32{1, 2}, "null", "null"))
}

// What a crashed writer had committed is in the log beside the file, and counts.
func TestReadsLogOfCrashedWriter(t *testing.T) {
	path := filled(t)
	db := raw(t, path)
	do(t, db, `INSERT INTO records (collection, id, embedding) SELECT 1, 'late', embedding FROM records WHERE id = 'a'`)
	crashed := filepath.Join(t.TempDir(), "memory.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		write(t, crashed+suffix, string(content))
	}
	for range 2 {
		if rows, _ := read(t, at(crashed)); len(rows) != 4 {
			t.Errorf("got %d rows, want 4", len(rows))
		}
	}
}

func TestLeavesNoFileBehind(t *testing.T) {
	path := filled(t)
	for name, look := range map[string]func(){
		"Read": func() { read(t, at(path)) },
		"Survey": func() {
			if _, err := at(path).Survey(t.Context(), section); err != nil {
				t.Error(err)
			}
		},
		"Merge": func() { merge(t, at(path), spec(2), line("new", []float32{1, 2}, "null", "null")) },
	} {
		t.Run(name, func(t *testing.T) {
			look()
			if got := state(t, path); strings.Count(got, "\n") != 1 {
				t.Errorf("got files\n%swant only the collections file", got)
			}
		})
	}
}

// A reader that outlives the writer cleans up in its place.
func TestLastReaderCleansUp(t *testing.T) {
	path := filled(t)
	db := raw(t, path)
	do(t, db, `INSERT INTO records (collection, id, embedding) SELECT 1, 'late', embedding FROM records WHERE id = 'a'`)
	session, err := at(path).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeDB(t, db)
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if got := state(t, path); strings.Count(got, "\n") != 1 {
		t.Errorf("got files\n%swant only the collections file", got)
	}
}

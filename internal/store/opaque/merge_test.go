package opaque_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// TestMerge: absent, again, other, and after the agent changed its journal mode.
func TestMerge(t *testing.T) {
	spec, text := newer(t, "new")
	dir := t.TempDir()
	f := files(t, database(filepath.Join(dir, "sub")))
	path := filepath.Join(dir, "sub", "app.db")
	var events []store.Event
	merge := func() store.Result {
		t.Helper()
		events = nil
		r, err := f.Merge(t.Context(), spec, records(text), store.MergeOptions{Report: func(e store.Event) error {
			events = append(events, e)
			return nil
		}})
		if err != nil || !r.Complete() || r.Records != 3 {
			t.Fatalf("got %+v, %v, want three rows, complete", r, err)
		}
		return r
	}
	if r := merge(); r.Added != 3 || r.Same != 3 || !r.Created || r.After != 3 || len(events) != 1 || events[0].Outcome != store.Added {
		t.Errorf("absent: got %+v, %v", r, events)
	}
	if r := merge(); r.Added != 0 || r.Same != 3 || r.Created || r.Before != 3 {
		t.Errorf("twice: got %+v", r)
	}
	closed(t, agent(t, path, "WAL"))
	if r := merge(); r.Same != 3 {
		t.Errorf("in WAL mode: got %+v, want the same", r)
	}
	closed(t, agent(t, path, "WAL", "INSERT INTO m(name) VALUES ('late')"))
	if r := merge(); r.Same != 0 || r.Differs != 3 || r.After != 4 || len(events) != 1 || events[0].Outcome != store.Differs {
		t.Errorf("other: got %+v, %v", r, events)
	}
	if got := rowsOf(t, path); got != "new b c late" {
		t.Errorf("got %q, want the live rows", got)
	}
	if got := storetest.Names(t, filepath.Dir(path)); got != "app.db" {
		t.Errorf("got %s, want the database alone", got)
	}
}

func TestMergeFiles(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "one": "x\x00", "long": strings.Repeat("0123456789", 300_000)} {
		dir := t.TempDir()
		f := files(t, plain(dir))
		rows := int64(min(len(text), 1))
		spec := memory.SectionSpec{Name: memory.Section("notes/a/b/" + name), Kind: memory.Opaque, Rows: rows}
		for _, added := range []int64{rows, 0} {
			r, err := f.Merge(t.Context(), spec, records([]byte(text)), store.MergeOptions{})
			if err != nil || r.Added != added || r.Same != rows || !r.Complete() {
				t.Errorf("%s: got %+v, %v, want %d added", name, r, err, added)
			}
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a", "b", name)); err != nil || string(got) != text {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
}

// TestMergeBesideALog: the log of a database that is gone would be played into
// the new one. That it would is shown by putting the file there by hand.
func TestMergeBesideALog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	live := filepath.Join(t.TempDir(), "app.db")
	make3(t, live, "WAL", "old") // all of it is in the log
	log, err := os.ReadFile(live + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	spec, text := newer(t, "new")
	f := files(t, database(dir))
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		write(t, path+suffix, string(log))
		_, err := f.Merge(t.Context(), spec, records(text), store.MergeOptions{})
		if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), path+suffix) {
			t.Errorf("got %v, want %s named", err, suffix)
		}
		if got := storetest.Names(t, dir); got != "app.db"+suffix {
			t.Errorf("got %s, want the log alone", got)
		}
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path+"-wal", string(log))
	// A database that was in WAL mode when it was copied by hand, as cp does.
	closed(t, agent(t, filepath.Join(dir, "w.db"), "WAL", "CREATE TABLE m(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO m(name) VALUES ('new'),('b')"))
	if err := os.Rename(filepath.Join(dir, "w.db"), path); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, path); got == "new b" {
		t.Error("the log was not played into the database: the refusal would be needless")
	}
}

// TestNames: a section must not lead out of its base.
func TestNames(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if err := os.Symlink(out, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	f := files(t, plain(dir), database(dir))
	for name, want := range map[string]error{
		"notes/../x": store.ErrUnreachable, "notes//etc/x": store.ErrUnreachable, "notes/a/../../x": store.ErrUnreachable,
		`notes/a\x`: store.ErrUnreachable, "notes/C:x": store.ErrUnreachable, "notes/.x": store.ErrAbsent,
		"notes/a/.git/x": store.ErrAbsent, "notes/a\nb": store.ErrUnreachable, "notes/a.": store.ErrUnreachable,
		"notes/": store.ErrUnreachable, "notes/link/x": store.ErrUnreachable, "notes/./x": store.ErrUnreachable,
		"other/x": store.ErrAbsent, "state/sub/app.db": store.ErrAbsent, "notes/app.db": store.ErrAbsent,
		"notes/app.db-wal": store.ErrAbsent, "notes/x.aside-p": store.ErrAbsent,
	} {
		r, err := f.Merge(t.Context(), memory.SectionSpec{Name: memory.Section(name), Rows: 1}, records([]byte("x")), store.MergeOptions{})
		if !errors.Is(err, want) || r.Added != 0 {
			t.Errorf("%q: got %+v, %v, want %v", name, r, err, want)
		}
	}
	if got := storetest.Names(t, out) + storetest.Names(t, dir); got != "link" {
		t.Errorf("got files %s, want none", got)
	}
}

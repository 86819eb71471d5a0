package opaque_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// TestReplaceDatabase: the old one is kept aside, openable, with its log.
func TestReplaceDatabase(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "app.db")
			old := make3(t, path, journal, "old") // the agent stays
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			f := files(t, database(dir))
			_, safety := bundled(t, f, appDB)
			spec, text := newer(t, "new")
			diff, err := f.Compare(t.Context(), spec, records(text), store.CompareOptions{})
			if err != nil || diff.Live != 3 || diff.Changed != 3 || diff.Lost != 0 || diff.New != 0 || diff.Bytes == 0 {
				t.Errorf("got %+v, %v, want three rows changed", diff, err)
			}
			done, err := replace(t, f, spec, text, records(safety))
			if err != nil || done.Rows != 3 || codes(done.Findings) != "kept-aside" {
				t.Fatalf("got %+v, %v", done, err)
			}
			if exists := strings.Contains(storetest.Names(t, dir), "app.db.aside-plan-1-wal"); exists != (journal == "WAL") || strings.Contains(storetest.Names(t, dir), "tmp") {
				t.Errorf("got files %s, want the log aside too", storetest.Names(t, dir))
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("got %v, %v, want the mode kept", info.Mode(), err)
			}
			if got, old := rowsOf(t, path), rowsOf(t, path+".aside-plan-1"); got != "new b c" || old != "old b c" {
				t.Errorf("got %q and aside %q", got, old)
			}
			if _, err := replace(t, f, spec, text, nil); err != nil {
				t.Errorf("again: %v", err)
			}
			agent(t, path, "WAL", "INSERT INTO m(name) VALUES ('late')")
			closed(t, old) // must take no file of the new one away
			if got := rowsOf(t, path); got != "new b c late" {
				t.Errorf("got %q after the old agent went", got)
			}
		})
	}
}

// TestReplaceRefuses: the live file stays as it is, and nothing is left.
func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db := make3(t, path, "DELETE", "old")
	f := files(t, database(dir))
	_, safety := bundled(t, f, appDB)
	spec, text := newer(t, "new")
	permit := leave(t, f, appDB)
	staged, err := stage(t, f, spec, text)
	if err != nil {
		t.Fatal(err)
	}
	survey, _ := f.Survey(t.Context(), appDB)
	other := storetestPermit(t, guard.Undo, survey)
	for name, p := range map[string]guard.Permit{"Zero": {}, "Other": other} {
		if _, err := staged.Commit(t.Context(), p, records(safety)); !errors.Is(err, guard.ErrNotPermitted) {
			t.Errorf("%s: got %v, want ErrNotPermitted", name, err)
		}
	}
	if _, err := db.Exec("INSERT INTO m(name) VALUES ('late')"); err != nil {
		t.Fatal(err)
	}
	if _, err := staged.Commit(t.Context(), permit, records(safety)); !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	if _, err := f.Remove(t.Context(), spec, records(text), guard.Permit{}, store.RemoveOptions{Operation: guard.Undo}); !errors.Is(err, guard.ErrNotPermitted) {
		t.Errorf("got %v, want ErrNotPermitted", err)
	}
	if err := staged.Close(); err != nil {
		t.Error(err)
	}
	if got := rowsOf(t, path); got != "old b c late" || storetest.Names(t, dir) != "app.db" {
		t.Errorf("got %q among %s", got, storetest.Names(t, dir))
	}
}

// TestStageRefuses: what is not the database that it was said to be.
func TestStageRefuses(t *testing.T) {
	f := files(t, database(t.TempDir()))
	spec, text := newer(t, "new")
	spec.Rows++
	if _, err := stage(t, f, spec, text); !errors.Is(err, store.ErrStaged) {
		t.Errorf("got %v, want ErrStaged for other rows", err)
	}
	spec.Rows--
	if _, err := stage(t, f, spec, text[:len(text)/2]); !errors.Is(err, store.ErrStaged) {
		t.Errorf("got %v, want ErrStaged for half a database", err)
	}
}

// TestReplaceIntruder: a database that is made in the window is parked with its log.
func TestReplaceIntruder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	make3(t, path, "WAL", "old")
	came := false
	f := filesOn(t, faulty.New(func(s faulty.Step) faulty.Fault {
		if s.Op == faulty.RenameNoReplace && s.Path == path && !came {
			came = true
			make3(t, path, "WAL", "intruder")
		}
		return faulty.Fault{}
	}), database(dir))
	spec, text := newer(t, "new")
	done, err := replace(t, f, spec, text, nil)
	if err != nil || codes(done.Findings) != "kept-aside parked" {
		t.Fatalf("got %+v, %v", done, err)
	}
	for file, want := range map[string]string{path: "new b c", path + ".parking-plan-1": "intruder b c", path + ".aside-plan-1": "old b c"} {
		if got := rowsOf(t, file); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

// TestReplaceKilled kills a replace before each of its steps. What was or what is
// to be is there, or a window that is told; the same plan ends it.
func TestReplaceKilled(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE", "Absent"} {
		t.Run(journal, func(t *testing.T) {
			spec, text := newer(t, "new")
			windows, k := 0, 1
			for finished := false; !finished; k++ {
				dir := t.TempDir()
				path := filepath.Join(dir, "app.db")
				if journal != "Absent" {
					make3(t, path, journal, "old")
				}
				killed := filesOn(t, faulty.New(faulty.KillAt(k)), database(dir))
				_, err := replace(t, killed, spec, text, nil)
				finished = err == nil
				windows += wantOldOrNew(t, k, path, journal == "Absent")
				f := files(t, database(dir))
				if _, err := replace(t, f, spec, text, nil); err != nil {
					t.Fatalf("killed before step %d, then: %v", k, err)
				}
				if got := rowsOf(t, path); got != "new b c" {
					t.Errorf("killed before step %d: got %q in the end", k, got)
				}
				if got := rowsOf(t, path+".aside-plan-1"); journal != "Absent" && got != "old b c" {
					t.Errorf("killed before step %d: got %q aside", k, got)
				}
				if survey, err := f.Survey(t.Context(), appDB); err != nil || survey.Unfinished != "" || strings.Contains(storetest.Names(t, dir), "tmp") {
					t.Errorf("killed before step %d: got %+v, %v among %s", k, survey, err, storetest.Names(t, dir))
				}
			}
			if (windows == 0) != (journal == "Absent") {
				t.Errorf("got %d windows in %d steps", windows, k)
			}
		})
	}
}

// wantOldOrNew returns 1 for a window.
func wantOldOrNew(t *testing.T, k int, path string, absent bool) int {
	t.Helper()
	f := files(t, database(filepath.Dir(path)))
	survey, err := f.Survey(t.Context(), appDB)
	if err != nil {
		t.Fatalf("killed before step %d: survey: %v", k, err)
	}
	if survey.Unfinished != "" {
		if survey.Unfinished != plan || survey.Exists {
			t.Errorf("killed before step %d: got %+v", k, survey)
		}
		spec, text := memory.SectionSpec{Name: appDB}, []byte(nil)
		_, err := f.Merge(t.Context(), spec, records(text), store.MergeOptions{})
		if !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("killed before step %d: merge: got %v, want ErrUnfinished", k, err)
		}
		return 1
	}
	if !survey.Exists && absent {
		return 0
	}
	text, c, err := read(t, f, appDB)
	if err != nil || c.Held != 3 || !strings.Contains(string(text), "old") && !strings.Contains(string(text), "new") {
		t.Errorf("killed before step %d: got %d rows, %v, want the old or the new", k, c.Held, err)
	}
	return 0
}

// TestReplaceFiles: a file that is no database is renamed over, killed before
// each step.
func TestReplaceFiles(t *testing.T) {
	spec := memory.SectionSpec{Name: "notes/a", Kind: memory.Opaque, Rows: 1}
	for k, finished := 1, false; !finished; k++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		write(t, path, "old")
		_, err := replace(t, filesOn(t, faulty.New(faulty.KillAt(k)), plain(dir)), spec, []byte("new"), records([]byte("old")))
		finished = err == nil
		if got, err := os.ReadFile(path); string(got) != "old" && string(got) != "new" || err != nil {
			t.Fatalf("killed before step %d: got %q, %v", k, got, err)
		}
		if done, err := replace(t, files(t, plain(dir)), spec, []byte("new"), nil); err != nil || done.Rows != 1 {
			t.Fatalf("after step %d: got %+v, %v", k, done, err)
		}
		info, err := os.Stat(path)
		if got, _ := os.ReadFile(path); string(got) != "new" || err != nil || info.Mode() != 0o640 || storetest.Names(t, dir) != "a" {
			t.Errorf("after step %d: got %q, %v among %s", k, got, err, storetest.Names(t, dir))
		}
		if _, err := replace(t, files(t, plain(dir)), spec, []byte("newer"), records([]byte("old"))); !errors.Is(err, store.ErrMoved) {
			t.Errorf("got %v, want ErrMoved", err)
		}
	}
}

// TestRemove: a merge is taken back where the file is still what was put in.
func TestRemove(t *testing.T) {
	spec, text := newer(t, "new")
	for name, change := range map[string]string{"Same": "", "Changed": "INSERT INTO m(name) VALUES ('late')"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := files(t, database(dir))
			if _, err := f.Merge(t.Context(), spec, records(text), store.MergeOptions{}); err != nil {
				t.Fatal(err)
			}
			if change != "" {
				closed(t, agent(t, filepath.Join(dir, "app.db"), "WAL", change))
			}
			var got []string
			for range 2 {
				survey, err := f.Survey(t.Context(), appDB)
				if err != nil {
					t.Fatal(err)
				}
				r, err := f.Remove(t.Context(), spec, records(text), storetestPermit(t, guard.Undo, survey), store.RemoveOptions{Operation: guard.Undo})
				got = append(got, fmt.Sprint(r.Removed, r.Kept, r.Gone, r.Rows, err))
			}
			want := "3 0 0 0 <nil>|0 0 3 0 <nil>|"
			if change != "" {
				want = "0 3 0 4 <nil>|0 3 0 4 <nil>|app.db"
			}
			if s := strings.Join(got, "|") + "|" + storetest.Names(t, dir); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		})
	}
}

package catalog_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
)

const (
	day1Name  = bundle.Prefix + day1
	day1Notes = ".notes-" + day1 + ".json"
)

// update changes the notes of the bundle of day 1.
func update(t *testing.T, root string, change func(*catalog.Notes)) {
	t.Helper()
	if err := catalog.UpdateNotes(root, day1Name, change); err != nil {
		t.Fatal(err)
	}
}

func TestNotes(t *testing.T) {
	s := &shelf{t, t.TempDir()}
	published := s.put(day1, 1, nil)
	sealed := bundletest.State(t, published.Path)
	if got, err := catalog.LoadNotes(s.root, day1Name); err != nil || got.Pinned != nil || got.Last() != nil {
		t.Errorf("without notes: got %+v, %v", got, err)
	}
	recall := 0.99
	update(t, s.root, func(n *catalog.Notes) { n.Pinned = &catalog.Pin{At: at(t, day2), Why: "before the migration"} })
	update(t, s.root, func(n *catalog.Notes) {
		n.Add(catalog.Verification{At: at(t, day3), Level: catalog.Drill, Tool: "keepsake test", Seconds: 1.5, Refusals: 2, Recall: &recall})
	})
	text := string(published.Read("../" + day1Notes))
	for _, want := range []string{
		`"pinned": {`, `"why": "before the migration"`, `"at": "2026-11-03T00:00:00Z"`, `"level": "restore"`, `"ok": false`,
		`"tool": "keepsake test"`, `"seconds": 1.5`, `"refusals": 2`, `"recall": 0.99`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the notes are %s, want %s", text, want)
		}
	}
	e := s.list().Bundles[0]
	if e.Notes.Pinned == nil || e.Notes.Pinned.Why != "before the migration" || e.Notes.Last() == nil || *e.Notes.Last().Recall != recall {
		t.Errorf("the catalog has %+v", e.Notes)
	}
	update(t, s.root, func(n *catalog.Notes) { n.Pinned = nil })
	if got, err := catalog.LoadNotes(s.root, day1Name); err != nil || got.Pinned != nil || len(got.Verifications) != 1 {
		t.Errorf("unpinned: got %+v, %v", got, err)
	}
	if got := bundletest.State(t, published.Path); got != sealed {
		t.Error("the bundle itself has changed")
	}
}

func TestNotesKeepTheLast(t *testing.T) {
	var n catalog.Notes
	for i := range 25 {
		n.Add(catalog.Verification{Refusals: i})
	}
	if len(n.Verifications) != 20 || n.Verifications[0].Refusals != 5 || n.Last().Refusals != 24 {
		t.Errorf("got %d, from %+v to %+v, want the last 20", len(n.Verifications), n.Verifications[0], n.Last())
	}
}

// What a failed verification found stands until one that looks as closely finds
// it gone.
func TestFailed(t *testing.T) {
	for _, c := range []struct {
		name, history string // oldest first; a capital is a failure
		want          int    // which one stands, -1 for none
	}{
		{"Never", "", -1},
		{"Passed", "q", -1},
		{"Failed", "Q", 0},
		{"PassedSince", "Qq", -1},
		{"PassedMoreCloselySince", "Qf", -1},
		{"PassedLessCloselySince", "Fq", 0},
		{"FailedSince", "fQ", 1},
		{"TheNewest", "FQ", 1},
		{"BehindOneThatPassed", "FQq", 0},
		{"DrillOutdoesAll", "QFRr", -1},
		{"DrillStands", "Rfq", 0},
		{"UnknownStands", "Xrfq", 0},
		{"UnknownOutdoesNothing", "Qx", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			levels := map[string]bundle.Level{"q": bundle.Quick, "f": bundle.Full, "r": catalog.Drill, "x": "deeper"}
			var n catalog.Notes
			for i, letter := range strings.Split(c.history, "") {
				lower := strings.ToLower(letter)
				n.Add(catalog.Verification{Level: levels[lower], OK: letter == lower, Refusals: i})
			}
			got := -1
			if v := n.Failed(); v != nil {
				got = v.Refusals
			}
			if got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// Notes that can't be read are unknown: never "not pinned", never "verified", and
// never written over.
func TestNotesUnreadable(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(path string) error
	}{
		{"Torn", func(path string) error { return os.WriteFile(path, []byte(`{"pinned":{"at"`), 0o600) }},
		{"Empty", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"Null", func(path string) error { return os.WriteFile(path, []byte("null"), 0o600) }},
		{"OtherShape", func(path string) error { return os.WriteFile(path, []byte(`{"verifications":{}}`), 0o600) }},
		{"TooLarge", func(path string) error { return os.WriteFile(path, []byte("{"+strings.Repeat(" ", 1<<20)+"}"), 0o600) }},
		{"Folder", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"Link", func(path string) error { return os.Symlink("elsewhere", path) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{t, t.TempDir()}
			s.put(day1, 1, nil)
			if err := c.do(filepath.Join(s.root, day1Notes)); err != nil {
				t.Skip(err)
			}
			before := bundletest.State(t, s.root)
			if _, err := catalog.LoadNotes(s.root, day1Name); !errors.Is(err, catalog.ErrNotes) {
				t.Errorf("load: got %v, want ErrNotes", err)
			}
			err := catalog.UpdateNotes(s.root, day1Name, func(*catalog.Notes) { t.Error("update: changed what it could not read") })
			if !errors.Is(err, catalog.ErrNotes) {
				t.Errorf("update: got %v, want ErrNotes", err)
			}
			if err := os.Remove(filepath.Join(s.root, ".notes.lock")); err != nil {
				t.Error(err)
			}
			if got := bundletest.State(t, s.root); got != before {
				t.Error("the backup root has changed")
			}
			e := s.list().Bundles[0]
			if !errors.Is(e.NotesErr, catalog.ErrNotes) || e.Unreadable() == "" || e.Fault() != e.Unreadable() {
				t.Errorf("the catalog has %v, fault %q", e.NotesErr, e.Fault())
			}
		})
	}
}

func TestNotesOfNoBundle(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"", "backup-1", "backup-2019", "../" + day1Name, bundle.TrashPrefix + day1 + "-ABCDEFGH"} {
		if _, err := catalog.LoadNotes(root, name); !errors.Is(err, catalog.ErrNotes) {
			t.Errorf("load %q: got %v, want ErrNotes", name, err)
		}
		if err := catalog.UpdateNotes(root, name, func(*catalog.Notes) {}); err == nil {
			t.Errorf("update %q: got no error", name)
		}
	}
	if got := bundletest.Names(t, root); len(got) != 0 {
		t.Errorf("root holds %v", got)
	}
}

// A bundle that was removed meanwhile is not pinned: that it was would be believed.
func TestNotesOfABundleThatIsGone(t *testing.T) {
	root := t.TempDir()
	err := catalog.UpdateNotes(root, day1Name, func(*catalog.Notes) { t.Error("changed the notes of nothing") })
	if !errors.Is(err, bundle.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if got := bundletest.Names(t, root); len(got) != 1 {
		t.Errorf("root holds %v, want the lock alone", got)
	}
}

// Two that note something at once lose nothing of one another.
func TestNotesAtOnce(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, day1Name), 0o700); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	const writers = 8
	for i := range writers {
		all.Go(func() {
			err := catalog.UpdateNotes(root, day1Name, func(n *catalog.Notes) { n.Add(catalog.Verification{Refusals: i}) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n, err := catalog.LoadNotes(root, day1Name)
	if err != nil || len(n.Verifications) != writers {
		t.Errorf("got %d notes, %v, want %d", len(n.Verifications), err, writers)
	}
	if got := bundletest.Names(t, root); len(got) != 3 {
		t.Errorf("root holds %v, want the bundle, the notes and their lock", got)
	}
}

// What a later version notes beside it is no reason not to read the rest.
func TestNotesOfLater(t *testing.T) {
	root := t.TempDir()
	later, err := json.Marshal(map[string]any{"pinned": map[string]any{"at": time.Unix(0, 0), "until": "noon"}, "color": "blue"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, day1Notes), later, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := catalog.LoadNotes(root, day1Name); err != nil || n.Pinned == nil {
		t.Errorf("got %+v, %v, want a pin", n, err)
	}
}

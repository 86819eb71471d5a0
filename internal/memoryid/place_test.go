package memoryid_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
)

const (
	other = "1f8fad5b-d9cb-469f-a165-70867728950e"
	third = "2f8fad5b-d9cb-469f-a165-70867728950e"
)

// here is the place of a folder on the machine m.
func here(t *testing.T, dataDir, machine string) memoryid.Place {
	t.Helper()
	p, err := memoryid.Here(dataDir, machine)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t *testing.T, dataDir string) memoryid.Identity {
	t.Helper()
	i, err := memoryid.Load(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// copied copies what says whose memory a folder holds.
func copied(t *testing.T, from string) (to string) {
	t.Helper()
	return keep(t, read(t, from))
}

// TestTrue_16_Here: links are resolved, also of a folder that isn't there; and a
// machine is never written down by its id.
func TestTrue_16_Here(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if got, want := here(t, link, "m"), here(t, dir, "m"); got != want || got.Inode == 0 || got.DataDir != dir {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := here(t, filepath.Join(link, "gone", "data"), ""), filepath.Join(dir, "gone", "data"); got.DataDir != want || got.Inode != 0 {
		t.Errorf("got %+v, want %s", got, want)
	}
	const id = "3d1219c7c4c5404aaa1f6d2a48adfda4"
	hash := memoryid.MachineOf(id + "\n")
	if len(hash) != 32 || strings.Contains(hash, id[:8]) || hash != memoryid.MachineOf(strings.ToUpper(id)) || hash == memoryid.MachineOf(id[1:]+"0") {
		t.Errorf("got machine %q", hash)
	}
	if hash != "35c327028ad96b05908a788c0ba41409" || memoryid.MachineOf(" \n") != "" {
		t.Errorf("got %q, want what every version makes of it, and nothing of nothing", hash)
	}
}

// TestTrue_16_Settle: what a backup makes of the identity that it finds.
func TestTrue_16_Settle(t *testing.T) {
	settle := func(t *testing.T, dataDir, machine string, lived ...string) memoryid.Settled {
		t.Helper()
		at := here(t, dataDir, machine)
		would, err := memoryid.Look(dataDir, at, lived, now)
		if err != nil {
			t.Fatal(err)
		}
		s, err := memoryid.Settle(t.Context(), dataDir, at, lived, now)
		if err != nil {
			t.Fatal(err)
		}
		if would.Made != s.Made || would.Took != s.Took || would.Joined != s.Joined || would.Elsewhere() != s.Elsewhere() || !s.Made && would.Maybe() != s.Maybe() {
			t.Errorf("a look says %+v, and it was %+v", would, s)
		}
		return s
	}
	t.Run("OlderThanPlaces", func(t *testing.T) {
		dir := keep(t, `{"memoryId":"`+known+`","createdAt":"2026-11-22T22:41:33Z","lastSequence":3}`)
		if s := settle(t, dir, "m"); !s.Took || s.Made || s.Maybe() != "" || s.MemoryID != known {
			t.Errorf("got %+v, want it to take this place", s)
		}
		if s := settle(t, dir, "m"); s.Took || len(s.Places) != 1 || s.LastSequence != 3 {
			t.Errorf("got %+v the second time", s)
		}
	})
	t.Run("Lost", func(t *testing.T) {
		dir := t.TempDir()
		first := settle(t, dir, "m", known, other)
		if first.Maybe() != known || first.MemoryID == known || len(first.MaybeSameAs) != 2 {
			t.Errorf("got %+v, want a new id that may be another", first)
		}
		if again := settle(t, dir, "m"); again.Maybe() != known || again.MemoryID != first.MemoryID {
			t.Errorf("got %+v, want the doubt to stay", again)
		}
	})
	t.Run("Copied", func(t *testing.T) {
		dir := t.TempDir()
		first := settle(t, dir, "m")
		second := copied(t, dir)
		if s := settle(t, second, "m"); !s.Elsewhere() || s.Maybe() != first.MemoryID || len(s.Places) != 1 {
			t.Errorf("got %+v, want it elsewhere", s)
		}
		if s := settle(t, dir, "other"); !s.Elsewhere() {
			t.Errorf("got %+v on another machine, want it elsewhere", s)
		}
		if s := settle(t, dir, ""); s.Elsewhere() || len(s.Places) != 1 {
			t.Errorf("got %+v without a machine, want the folder to do", s)
		}
	})
	t.Run("Renamed", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		settle(t, dir, "m")
		if err := os.Rename(dir, dir+"b"); err != nil {
			t.Fatal(err)
		}
		if s := settle(t, dir+"b", "m"); !s.Joined || s.Maybe() != "" || len(s.Places) != 2 {
			t.Errorf("got %+v, want the same folder", s)
		}
		if s := settle(t, dir+"b", "m"); s.Joined {
			t.Errorf("got %+v the second time", s)
		}
	})
	t.Run("MachineLearnt", func(t *testing.T) {
		dir := t.TempDir()
		settle(t, dir, "")
		if s := settle(t, dir, "m"); s.Maybe() != "" || len(s.Places) != 2 || s.Places[1].Machine != "m" {
			t.Errorf("got %+v, want the machine noted", s)
		}
	})
}

// TestTrue_16_Answers: each answer changes what it should, the second time nothing.
func TestTrue_16_Answers(t *testing.T) {
	lost := func(t *testing.T) (dir string, meanwhile string) {
		t.Helper()
		dir = t.TempDir()
		s, err := memoryid.Settle(t.Context(), dir, here(t, dir, "m"), []string{known, other}, now)
		if err != nil {
			t.Fatal(err)
		}
		return dir, s.MemoryID
	}
	duplicate := func(t *testing.T) (dir string, was memoryid.Identity) {
		t.Helper()
		original := t.TempDir()
		was, err := create(original, now)
		if err != nil {
			t.Fatal(err)
		}
		return copied(t, original), was
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T) (dir string, answer func() (memoryid.Identity, error), want func(memoryid.Identity) bool)
	}{
		{"Is", func(t *testing.T) (string, func() (memoryid.Identity, error), func(memoryid.Identity) bool) {
			dir, meanwhile := lost(t)
			old := memory.Past{Place: memory.Place{DataDir: "/old", Machine: "x"}, Until: 17}
			return dir, func() (memoryid.Identity, error) {
					return memoryid.Is(t.Context(), dir, here(t, dir, "m"), known, []memory.Past{old, {Place: here(t, dir, "m").Place, Until: 18}}, []string{known, other}, now)
				}, func(i memoryid.Identity) bool {
					return i.MemoryID == known && slices.Equal(i.Also, []string{meanwhile}) && len(i.MaybeSameAs) == 0 && i.LastSequence == 18 &&
						slices.Equal(i.Before, []memory.Past{old}) && slices.Equal(i.NotSameAs, []string{other})
				}
		}},
		{"NewThoughLost", func(t *testing.T) (string, func() (memoryid.Identity, error), func(memoryid.Identity) bool) {
			dir, meanwhile := lost(t)
			return dir, func() (memoryid.Identity, error) { return memoryid.Anew(t.Context(), dir, here(t, dir, "m"), nil, now) },
				func(i memoryid.Identity) bool {
					return i.MemoryID == meanwhile && len(i.MaybeSameAs) == 0 && i.ClonedFrom == "" && slices.Equal(i.NotSameAs, []string{known, other})
				}
		}},
		{"NewThoughCopied", func(t *testing.T) (string, func() (memoryid.Identity, error), func(memoryid.Identity) bool) {
			dir, was := duplicate(t)
			return dir, nil, func(i memoryid.Identity) bool {
				return i.MemoryID != was.MemoryID && i.ClonedFrom == was.MemoryID && slices.Equal(i.Also, []string{was.MemoryID}) && i.At(here(t, dir, "m"))
			}
		}},
		{"Moved", func(t *testing.T) (string, func() (memoryid.Identity, error), func(memoryid.Identity) bool) {
			dir, was := duplicate(t)
			return dir, func() (memoryid.Identity, error) { return memoryid.Moved(t.Context(), dir, here(t, dir, "m"), 9) },
				func(i memoryid.Identity) bool {
					return i.MemoryID == was.MemoryID && i.LastSequence == 9 && len(i.Places) == 1 && i.At(here(t, dir, "m")) &&
						slices.Equal(i.Before, []memory.Past{{Place: was.Places[0].Place, Until: 9}})
				}
		}},
		{"Here", func(t *testing.T) (string, func() (memoryid.Identity, error), func(memoryid.Identity) bool) {
			dir, was := duplicate(t)
			return dir, func() (memoryid.Identity, error) { return memoryid.Too(t.Context(), dir, here(t, dir, "m")) },
				func(i memoryid.Identity) bool {
					return i.MemoryID == was.MemoryID && len(i.Places) == 2 && i.At(here(t, dir, "m"))
				}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, answer, want := c.do(t)
			if answer == nil {
				answer = func() (memoryid.Identity, error) { return memoryid.Anew(t.Context(), dir, here(t, dir, "m"), nil, now) }
			}
			got, err := answer()
			if err != nil || !want(got) || !reflect.DeepEqual(got, load(t, dir)) {
				t.Errorf("got %+v, %v", got, err)
			}
			if c.name == "NewThoughLost" || c.name == "NewThoughCopied" { // a second time is another new one
				return
			}
			if again, err := answer(); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("got %+v, %v the second time, want %+v", again, err, got)
			}
		})
	}
	t.Run("IsOfACopy", func(t *testing.T) {
		dir, was := duplicate(t)
		if _, err := memoryid.Is(t.Context(), dir, here(t, dir, "m"), was.MemoryID, nil, nil, now); !errors.Is(err, memoryid.ErrElsewhere) {
			t.Errorf("got %v, want %v", err, memoryid.ErrElsewhere)
		}
	})
	t.Run("NothingThere", func(t *testing.T) {
		dir := t.TempDir()
		_, moved := memoryid.Moved(t.Context(), dir, here(t, dir, "m"), 1)
		_, too := memoryid.Too(t.Context(), dir, here(t, dir, "m"))
		if !errors.Is(moved, memoryid.ErrNone) || !errors.Is(too, memoryid.ErrNone) || read(t, dir) != "" {
			t.Errorf("got %v, %v, want %v", moved, too, memoryid.ErrNone)
		}
		i, err := memoryid.Is(t.Context(), dir, here(t, dir, "m"), third, nil, nil, now)
		if err != nil || i.MemoryID != third || len(i.Also) != 0 || !i.At(here(t, dir, "m")) {
			t.Errorf("got %+v, %v", i, err)
		}
	})
}

// TestTrue_16_Adopt: a bundle gives its id only to the place that it names, on a
// machine that is known; else what is restored is a memory of its own.
func TestTrue_16_Adopt(t *testing.T) {
	for _, c := range []struct {
		name, machine string
		place         func(memory.Place) *memory.Place
		cloned        bool
	}{
		{"ThisPlace", "m", func(p memory.Place) *memory.Place { return &p }, false},
		{"AnotherFolder", "m", func(p memory.Place) *memory.Place { p.DataDir += "x"; return &p }, true},
		{"AnotherMachine", "m", func(p memory.Place) *memory.Place { p.Machine = "n"; return &p }, true},
		{"NoPlace", "m", func(memory.Place) *memory.Place { return nil }, true},
		{"AContainer", "", func(p memory.Place) *memory.Place { return &p }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			at := here(t, dir, c.machine)
			s, err := memoryid.Adopt(t.Context(), dir, at, memoryid.From{ID: known, Place: c.place(at.Place), Sequence: 17}, now)
			if err != nil || s.Maybe() != "" || s.LastSequence != 17 || !s.Made {
				t.Fatalf("got %+v, %v", s, err)
			}
			if got := s.MemoryID != known; got != c.cloned || (s.ClonedFrom == known) != c.cloned {
				t.Errorf("got %+v, want a clone: %t", s, c.cloned)
			}
			again, err := memoryid.Adopt(t.Context(), dir, at, memoryid.From{ID: known, Place: c.place(at.Place), Sequence: 17}, now)
			if c.cloned != errors.Is(err, memoryid.ErrOther) || load(t, dir).MemoryID != s.MemoryID {
				t.Errorf("got %+v, %v the second time", again, err)
			}
		})
	}
}

package catalog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// putOf publishes a bundle of a graph and of files.
func (s *shelf) putOf(ts string, sequence int64, files []memory.Section, adapt func(*bundle.Keepsake)) *bundletest.Broken {
	s.t.Helper()
	opts := options(s.t, s.root)
	opts.Now = at(s.t, ts)
	path, err := write(opts, files, func(m *bundle.Meta) {
		m.Keepsake.Sequence, m.Keepsake.Only = sequence, []string{}
		if adapt != nil {
			adapt(m.Keepsake)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return &bundletest.Broken{T: s.t, Path: path}
}

// told is a whole memory in a line: what comes from where, what is gone, what is lost.
func told(w catalog.Whole) string {
	var all []string
	for _, p := range w.Parts {
		for _, u := range p.Units {
			all = append(all, fmt.Sprintf("%s:%d", u.Unit, p.Entry.Meta.Keepsake.Sequence))
		}
	}
	for _, g := range w.Gone {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("gone %s:%d %d", g.Unit, g.Entry.Meta.Keepsake.Sequence, len(g.Files)), " 0"))
	}
	for _, l := range w.Lost {
		all = append(all, fmt.Sprintf("lost %s:%d", l.Unit, l.Entry.Meta.Keepsake.Sequence))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestTrue_14_EachUnitFromTheNewestGoodBundle(t *testing.T) {
	notes := []memory.Section{"notes/a.md", "notes/b.md"}
	covers := func(subs ...memory.Subsystem) func(*bundle.Keepsake) {
		return func(k *bundle.Keepsake) { k.Covers = subs }
	}
	of := func(only ...string) func(*bundle.Keepsake) { return func(k *bundle.Keepsake) { k.Only = only } }
	suspect := func(name memory.Section) func(*bundle.Keepsake) {
		return func(k *bundle.Keepsake) { k.Status, k.Section(name).Lineage.Suspect = bundle.Degraded, true }
	}
	for name, c := range map[string]struct {
		make func(*shelf)
		want string
	}{
		"OneBundle": {func(s *shelf) { s.putOf(day1, 1, notes, nil) }, "graph/graph:1, notes:1"},
		"APartLater": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, nil, of("graph"))
		}, "graph/graph:2, notes:1"},
		"SuspectLater": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, notes, suspect("notes/b.md"))
		}, "graph/graph:2, notes:1"},
		"SuspectAlways": {func(s *shelf) { s.putOf(day1, 1, notes, suspect("notes/b.md")) }, "graph/graph:1, lost notes:1"},
		"SourceIsOutOfTheConfiguration": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, nil, nil)
		}, "gone notes:1, graph/graph:2"},
		"SourceIsSeenEmpty": {func(s *shelf) {
			s.putOf(day1, 1, notes, covers("notes"))
			s.putOf(day2, 2, nil, func(k *bundle.Keepsake) { k.Covers, k.Only = []memory.Subsystem{"notes"}, []string{"notes", "graph"} })
		}, "gone notes:1, graph/graph:2"},
		"AFileIsGone": {func(s *shelf) {
			s.putOf(day1, 1, append(notes, "notes/c.md"), covers("notes"))
			s.putOf(day2, 2, notes, covers("notes"))
			s.putOf(day3, 3, notes[:1], covers("notes"))
		}, "gone notes:1 1, gone notes:2 1, graph/graph:3, notes:3"},
		"Ended": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, nil, func(k *bundle.Keepsake) { k.Ended = []memory.Unit{"notes"} })
		}, "graph/graph:2"},
		"AFileIsDamaged": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, notes, nil).Write("notes/a.md", nil)
		}, "graph/graph:2, notes:1"},
		"OlderBundlesSayNothing": {func(s *shelf) {
			s.putOf(day1, 1, notes, nil)
			s.putOf(day2, 2, nil, func(k *bundle.Keepsake) { k.Only = nil })
		}, "graph/graph:2, notes:1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{t, t.TempDir()}
			c.make(s)
			w, err := s.list().Whole(catalog.Wanted{Memory: memoryID})
			if got := told(w); err != nil || got != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
	t.Run("NamedThoughItIsGone", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.putOf(day1, 1, notes, nil)
		s.putOf(day2, 2, nil, nil)
		is := func(name memory.Section) bool { return name == "notes/b.md" }
		w, err := s.list().Whole(catalog.Wanted{Memory: memoryID, Selected: is, Named: is})
		if got := told(w); err != nil || got != "notes:1" {
			t.Errorf("got %s, %v", got, err)
		}
	})
	t.Run("UnreadableBetween", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.putOf(day1, 1, notes, nil)
		s.putOf(day2, 2, notes, nil).Replace(bundle.MetaFile, `"sequence": 2`, `"sequence": 3`)
		s.putOf(day3, 3, nil, of("graph"))
		c := s.list()
		w, err := c.Whole(catalog.Wanted{Memory: memoryID})
		if got := told(w); !errors.Is(err, catalog.ErrUnreadable) || got != "graph/graph:3, notes:1" {
			t.Errorf("got %s, %v, want ErrUnreadable", got, err)
		}
		if _, err := c.Whole(catalog.Wanted{Memory: memoryID, SkipUnreadable: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("LatestIsOfAllOfIt", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.putOf(day1, 1, notes, nil)
		s.putOf(day2, 2, nil, of("graph"))
		e, passed, err := s.list().Latest(catalog.Wanted{Memory: memoryID})
		if err != nil || e.Name != bundle.Prefix+day1 || len(passed) != 1 || passed[0].Why != "is of a part of the memory" {
			t.Errorf("got %s, %v, %v", e.Name, passed, err)
		}
	})
}

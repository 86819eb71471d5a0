package catalog_test

import (
	"slices"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// TestTrue_16_OwnBundles: latest, lineage and what there was go by a memory's own
// bundles: those of its id that a copy of its folder made aren't, and those of
// another id are that were made before it was settled whose they are.
func TestTrue_16_OwnBundles(t *testing.T) {
	here, copied := memory.Place{DataDir: "/a", Machine: "m"}, memory.Place{DataDir: "/copy", Machine: "m"}
	s := &shelf{t: t, root: t.TempDir()}
	s.put(day1, 1, nil) // older than places are
	s.put(day2, 2, func(k *bundle.Keepsake) { k.Place = &here })
	s.put(day3, 3, func(k *bundle.Keepsake) { k.Place = &copied })
	s.put(day4, 3, func(k *bundle.Keepsake) {
		k.Place, k.MemoryID, k.MaybeSameAs, k.Status = &here, "meanwhile", memoryID, bundle.Degraded
	})
	owner := memory.Owner{ID: memoryID, Places: []memory.Place{here}, Also: []string{"meanwhile"}}
	list := s.list().For(owner)
	var got []string
	for i := range list.Bundles {
		got = append(got, list.Bundles[i].MemoryID())
	}
	if want := []string{memoryID, memoryID + " at /copy (machine m)", memoryID, memoryID}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	latest, passed, err := list.Latest(catalog.Wanted{Memory: memoryID})
	if err != nil || latest.Meta.Keepsake.Sequence != 2 || len(passed) != 1 || !passed[0].Entry.InDoubt() {
		t.Errorf("got latest %s, passed over %v, %v, want that of day 2", latest.Name, passed, err)
	}
	if e, _ := list.LastGood(memoryID, memory.Graph); e == nil || e.Meta.Keepsake.Sequence != 2 {
		t.Errorf("got last good %+v, want that of day 2", e)
	}
	for _, e := range list.Bundles {
		for _, u := range e.Units() {
			if u.Good() == e.InDoubt() {
				t.Errorf("%s: %s is good: %t", e.Name, u.Unit, u.Good())
			}
		}
	}
	if all := list.Elsewhere(memoryID); len(all) != 1 || *all[0].Meta.Keepsake.Place != copied {
		t.Errorf("got %v of copies, want one", all)
	}
}

// TestTrue_16_WhoLivedHere: which memories may be the one whose folder was lost.
func TestTrue_16_WhoLivedHere(t *testing.T) {
	here := memory.Place{DataDir: "/srv/a/data", Machine: "m"}
	at := func(p memory.Place) func(*bundle.Keepsake) { return func(k *bundle.Keepsake) { k.Place = &p } }
	from := func(path string) func(*bundle.Keepsake) {
		return func(k *bundle.Keepsake) { k.Sections[0].Locator = memory.Locator{Kind: memory.KindGraph, Path: path} }
	}
	for _, c := range []struct {
		name         string
		adapt        func(*bundle.Keepsake)
		maybe, proof bool
	}{
		{"ThisPlace", at(here), true, true},
		{"AnotherFolder", at(memory.Place{DataDir: "/srv/b/data", Machine: "m"}), false, false},
		{"AnotherMachine", at(memory.Place{DataDir: here.DataDir, Machine: "other"}), false, false},
		{"AContainer", at(memory.Place{DataDir: here.DataDir}), true, false},
		{"OlderFromThisFolder", from("/srv/a/data/graph.sqlite"), true, false},
		{"OlderFromBeside", from("/srv/a/notes/graph.sqlite"), true, false},
		{"OlderFromElsewhere", from("/srv/b/data/graph.sqlite"), false, false},
		{"OlderFromAServer", from(""), true, false},
		{"NotGood", func(k *bundle.Keepsake) {
			at(here)(k)
			k.MaybeSameAs, k.Status = "another", bundle.Degraded
		}, false, false},
		{"NoBackup", func(k *bundle.Keepsake) { at(here)(k); k.Reason = bundle.ReasonPreRestore }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{t: t, root: t.TempDir()}
			s.put(day1, 1, c.adapt)
			for proven, want := range map[bool]bool{false: c.maybe, true: c.proof} {
				if got := s.list().Lived(here, nil, proven); slices.Contains(got, memoryID) != want {
					t.Errorf("proven %t: got %v, want it: %t", proven, got, want)
				}
			}
			if got := s.list().Lived(here, []string{memoryID}, false); len(got) != 0 {
				t.Errorf("got %v of what is known", got)
			}
		})
	}
}

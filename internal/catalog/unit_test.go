package catalog_test

import (
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// A unit that is suspect as a whole is not good, be there something left of it or not.
func TestUnitSuspectAsAWhole(t *testing.T) {
	lost := bundle.UnitMeta{Before: 41, Lost: 40, What: "files", Against: "backup-2026-11-01T10-00-00.000Z", Suspect: true}
	const why = "is suspect: lost 40 of 41 files since backup-2026-11-01T10-00-00.000Z"
	s := &shelf{t: t, root: t.TempDir()}
	s.putBackup(day1, 1, backupOf{has: []memory.Section{"state/a", "notes/left.jsonl"}, adapt: func(k *bundle.Keepsake) {
		k.Status = bundle.Degraded
		for _, unit := range []memory.Unit{"notes", "gone"} {
			lost.Unit = unit
			k.Units = append(k.Units, lost)
		}
		k.Units = append(k.Units, bundle.UnitMeta{Unit: "state", Before: 9, Lost: 8, What: "files", Accepted: true})
	}})
	want := map[memory.Unit]string{"notes": why, "gone": why, "state": "", "graph/graph": ""}
	for _, u := range s.list().Bundles[0].Units() {
		if w, ok := want[u.Unit]; !ok || u.Why != w {
			t.Errorf("unit %s: got %q, want %q (%t)", u.Unit, u.Why, w, ok)
		}
		delete(want, u.Unit)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
}

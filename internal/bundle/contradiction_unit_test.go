package bundle_test

import (
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// What can't be said of a unit.
func TestUnitContradictions(t *testing.T) {
	const meta = "meta-unreadable"
	good := sample(t)
	lost := bundle.UnitMeta{Unit: "notes", Before: 41, Lost: 41, What: "files", Against: "backup-2026-11-21T22-41-33.610Z", Suspect: true}
	says := func(status bundle.Status, units ...bundle.UnitMeta) func(*broken) {
		return func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Status, k.Units = status, units })
		}
	}
	but := func(change func(*bundle.UnitMeta)) func(*broken) {
		u := lost
		change(&u)
		return says(bundle.Degraded, u)
	}
	for _, c := range []contradiction{
		{"Complete", says(bundle.Complete, lost), meta, "unit notes is suspect; the bundle cannot be complete"},
		{"Twice", says(bundle.Degraded, lost, lost), meta, `unit "notes" is named twice`},
		{"NoName", but(func(u *bundle.UnitMeta) { u.Unit = "../notes" }), meta, "is no unit's name"},
		{"MoreThanThereWas", but(func(u *bundle.UnitMeta) { u.Lost = 42 }), meta, "lost 42 of 41"},
		{"BelowZero", but(func(u *bundle.UnitMeta) { u.Lost = -1 }), meta, "lost -1 of 41"},
		{"AgainstNothing", but(func(u *bundle.UnitMeta) { u.Against = "" }), meta, "nothing says against what"},
		{"Accepted", but(func(u *bundle.UnitMeta) { u.Accepted = true }), meta, "is suspect and accepted"},
	} {
		t.Run(c.name, func(t *testing.T) { c.refused(t, good) })
	}
	t.Run("Degraded", func(t *testing.T) {
		b := broke(t, copyOf(t, good))
		says(bundle.Degraded, lost)(b)
		m, sealed, err := bundle.ReadMeta(b.Path)
		if err != nil || !sealed {
			t.Fatalf("got %v, sealed %t", err, sealed)
		}
		if got := m.Keepsake.UnitNamed("notes"); got == nil || *got != lost {
			t.Errorf("got %+v, want %+v", got, lost)
		}
		if got, want := m.Keepsake.UnitNamed("notes").String(), "lost 41 of 41 files since "+lost.Against; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := m.Keepsake.UnitNamed(memory.Unit("state")); got != nil {
			t.Errorf("got %+v of what nothing is said of", got)
		}
	})
}

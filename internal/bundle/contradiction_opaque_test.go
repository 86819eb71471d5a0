package bundle_test

import (
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// What an opaque section can't be, and a list of what is covered.
func TestOpaqueContradictions(t *testing.T) {
	const meta = "meta-unreadable"
	good := sample(t)
	for _, c := range []contradiction{
		{"Dimension", func(b *broken) { b.section(appDB, func(s *bundle.SectionMeta) { s.Dimension = 3 }) }, meta, "is opaque, and yet has vectors"},
		{"Distance", func(b *broken) { b.section(appDB, func(s *bundle.SectionMeta) { s.Distance = "l2" }) }, meta, "is opaque, and yet has vectors"},
		{"Collection", func(b *broken) {
			b.section(appDB, func(s *bundle.SectionMeta) { s.Collection = &memory.Collection{Name: "c"} })
		}, meta, "is opaque, and yet has vectors"},
		{"Salvaged", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				k.Status, k.Sections[indexOf(k, appDB)].Capture.Salvaged = bundle.Degraded, 1
			})
		}, meta, "is opaque, and yet has vectors"},
		{"NotJSON", func(b *broken) {
			b.section(appDB, func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{1, 1}} })
		}, meta, "notJson"},
		{"Records", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Files[indexOf(k, appDB)].Records = strings.Repeat("0", 64) })
		}, meta, "has a digest of records"},
		{"Rows", func(b *broken) { b.section(appDB, func(s *bundle.SectionMeta) { s.Rows++ }) }, meta, "has 13 rows, its file 12"},
		{"FewerThanHeld", func(b *broken) { b.section(appDB, func(s *bundle.SectionMeta) { s.Capture.Held++ }) }, meta, "section state/app.db lacks rows"},
		{"RowsOfNothing", func(b *broken) { b.Write(string(appDB), nil); b.forge(nil) }, meta, "has 12 rows, and its file no byte"},
		{"RecordsFile", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				f := &k.Files[indexOf(k, appDB)]
				f.Kind, f.Records = bundle.RecordsFile, strings.Repeat("0", 64)
			})
		}, meta, `section "state/app.db": has no file`},
		{"NoFile", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { b.drop(k, appDB) })
		}, meta, `section "state/app.db": has no file`},
		{"FailedWithFile", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				k.Status = bundle.Degraded
				s := &k.Sections[indexOf(k, appDB)]
				s.Failed, s.Rows = "the server went away", 0
			})
		}, meta, "failed and yet has a file"},
		{"LinesInAnOpaqueFile", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				f := &k.Files[indexOf(k, "notes/log")]
				f.Kind, f.Records = bundle.OpaqueFile, ""
			})
		}, meta, `section "notes/log": has no file`},
		{"Covers/NoSubsystem", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Covers = []memory.Subsystem{"../x"} })
		}, meta, `covers "../x", which is no subsystem`},
		{"Covers/Twice", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Covers = []memory.Subsystem{"state", "state"} })
		}, meta, `covers "state" twice`},
	} {
		t.Run(c.name, func(t *testing.T) { c.refused(t, good) })
	}
}

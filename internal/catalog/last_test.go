package catalog_test

import (
	"errors"
	"slices"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// backupOf is a bundle of a subsystem: the sections that it has, and those that
// failed in it.
type backupOf struct {
	has, failed []memory.Section
	covers      []memory.Subsystem
	adapt       func(*bundle.Keepsake)
}

// TestLastHad: what of the subsystem there was, after backups of which the oldest
// is the first.
func TestLastHad(t *testing.T) {
	const a, b, c memory.Section = "state/a", "state/b", "state/c"
	all := []memory.Subsystem{"state"}
	some := []memory.Subsystem{} // --only a section
	safety := func(k *bundle.Keepsake) { k.Reason = bundle.ReasonPreRestore }
	other := func(k *bundle.Keepsake) { k.MemoryID = "another" }
	suspect := func(k *bundle.Keepsake) { k.Status, k.Sections[0].Lineage.Suspect = bundle.Degraded, true }
	for _, tt := range []struct {
		name    string
		bundles []backupOf
		want    []string // section and the day that it is of
	}{
		{"None", nil, nil},
		{"One", []backupOf{{has: []memory.Section{a, b}, covers: all}}, []string{"state/a 1", "state/b 1"}},
		{"TheNewest", []backupOf{{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a, b}, covers: all}}, []string{"state/a 2", "state/b 2"}},
		{"GoneInTheNewest", []backupOf{{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a}, covers: all}}, []string{"state/a 2"}},
		{"AllGoneInTheNewest", []backupOf{{has: []memory.Section{a}, covers: all}, {covers: all}}, nil},
		{"FailedInTheNewest", []backupOf{{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a}, failed: []memory.Section{b}, covers: all}}, []string{"state/a 2", "state/b 1"}},
		{"FailedTwice", []backupOf{
			{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a}, failed: []memory.Section{b}, covers: all}, {has: []memory.Section{a}, failed: []memory.Section{b}, covers: all},
		}, []string{"state/a 3", "state/b 1"}},
		{"FailedAfterItsEnd", []backupOf{
			{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a}, covers: all}, {has: []memory.Section{a}, failed: []memory.Section{b}, covers: all},
		}, []string{"state/a 3"}},
		{"OneAcceptedBesideAFailed", []backupOf{
			{has: []memory.Section{a, b, c}, covers: all}, {has: []memory.Section{a}, failed: []memory.Section{b}, covers: all},
		}, []string{"state/a 2", "state/b 1"}},
		{"NotCovered", []backupOf{{has: []memory.Section{a, b}, covers: all}, {covers: some}}, []string{"state/a 1", "state/b 1"}},
		{"OnlyOne", []backupOf{{has: []memory.Section{a, b}, covers: all}, {has: []memory.Section{a}, covers: some}}, []string{"state/a 2", "state/b 1"}},
		{"OnlyANewOne", []backupOf{{has: []memory.Section{a}, covers: all}, {has: []memory.Section{b}, covers: some}}, []string{"state/b 2", "state/a 1"}},
		{"OnlyAFailedOne", []backupOf{{has: []memory.Section{a}, covers: all}, {failed: []memory.Section{a}, covers: some}}, []string{"state/a 1"}},
		{"Unsaid", []backupOf{{has: []memory.Section{a, b}}, {has: []memory.Section{a}}}, []string{"state/a 2"}},
		{"UnsaidOfOthers", []backupOf{{has: []memory.Section{a, b}}, {}}, []string{"state/a 1", "state/b 1"}},
		{"Suspect", []backupOf{{has: []memory.Section{a}, covers: all}, {has: []memory.Section{a}, covers: all, adapt: suspect}}, []string{"state/a 1"}},
		{"SafetyBundle", []backupOf{{has: []memory.Section{a}, covers: all}, {covers: all, adapt: safety}}, []string{"state/a 1"}},
		{"OtherMemory", []backupOf{{has: []memory.Section{a}, covers: all}, {covers: all, adapt: other}}, []string{"state/a 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shelf{t: t, root: t.TempDir()}
			for i, one := range tt.bundles {
				s.putBackup([]string{day1, day2, day3, day4}[i], int64(i+1), one)
			}
			list := &catalog.Catalog{}
			if len(tt.bundles) > 0 {
				list = s.list()
			}
			var got []string
			for _, had := range list.LastHad(memoryID, "state") {
				got = append(got, string(had.Section.Name)+" "+had.Entry.Name[len("backup-2026-11-0"):][:1])
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// putBackup publishes a bundle of a graph and of what is said.
func (s *shelf) putBackup(ts string, sequence int64, one backupOf) {
	s.t.Helper()
	opts := options(s.t, s.root)
	opts.Now = at(s.t, ts)
	_, err := write(opts, one.has, func(m *bundle.Meta) {
		k := m.Keepsake
		k.Sequence, k.Covers = sequence, one.covers
		for _, name := range one.failed {
			k.Status = bundle.Degraded
			k.Sections = append(k.Sections, bundle.FailedSection(memory.SectionSpec{Name: name, Kind: memory.Opaque}, memory.Capture{}, errors.New("gone")))
		}
		if one.adapt != nil {
			one.adapt(k)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

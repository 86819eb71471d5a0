package catalog_test

import (
	"math"
	"slices"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
)

func TestTrue_17_JumpsAreNotBelieved(t *testing.T) {
	t.Run("OneThatClaimsTheHighest", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.put(day1, 7, nil)
		s.put(day2, math.MaxInt64, nil)
		s.put(day3, 8, nil)
		c := s.list()
		if got, want := entryNames(c.Bundles), []string{day3, day2, day1}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v: it counts by its timestamp", got, want)
		}
		if got := c.Highest(memoryID); got != 8 {
			t.Errorf("highest is %d, want 8", got)
		}
		for _, e := range c.Bundles {
			if odd := e.Odd != ""; odd != (e.Name == bundle.Prefix+day2) {
				t.Errorf("%s is odd: %q", e.Name, e.Odd)
			}
		}
		if best, _, err := c.Latest(catalog.Wanted{Memory: memoryID}); err != nil || best.Name != bundle.Prefix+day3 {
			t.Errorf("latest is %s, %v", best.Name, err)
		}
	})
	t.Run("FromAnUnsealedOne", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.put(day1, 7, nil)
		s.put(day2, 9, nil).Replace(bundle.MetaFile, `"sequence": 9`, `"sequence": 4000000000`)
		if c := s.list(); c.Highest(memoryID) != 7 || c.Newest(memoryID).Name != bundle.Prefix+day1 {
			t.Errorf("highest is %d, newest %s", c.Highest(memoryID), c.Newest(memoryID).Name)
		}
	})
	t.Run("AsFarAsAJumpGoes", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.put(day1, 7, nil)
		s.put(day2, 7+1<<32, nil)
		s.put(day3, 9+1<<33, nil)
		if got := s.list().Highest(memoryID); got != 7+1<<32 {
			t.Errorf("highest is %d", got)
		}
	})
	t.Run("OfAnotherMemory", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.put(day1, 1<<32, func(k *bundle.Keepsake) { k.MemoryID = "another" })
		s.put(day2, 1<<33, nil)
		if c := s.list(); c.Highest(memoryID) != 0 || c.Highest("another") != 1<<32 {
			t.Errorf("highest are %d and %d", c.Highest(memoryID), c.Highest("another"))
		}
	})
}

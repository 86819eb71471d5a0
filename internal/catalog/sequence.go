package catalog

import (
	"cmp"
	"fmt"
	"slices"
)

// maxJump is how far a sequence may be above the one before it. They grow by one a
// bundle, so that what lies further was not counted: a bundle that claims the highest
// number there is would otherwise be the last that can ever be made.
const maxJump = 1 << 32

// Believable reports whether a bundle can have a sequence, when the highest that is
// known beside it is last.
func Believable(sequence, last int64) bool { return sequence-max(last, 0) <= maxJump }

// believe gives each bundle its position among those of its memory. A sequence counts
// from a sealed bundle alone, and only where it is no jump: without it the bundle
// comes where its timestamp puts it.
func (c *Catalog) believe() {
	of := map[string][]*Entry{}
	for i := range c.Bundles {
		if e := &c.Bundles[i]; e.ours() {
			of[e.Meta.Keepsake.MemoryID] = append(of[e.Meta.Keepsake.MemoryID], e)
		}
	}
	for _, all := range of {
		slices.SortFunc(all, func(a, b *Entry) int { return cmp.Compare(a.claims(), b.claims()) })
		last, n := int64(0), 0
		for ; n < len(all) && Believable(all[n].claims(), last); n++ {
			last, all[n].position = all[n].claims(), all[n].claims()
		}
		for _, odd := range all[n:] {
			odd.oddly(all[:n])
		}
	}
}

// claims is the sequence that a sealed bundle says it has.
func (e *Entry) claims() int64 { return e.Meta.Keepsake.Sequence }

// oddly puts a bundle behind those that are not younger by the clock.
func (e *Entry) oddly(believed []*Entry) {
	for _, other := range believed {
		if !other.Time.After(e.Time) {
			e.position = max(e.position, other.position)
		}
	}
	e.Odd = fmt.Sprintf("its sequence %d is not believed: it counts by its timestamp", e.claims())
}

// Sequence returns the bundle's position among those of its memory: its sequence, or, of
// one whose sequence is not believed, that of the bundle before it by the clock; -1 of
// one that isn't sealed.
func (e *Entry) Sequence() int64 {
	if !e.Sealed {
		return -1
	}
	return e.position
}

// Highest returns the highest sequence of a memory's bundles that can be believed, 0
// without any.
func (c *Catalog) Highest(memoryID string) (highest int64) {
	for i := range c.Bundles {
		if e := &c.Bundles[i]; e.MemoryID() == memoryID {
			highest = max(highest, e.position)
		}
	}
	return highest
}

// Newest returns the newest backup of a memory, good or not, nil when there is none.
func (c *Catalog) Newest(memoryID string) *Entry {
	i := slices.IndexFunc(c.Bundles, func(e Entry) bool { return e.isBackupOf(memoryID) })
	if i < 0 {
		return nil
	}
	return &c.Bundles[i]
}

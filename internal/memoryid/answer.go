package memoryid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/memory"
)

// ErrElsewhere says that the memory lives at another place: whether it was moved, or
// this is a copy, has to be said first.
var ErrElsewhere = errors.New("the memory lives at another place")

// Is settles that the memory in dataDir is that of id, and none of the others that may
// have lived here. Of id the caller knows the places that its bundles name, and the
// highest sequence of each. What was backed up here under another id meanwhile is its
// own from then on. ErrElsewhere when it has that id, and the question is another one.
func Is(ctx context.Context, dataDir string, here Place, id string, past []memory.Past, lived []string, now time.Time) (Identity, error) {
	return change(ctx, dataDir, func(i Identity) (Identity, error) {
		switch {
		case !isID(id):
			return i, fmt.Errorf("%w: memoryId %.50q is no UUID", ErrInvalid, id)
		case i.MemoryID == id && !i.At(here):
			return i, fmt.Errorf("%w: %s", ErrElsewhere, i.Places[0])
		case i.MemoryID == id:
			return i, nil
		case i.IsZero():
			i = Identity{CreatedAt: now.UTC()}
		default:
			i.Also = with(i.Also, i.MemoryID)
		}
		if len(i.Places) == 0 || !i.At(here) {
			i.Places = []Place{here}
		}
		i.Also = without(i.Also, id)
		i.NotSameAs = without(with(with(i.NotSameAs, i.MaybeSameAs...), lived...), id)
		i.MemoryID, i.ClonedFrom, i.MaybeSameAs, i.Before = id, "", nil, nil
		for _, p := range past {
			i.LastSequence = max(i.LastSequence, p.Until)
			if p.DataDir != "" && !slices.ContainsFunc(i.Places, func(q Place) bool { return q.Same(p.Place) }) {
				i.Before = append(i.Before, p)
			}
		}
		return i, nil
	})
}

// Anew settles that the memory in dataDir is none of those that it may be, nor of
// lived. Where it is a copy, or nothing was in doubt, it gets an id of its own, as a
// clone of what it was.
func Anew(ctx context.Context, dataDir string, here Place, lived []string, now time.Time) (Identity, error) {
	return change(ctx, dataDir, func(i Identity) (Identity, error) {
		maybe := i.MaybeSameAs
		was, elsewhere := i.MemoryID, !i.At(here)
		switch {
		case i.IsZero():
			i = Identity{MemoryID: New(), CreatedAt: now.UTC(), Places: []Place{here}}
		case elsewhere: // what was backed up here under the old id is the copy's
			i = Identity{
				MemoryID: New(), CreatedAt: now.UTC(), Places: []Place{here}, Also: []string{was},
				ClonedFrom: was, LastSequence: i.LastSequence, NotSameAs: i.NotSameAs,
			}
		case len(maybe) == 0:
			i = Identity{
				MemoryID: New(), CreatedAt: now.UTC(), Places: i.Places,
				ClonedFrom: was, LastSequence: i.LastSequence, NotSameAs: with(i.NotSameAs, append(i.Also, was)...),
			}
		}
		i.MaybeSameAs = nil
		i.NotSameAs = without(with(with(i.NotSameAs, maybe...), lived...), i.Known()[0])
		return i, nil
	})
}

// Moved settles that the memory lives here now, and nowhere else. The bundles that it
// made where it lived are its own, up to sequence, the highest that the caller knows of.
func Moved(ctx context.Context, dataDir string, here Place, sequence int64) (Identity, error) {
	return change(ctx, dataDir, func(i Identity) (Identity, error) {
		if i.IsZero() {
			return i, ErrNone
		}
		i.LastSequence = max(i.LastSequence, sequence)
		for _, p := range i.Places {
			if !p.Same(here.Place) {
				i.Before = append(slices.Clone(i.Before), memory.Past{Place: p.Place, Until: i.LastSequence})
			}
		}
		i.Places = []Place{here}
		return i, nil
	})
}

// Too settles that this is another path to the folder that the memory lives in.
func Too(ctx context.Context, dataDir string, here Place) (Identity, error) {
	return change(ctx, dataDir, func(i Identity) (Identity, error) {
		switch {
		case i.IsZero():
			return i, ErrNone
		case len(i.Places) == 0 || !slices.ContainsFunc(i.Places, func(p Place) bool { return p.Same(here.Place) }):
			i.Places = append(slices.Clone(i.Places), here)
		}
		return i, nil
	})
}

// with adds what isn't there yet.
func with(ids []string, more ...string) []string {
	ids = slices.Clone(ids)
	for _, id := range more {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
}

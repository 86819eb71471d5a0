package memoryid

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/memory"
)

// Settled is an identity beside the place where it was found.
type Settled struct {
	Identity

	Here Place
	// Made says that there was none before, Took that it had no place and has this
	// one now, Joined that its folder is reached by another path than before.
	Made, Took, Joined bool
}

// Elsewhere reports whether the memory lives at other places only: its folder was
// moved here, or this is a copy.
func (s Settled) Elsewhere() bool { return !s.IsZero() && !s.At(s.Here) }

// Maybe returns the memory that this one may be, "" when it is settled whose it is.
func (s Settled) Maybe() string {
	switch {
	case len(s.MaybeSameAs) > 0:
		return s.MaybeSameAs[0]
	case s.Elsewhere():
		return s.MemoryID
	}
	return ""
}

// Known are the memories of which it isn't asked whether this is one of them.
func (i Identity) Known() []string {
	if i.IsZero() {
		return nil
	}
	return slices.Concat([]string{i.MemoryID}, i.Also, i.NotSameAs)
}

// Takes are the memories whose bundles are taken for the memory's own by a restore,
// beside those of its id.
func (i Identity) Takes() []string {
	if i.ClonedFrom == "" {
		return i.Also
	}
	return slices.Concat(i.Also, []string{i.ClonedFrom})
}

// Look says what Settle would make of the identity in the data folder, and changes
// nothing.
func Look(dataDir string, here Place, lived []string, now time.Time) (Settled, error) {
	i, err := Load(dataDir)
	if err != nil {
		return Settled{}, err
	}
	return settle(i, here, lived, now), nil
}

// Settle gives the memory in dataDir an identity when it has none, and a place when
// it has none. Lived are the memories whose good bundles are of this place, beside
// those that are Known: this may be one of them, and that is written down until Is or
// New settles it. Two at once agree on one.
func Settle(ctx context.Context, dataDir string, here Place, lived []string, now time.Time) (s Settled, err error) {
	_, err = change(ctx, dataDir, func(i Identity) (Identity, error) {
		s = settle(i, here, lived, now)
		return s.Identity, nil
	})
	return s, err
}

func settle(i Identity, here Place, lived []string, now time.Time) Settled {
	s := Settled{Here: here}
	if i.IsZero() {
		s.Made = true
		i = Identity{MemoryID: New(), CreatedAt: now.UTC(), Places: []Place{here}}
	}
	if len(i.Places) == 0 {
		s.Took = true
		i.Places = []Place{here}
	}
	known := i.Known()
	for _, id := range lived {
		if !slices.Contains(known, id) && !slices.Contains(i.MaybeSameAs, id) {
			i.MaybeSameAs = append(slices.Clone(i.MaybeSameAs), id)
		}
	}
	i.Places, s.Joined = seen(i.Places, here)
	s.Identity = i
	return s
}

// seen notes the device and inode that a place has now, and the path by which its
// folder is reached.
func seen(places []Place, here Place) (now []Place, joined bool) {
	byPath := func(p Place) bool { return p.Same(here.Place) }
	if n := slices.IndexFunc(places, byPath); n >= 0 {
		now = slices.Clone(places)
		now[n].Device, now[n].Inode = here.Device, here.Inode
		if now[n].Machine == "" && here.Machine != "" && !slices.ContainsFunc(places, func(p Place) bool { return p.Place == here.Place }) {
			now = append(now, here) // as a machine that is known it can be proven
		}
		return now, false
	}
	if slices.ContainsFunc(places, here.sameFolder) {
		return append(slices.Clone(places), here), true
	}
	return places, false
}

// From is a memory as its bundles show it.
type From struct {
	ID string
	// Place is the one that a bundle names which is restored, nil when it names none.
	Place *memory.Place
	// Sequence is the highest that is known of it.
	Sequence int64
}

// Adopt gives a memory that has no identity that of a bundle which is restored into
// it, where the bundle certainly names this very place; else it becomes a memory of
// its own, a clone of the bundle's. It counts on from the bundle's sequence. ErrOther
// when it has another id.
func Adopt(ctx context.Context, dataDir string, here Place, from From, now time.Time) (s Settled, err error) {
	_, err = change(ctx, dataDir, func(i Identity) (Identity, error) {
		made := i.IsZero()
		if !isID(from.ID) {
			return i, fmt.Errorf("%w: memoryId %.50q is no UUID", ErrInvalid, from.ID)
		}
		if made {
			i = Identity{MemoryID: from.ID, CreatedAt: now.UTC(), Places: []Place{here}}
			if from.Place == nil || !here.Proven(*from.Place) {
				i.MemoryID, i.ClonedFrom = New(), from.ID
			}
		} else if i.MemoryID != from.ID {
			return i, fmt.Errorf("%w: the data dir holds %s, the bundle is of %s", ErrOther, i.MemoryID, from.ID)
		}
		i.LastSequence = max(i.LastSequence, from.Sequence)
		s = settle(i, here, nil, now)
		s.Made = made
		return s.Identity, nil
	})
	return s, err
}

package catalog

import (
	"fmt"
	"path/filepath"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// For makes MemoryID of each entry go by what a memory knows of itself, and returns
// the catalog.
func (c *Catalog) For(o memory.Owner) *Catalog {
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if e.ours() {
			e.of = e.memoryIn(o)
		}
	}
	return c
}

// memoryIn is whose memory a bundle is, as an owner sees it. One of its id, made
// elsewhere, is of a copy: that is no memory's id, and tells where.
func (e *Entry) memoryIn(o memory.Owner) string {
	k := e.Meta.Keepsake
	switch {
	case o.Owns(k.MemoryID, k.Place, e.Sequence()):
		return o.ID
	case k.Place != nil && (k.MemoryID == o.ID || slices.Contains(o.Also, k.MemoryID)):
		return fmt.Sprintf("%s at %s", k.MemoryID, k.Place)
	}
	return k.MemoryID
}

// ours reports whether the bundle has a block of ours that can be believed.
func (e *Entry) ours() bool {
	return e.Sealed && e.Err == nil && e.Meta != nil && e.Meta.Keepsake != nil
}

// MemoryID is whose memory the bundle is, "" when it doesn't say, or can't be
// believed. After For it is that memory's id for each of its own bundles, whatever id
// they were made under, and for no other.
func (e *Entry) MemoryID() string {
	switch {
	case !e.ours():
		return ""
	case e.of != "":
		return e.of
	}
	return e.Meta.Keepsake.MemoryID
}

// InDoubt reports whether nobody had settled whose memory the bundle is when it was
// made. It is never good: the next one is.
func (e *Entry) InDoubt() bool { return e.ours() && e.Meta.Keepsake.MaybeSameAs != "" }

// Covered are the subsystems of which the bundle says that what isn't in it wasn't
// there. One in doubt says nothing of that: the folder may be another one.
func (e *Entry) Covered() []memory.Subsystem {
	if !e.ours() || e.InDoubt() {
		return nil
	}
	return e.Meta.Keepsake.Covers
}

// Elsewhere returns the backups of a memory's id that were made at a place which is
// none of its own: of a copy of its data folder, after For.
func (c *Catalog) Elsewhere(id string) (all []*Entry) {
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if e.ours() && e.Meta.Keepsake.Reason == bundle.ReasonBackup && e.Meta.Keepsake.MemoryID == id && e.MemoryID() != id {
			all = append(all, e)
		}
	}
	return all
}

// Lived returns the memories of which a good backup in the root may be of the memory
// at a place, the newest first: known are those of which it isn't asked. Proven wants
// both machines to be known; else a bundle that says too little may be of any place.
func (c *Catalog) Lived(here memory.Place, known []string, proven bool) (ids []string) {
	for i := range c.Bundles {
		e := &c.Bundles[i]
		if !e.ours() || e.Meta.Keepsake.Reason != bundle.ReasonBackup {
			continue
		}
		id := e.Meta.Keepsake.MemoryID
		if slices.Contains(known, id) || slices.Contains(ids, id) || !e.mayBeOf(here, proven) {
			continue
		}
		if slices.ContainsFunc(e.Units(), func(u UnitState) bool { return u.Good() }) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (e *Entry) mayBeOf(here memory.Place, proven bool) bool {
	at := e.Meta.Keepsake.Place
	switch {
	case at != nil && proven:
		return at.Proven(here)
	case at != nil:
		return at.Same(here)
	}
	return !proven && e.mayHaveLain(here.DataDir)
}

// mayHaveLain judges a bundle that names no place by the files that it was read from:
// in the data folder or beside it, or elsewhere. Where there was none nobody can say.
func (e *Entry) mayHaveLain(dataDir string) bool {
	paths := 0
	for _, s := range e.Meta.Keepsake.Sections {
		if s.Locator.Path == "" {
			continue
		}
		paths++
		if rel, err := filepath.Rel(filepath.Dir(dataDir), s.Locator.Path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return paths == 0
}

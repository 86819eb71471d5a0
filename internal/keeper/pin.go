package keeper

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"keepsake/internal/catalog"

	"keepsake/internal/bundle"
)

// Pinned is what became of the pin of a bundle.
type Pinned struct {
	Bundle  string       `json:"bundle"`
	Path    string       `json:"path"`
	Pinned  *catalog.Pin `json:"pinned"`
	Changed bool         `json:"changed"`
}

// Pin keeps a bundle for good. One that is pinned keeps its time, and its reason
// where none is given.
func (m *Memory) Pin(name, why string) (Pinned, error) {
	now := m.opts.Now().UTC()
	return m.changePin(name, func(p *catalog.Pin) *catalog.Pin {
		if p == nil {
			return &catalog.Pin{At: now, Why: why}
		}
		return &catalog.Pin{At: p.At, Why: cmp.Or(why, p.Why)}
	})
}

// Unpin lets retention judge a bundle again.
func (m *Memory) Unpin(name string) (Pinned, error) {
	return m.changePin(name, func(*catalog.Pin) *catalog.Pin { return nil })
}

func (m *Memory) changePin(name string, change func(*catalog.Pin) *catalog.Pin) (Pinned, error) {
	b, err := m.Bundle(name)
	if err != nil {
		return Pinned{}, err
	}
	if !m.shelves(b) {
		return Pinned{}, fail(NotFound, "not-in-root", fmt.Errorf("%s is not in the backup root %s", b.Path(), m.Root()))
	}
	out := Pinned{Bundle: b.Name(), Path: b.Path()}
	err = catalog.UpdateNotes(m.Root(), b.Name(), func(n *catalog.Notes) {
		out.Pinned = change(n.Pinned)
		out.Changed = (n.Pinned == nil) != (out.Pinned == nil) || n.Pinned != nil && *n.Pinned != *out.Pinned
		n.Pinned = out.Pinned
	})
	if err != nil {
		return out, fail(Failed, "notes", err, m.Root())
	}
	return out, nil
}

// shelves reports whether a bundle lies in the memory's backup root, under a
// bundle's name: only then is anything noted of it.
func (m *Memory) shelves(b *bundle.Bundle) bool {
	if _, err := bundle.ParseName(b.Name()); err != nil || m.Root() == "" {
		return false
	}
	root, err := os.Stat(m.Root())
	if err != nil {
		return false
	}
	parent, err := os.Stat(filepath.Dir(b.Path()))
	return err == nil && os.SameFile(root, parent)
}

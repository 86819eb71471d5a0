package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// ErrNothingToUndo says that there is no receipt of a restore that could be
// taken back.
var ErrNothingToUndo = errors.New("nothing to undo")

const receiptFile = "receipt.json"

// LoadReceipt reads the receipt in the folder of one restore.
func LoadReceipt(dir string) (*Receipt, error) {
	text, err := os.ReadFile(filepath.Join(dir, receiptFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read receipt: %w: there is none in %s", ErrNothingToUndo, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	var r Receipt
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read receipt in %s: %w", dir, err)
	}
	if r.Version != 1 || r.Mode != ModeMerge && r.Mode != ModeReplace {
		return nil, fmt.Errorf("read receipt in %s: version %d, mode %q: made by another version of keepsake", dir, r.Version, r.Mode)
	}
	r.Dir = dir // it may have been moved with its data folder
	return &r, nil
}

// LatestReceipt returns the newest receipt in the folder of a memory's restores
// that changed something and was not taken back yet, as Retrace does. A receipt that
// can't be read is an error: it may be the one.
func LatestReceipt(restores string) (*Receipt, error) {
	entries, err := os.ReadDir(restores)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for receipts: %w", err)
	}
	undone := map[string]bool{}
	for i := len(entries) - 1; i >= 0; i-- { // names begin with the time
		name := entries[i].Name()
		r, err := Retrace(filepath.Join(restores, name))
		switch {
		case errors.Is(err, ErrNothingToUndo):
			continue
		case err != nil:
			return nil, err
		case r.Undoes != "":
			// One that was taken back itself has undone nothing.
			undone[r.Undoes] = undone[r.Undoes] || r.over() && !undone[name]
		case !undone[name] && r.changed():
			return r, nil
		}
	}
	return nil, fmt.Errorf("look for receipts: %w: no restore in %s has changed anything that was not taken back", ErrNothingToUndo, restores)
}

// over reports whether all was put back that the safety bundle held: what it lacked is
// not in after another undo either.
func (r *Receipt) over() bool {
	if r.Error != "" || len(r.Left) > 0 || r.Account == nil {
		return r.Complete
	}
	return r.Account.Unaccounted() == 0 && !slices.ContainsFunc(r.Sections, func(s SectionReceipt) bool { return s.Missing+s.Rejected > 0 })
}

// changed reports whether the restore put anything in. A section that a replace
// could not stage, or was refused for, is the old one.
func (r *Receipt) changed() bool {
	for _, s := range r.Sections {
		created := s.Kind == memory.Opaque && s.Created && (s.State == StateDone || r.CutShort) // a file may have no rows
		if s.replaced() || s.Replaced == nil && (s.Added+s.Maybe > 0 || created) {
			return true
		}
	}
	return false
}

// Back returns what the replace of the receipt needs to be taken back: the old
// sections that were kept aside, and the sections that were not there before. Receipts
// of older versions don't say of what kind these are: their stores do.
func (r *Receipt) Back(kinds store.Kinds) (back map[memory.Section]memory.Locator, vacate []memory.SectionSpec) {
	back = map[memory.Section]memory.Locator{}
	for _, s := range r.Sections {
		switch {
		case s.Replaced == nil:
		case s.Replaced.Aside != nil:
			back[s.Section] = *s.Replaced.Aside
		case !s.Replaced.Existed:
			kind := s.Kind
			if holds := kinds.Of(s.Target.Kind).Holds; kind == "" && len(holds) > 0 {
				kind = holds[0]
			}
			vacate = append(vacate, memory.SectionSpec{Name: s.Section, Kind: kind})
		}
	}
	return back, vacate
}

// PlannedRequest returns what the plan in the folder of a restore was asked for:
// Options.Request as it was given, but for its white space.
func PlannedRequest(dir string) (json.RawMessage, error) {
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	var p struct {
		Request json.RawMessage `json:"request"`
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("read plan in %s: %w", dir, err)
	}
	return p.Request, nil
}

// Receipts are those of a memory's restores that can be read, the oldest first. They
// tell what there was; who decides by them asks LatestReceipt.
func Receipts(restores string) (all []*Receipt) {
	entries, err := os.ReadDir(restores)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if r, err := LoadReceipt(filepath.Join(restores, e.Name())); err == nil {
			all = append(all, r)
		}
	}
	return all
}

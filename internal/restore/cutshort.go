package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/memory"
)

// plannedMerge is what is read back of the plan of a merge.
type plannedMerge struct {
	Version   int              `json:"version"`
	Mode      Mode             `json:"mode"`
	Bundle    string           `json:"bundle"`
	Path      string           `json:"bundlePath"`
	Seal      string           `json:"seal"`
	Group     string           `json:"group"`
	StartedAt time.Time        `json:"startedAt"`
	Sections  []plannedSection `json:"sections"`
}

// Retrace returns the receipt in the folder of one restore. Of a merge that was killed
// before it wrote one it makes it of the plan and of what was written down on the way:
// CutShort is set then. ErrNothingToUndo when there is neither.
func Retrace(dir string) (*Receipt, error) {
	r, missing := LoadReceipt(dir)
	if !errors.Is(missing, ErrNothingToUndo) {
		return r, missing
	}
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	var p plannedMerge
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("read plan in %s: %w", dir, err)
	}
	if p.Mode != ModeMerge {
		return nil, missing
	}
	if p.Version != 1 {
		return nil, fmt.Errorf("read plan in %s: version %d: made by another version of keepsake", dir, p.Version)
	}
	return p.retrace(dir)
}

func (p *plannedMerge) retrace(dir string) (*Receipt, error) {
	put, err := readPuts(dir)
	if err != nil {
		return nil, err
	}
	r := &Receipt{
		Version: 1, Bundle: p.Bundle, Path: p.Path, Seal: p.Seal, Group: p.Group, Mode: ModeMerge, StartedAt: p.StartedAt,
		CutShort: true, Error: "cut short", Dir: dir,
	}
	for _, s := range p.Sections {
		r.Sections = append(r.Sections, s.retrace(put[s.Section]))
	}
	return r, nil
}

// retrace is what became of one section, whose rows are counted as far as they are
// known.
func (s *plannedSection) retrace(in *put) SectionReceipt {
	out := SectionReceipt{Section: s.Section, Kind: s.Kind, Target: s.Target, State: StatePending}
	out.Before = s.Before
	if in == nil || len(in.added)+len(in.maybe) == 0 {
		return out
	}
	out.State, out.Added, out.Maybe = StateFailed, in.added.rows(), in.maybe.rows()
	if s.Kind != memory.Opaque {
		return out
	}
	if out.Created = out.Added > 0; out.Created {
		out.Added = s.Rows
	} else {
		out.Maybe = max(s.Rows, 1)
	}
	return out
}

// Doubt counts the rows that a merge has certainly put in, and those that may be in
// beside them.
func (r *Receipt) Doubt() (certain, maybe int64) {
	for _, s := range r.Sections {
		certain += s.Added
		maybe += s.Maybe
	}
	return certain, maybe
}

// FindCutShort lists the merges in the folder of a memory's restores that were killed
// and of which something is in, the newest first: those that were neither taken back
// nor gone on with, by a restore of the same bundle that came to its end, nor replaced
// since. What can't be read tells nothing.
func FindCutShort(restores string) (found []*Receipt) {
	all, err := retraceAll(restores, "")
	if err != nil {
		return nil
	}
	undone, ended := undoneOf(all), map[string][]SectionReceipt{} // of each bundle
	for _, r := range slices.Backward(all) {
		switch {
		case r.Mode == ModeReplace && r.Complete:
			return found
		case r.Complete && r.Undoes == "":
			ended[r.Path] = append(ended[r.Path], r.Sections...)
		case r.CutShort && !undone[filepath.Base(r.Dir)] && r.changed() && !r.goneOnWith(ended[r.Path]):
			found = append(found, r)
		}
	}
	return found
}

// goneOnWith reports whether all that the merge put something into was merged to its
// end since.
func (r *Receipt) goneOnWith(since []SectionReceipt) bool {
	for _, s := range r.Sections {
		same := func(o SectionReceipt) bool { return o.Section == s.Section && o.Target.SamePlace(s.Target) }
		if s.Added+s.Maybe > 0 && !slices.ContainsFunc(since, same) {
			return false
		}
	}
	return true
}

// laterMerges are those that came after the one of r and are in force.
func laterMerges(r *Receipt) ([]*Receipt, error) {
	all, err := retraceAll(filepath.Dir(r.Dir), filepath.Base(r.Dir))
	if err != nil {
		return nil, err
	}
	undone := undoneOf(all)
	return slices.DeleteFunc(all, func(l *Receipt) bool {
		return l.Mode != ModeMerge || l.Undoes != "" || undone[filepath.Base(l.Dir)]
	}), nil
}

// retraceAll reads the restores that came after that name, the oldest first. What
// can't be read is left out; it isn't the one that is asked about.
func retraceAll(restores, after string) (all []*Receipt, err error) {
	entries, err := os.ReadDir(restores)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for receipts: %w", err)
	}
	for _, e := range entries { // names begin with the time
		if e.Name() <= after {
			continue
		}
		if r, err := Retrace(filepath.Join(restores, e.Name())); err == nil {
			all = append(all, r)
		}
	}
	return all, nil
}

// undoneOf names the restores that others took back.
func undoneOf(all []*Receipt) map[string]bool {
	undone := map[string]bool{}
	for _, r := range slices.Backward(all) {
		if r.Undoes != "" { // one that was taken back itself has undone nothing
			undone[r.Undoes] = undone[r.Undoes] || r.Complete && !undone[filepath.Base(r.Dir)]
		}
	}
	return undone
}

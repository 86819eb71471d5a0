package backup

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// SectionReceipt is what became of one section.
type SectionReceipt struct {
	Section   memory.Section         `json:"section"`
	Status    bundle.IntegrityStatus `json:"status"`
	Rows      int64                  `json:"rows"` // -1 when they could not be counted
	Bytes     int64                  `json:"bytes,omitempty"`
	Dimension int                    `json:"dimension,omitempty"`
	File      string                 `json:"file,omitempty"`
	Locator   memory.Locator         `json:"source"`
	Capture   *memory.Capture        `json:"capture,omitempty"`
	Lineage   *memory.Lineage        `json:"lineage,omitempty"`
	// Since is what changed since the last good bundle that has the section; nil where
	// there is none.
	Since *memory.Since `json:"since,omitempty"`
	// Reason says why a section is not whole, or suspect.
	Reason string `json:"reason,omitempty"`
}

// Removed counts the files of a source that the last bundle had, and that are gone.
type Removed struct {
	Source  memory.Subsystem `json:"source"`
	Bundle  string           `json:"bundle"` // that bundle's name, of several the newest
	Files   int64            `json:"files"`
	Records int64            `json:"records"` // in them, as in a section's Since
}

// RemovedOf returns how many records went with files of a source.
func (r *Receipt) RemovedOf(source memory.Subsystem) int64 {
	for _, one := range r.Removed {
		if one.Source == source {
			return one.Records
		}
	}
	return 0
}

// Receipt is what a backup did.
type Receipt struct {
	DryRun   bool          `json:"dryRun,omitempty"`
	Bundle   string        `json:"bundle,omitempty"` // its name; "" when none was published
	Path     string        `json:"path,omitempty"`
	Status   bundle.Status `json:"status,omitempty"`
	MemoryID string        `json:"memoryId"`
	// MaybeSameAs is the memory that this one may be, when that isn't settled.
	MaybeSameAs string           `json:"maybeSameAs,omitempty"`
	Sequence    int64            `json:"sequence,omitempty"`
	Topology    string           `json:"topology,omitempty"`
	StartedAt   time.Time        `json:"startedAt"`
	EndedAt     time.Time        `json:"endedAt"`
	Rows        int64            `json:"rows"`
	Bytes       int64            `json:"bytes"`
	Sections    []SectionReceipt `json:"sections"`
	// Removed are the files that the sources had, and that are gone: they have no section
	// here that could say so.
	Removed []Removed `json:"removed,omitempty"`
	// Units are those of which something is to be said as a whole.
	Units     []bundle.UnitMeta  `json:"units,omitempty"`
	Integrity []bundle.Integrity `json:"integrity,omitempty"`
	Findings  []memory.Finding   `json:"findings,omitempty"`
}

// Degraded reports whether something that was asked for isn't in the bundle, or
// may be another memory's.
func (r *Receipt) Degraded() bool { return r.Status == bundle.Degraded }

// Has reports whether a section was read.
func (r *Receipt) Has(section memory.Section) bool {
	return slices.ContainsFunc(r.Sections, func(s SectionReceipt) bool { return s.Section == section && s.Rows >= 0 })
}

func (r *Receipt) warn(code string, s memory.Section, format string, args ...any) {
	r.find(memory.Warning, code, s, format, args...)
}

func (r *Receipt) note(code string, s memory.Section, format string, args ...any) {
	r.find(memory.Note, code, s, format, args...)
}

func (r *Receipt) find(level memory.Level, code string, s memory.Section, format string, args ...any) {
	r.Findings = append(r.Findings, memory.Finding{Level: level, Code: code, Section: s, Message: fmt.Sprintf(format, args...)})
}

// lost notes a section that will not be in the bundle.
func (r *Receipt) lost(s memory.Section, err error) {
	r.Sections = append(r.Sections, SectionReceipt{Section: s, Status: bundle.Fail, Rows: -1, Reason: err.Error()})
	r.warn("not-read", s, "not in the bundle: %v", err)
}

// published says where the bundle is.
func (r *Receipt) published(path string, meta *bundle.Meta) {
	r.Bundle, r.Path, r.Sequence = filepath.Base(path), path, meta.Keepsake.Sequence
}

// took takes over what the bundle says of itself, or would.
func (r *Receipt) took(meta *bundle.Meta, now time.Time) {
	r.Status, r.Integrity = meta.Keepsake.Status, meta.Integrity
	r.EndedAt = now.UTC()
	for _, s := range r.Sections {
		r.Rows += max(s.Rows, 0)
		r.Bytes += s.Bytes
	}
}

// removed counts a file that is gone.
func (r *Receipt) removed(g catalog.Had) {
	source, records := g.Section.Name.Subsystem(), g.Section.Rows
	if g.Section.Kind == memory.Opaque {
		records = 1
	}
	i := slices.IndexFunc(r.Removed, func(one Removed) bool { return one.Source == source })
	if i < 0 {
		i = len(r.Removed)
		r.Removed = append(r.Removed, Removed{Source: source, Bundle: g.Entry.Name})
	}
	r.Removed[i].Files++
	r.Removed[i].Records += records
	r.Removed[i].Bundle = max(r.Removed[i].Bundle, g.Entry.Name)
}

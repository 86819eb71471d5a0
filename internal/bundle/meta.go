package bundle

import (
	"time"

	"keepsake/internal/memory"
)

// Meta is bundle-meta.json: what a bundle is and holds. It is a superset of what
// Neo.mjs writes; a bundle of ours has a Keepsake block.
type Meta struct {
	BundleVersion int
	Timestamp     string // as in the bundle's name
	CompletedAt   time.Time
	// Topology is nil when the memory has no Chroma, or the meta doesn't say.
	Topology   *memory.Topology
	NeoVersion string // "" when unknown
	GitSHA     string // "" when unknown
	Subsystems Subsystems
	Integrity  []Integrity
	Keepsake   *Keepsake // nil in a bundle that isn't ours
}

// Subsystems counts what a bundle holds, in the words of Neo.mjs. One that is
// nil was not part of the backup.
type Subsystems struct {
	KB           *Counts `json:"kb,omitempty"`
	MC           *Counts `json:"mc,omitempty"`
	Graph        *Counts `json:"graph,omitempty"`
	Concepts     *Counts `json:"concepts,omitempty"`
	Trajectories *Counts `json:"trajectories,omitempty"`
	Mailbox      *Counts `json:"mailbox,omitempty"`
}

// Counts are a subsystem's rows (Count, for kb, mc and graph) or files (Copied).
type Counts struct {
	Count     *int64  `json:"count,omitempty"`
	Copied    *int64  `json:"copied,omitempty"`
	Memories  *Export `json:"memories,omitempty"`
	Summaries *Export `json:"summaries,omitempty"`
	Graph     *Export `json:"graph,omitempty"`
}

// Export counts one section's rows: those that had to be there, and those that
// are in the file.
type Export struct {
	Collection string   `json:"collection,omitempty"`
	Expected   int64    `json:"expected"`
	Exported   int64    `json:"exported"`
	Skipped    *int64   `json:"skipped,omitempty"`
	SkippedIDs []string `json:"skippedIds,omitzero"`
}

// IntegrityStatus is a frozen word on the wire, which others read.
type IntegrityStatus string

// The words for row-count parity.
const (
	Pass    IntegrityStatus = "pass"
	Fail    IntegrityStatus = "fail"
	Empty   IntegrityStatus = "empty"
	Skipped IntegrityStatus = "skipped"
)

// Integrity is the row-count parity of a subsystem: SourceCount rows had to be
// held, -1 when unknown; BundleCount are in the bundle.
type Integrity struct {
	Subsystem   memory.Subsystem `json:"subsystem"`
	Status      IntegrityStatus  `json:"status"`
	SourceCount int64            `json:"sourceCount"`
	BundleCount int64            `json:"bundleCount"`
}

// Reason says why a bundle was made.
type Reason string

// The reasons. Only a ReasonBackup is ever the latest of a memory.
const (
	ReasonBackup     Reason = "backup"
	ReasonPreRestore Reason = "pre-restore"
	ReasonRescue     Reason = "rescue"
)

// Status says whether a bundle holds all that it should.
type Status string

// The states of a published bundle.
const (
	Complete Status = "complete"
	Degraded Status = "degraded"
)

// Keepsake is the block that only bundles of ours have.
type Keepsake struct {
	Format   int    `json:"format"`
	Tool     string `json:"tool"`
	MemoryID string `json:"memoryId"`
	// Place is where the memory lived then, nil in a bundle that is older than
	// places are.
	Place *memory.Place `json:"place,omitempty"`
	// ClonedFrom is the memory out of whose bundle this one was made, "" when it
	// was made out of none.
	ClonedFrom string `json:"clonedFrom,omitempty"`
	// MaybeSameAs is the memory that this one may be, when nobody had settled yet
	// whose memory this is: its data folder was lost, or this is a copy. It may be
	// MemoryID itself. The bundle is degraded then.
	MaybeSameAs string `json:"maybeSameAs,omitempty"`
	Reason      Reason `json:"reason"`
	// Sequence grows by one per bundle of a memory; it, not the clock, says
	// which is newer.
	Sequence int64             `json:"sequence"`
	Parent   *Parent           `json:"parent"`
	Status   Status            `json:"status"`
	Tags     map[string]string `json:"tags,omitempty"`
	// Covers are the subsystems that were backed up with all that they had: what
	// isn't here of them wasn't there. Nil where nobody has said.
	Covers []memory.Subsystem `json:"covers,omitzero"`
	// Only is what was asked for, empty where it was all that there is; nil where
	// nobody has said. Matched are the units that nobody named: a pattern meant them;
	// nil where nobody has said. Ended are units of which somebody has said, now or
	// before, that they have ended.
	Only    []string      `json:"only,omitzero"`
	Matched []memory.Unit `json:"matched,omitzero"`
	Ended   []memory.Unit `json:"ended,omitempty"`
	// Units are those of which something is to be said as a whole.
	Units    []UnitMeta    `json:"units,omitempty"`
	Sections []SectionMeta `json:"sections"`
	Files    []FileMeta    `json:"files"`
	// Seal is the SHA-256, in hex, of the meta's bytes with the seal's own 64
	// digits written as zeros. It stays the last field.
	Seal string `json:"seal"`
}

// Parent names the bundle of the same memory that came before.
type Parent struct {
	Bundle string `json:"bundle"`
	Seal   string `json:"seal"`
}

// SectionMeta is a section as its bundle describes it.
type SectionMeta struct {
	Name       memory.Section     `json:"name"`
	Kind       memory.Kind        `json:"kind"`
	Rows       int64              `json:"rows"`
	Dimension  int                `json:"dimension"`          // numbers in each embedding, 0 when there is none
	Distance   string             `json:"distance,omitempty"` // l2, cosine, ip
	Locator    memory.Locator     `json:"locator"`
	Collection *memory.Collection `json:"collection,omitempty"`
	// Withheld are the paths in Collection whose values were secrets and are not
	// in the bundle.
	Withheld []string       `json:"withheld,omitempty"`
	Capture  memory.Capture `json:"capture"`
	Lineage  memory.Lineage `json:"lineage"`
	// Since is what changed of the records since the last good bundle that has the
	// section; nil where there is none, or nobody has looked.
	Since *memory.Since `json:"since,omitempty"`
	// NotJSON are the lines that are no JSON object, kept as they were.
	NotJSON Ranges `json:"notJson,omitempty"`
	// Failed says why a section that was asked for could not be read. It then
	// has no file, and its bundle is degraded.
	Failed string `json:"failed,omitempty"`
}

// FileKind tells streams of records from other files.
type FileKind string

// The kinds of file. An index is no payload: it says what its section's records are,
// and a bundle is as good without it. A file of another kind is a later version's: it
// is hashed and passed by, unless a section needs it.
const (
	RecordsFile FileKind = "records"
	OpaqueFile  FileKind = "opaque"
	IndexFile   FileKind = "index"
)

// known reports whether this version knows what such a file is.
func (k FileKind) known() bool { return k == RecordsFile || k == OpaqueFile || k == IndexFile }

// FileMeta is a payload, or an index. Bytes and SHA256 are those of the file as it lies on
// disk, compressed or not; Rows and Records are those of its content. The rows of
// an opaque file are what its source counted: the bundle can't.
type FileMeta struct {
	Path   string   `json:"path"`
	Kind   FileKind `json:"kind"`
	Bytes  int64    `json:"bytes"`
	Rows   int64    `json:"rows"`
	SHA256 string   `json:"sha256"`
	// Records is the SHA-256 over the sorted record digests, in hex; "" of an
	// opaque file.
	Records string `json:"records,omitempty"`
	// NeededBy is the section that can't be restored without a file of another kind
	// than records and opaque; "" where none needs it.
	NeededBy memory.Section `json:"neededBy,omitempty"`
}

// Range is a run of lines, first and last included, counted from 1.
type Range [2]int64

// Ranges are runs of lines in ascending order.
type Ranges []Range

// add appends a line that comes after all others.
func (r Ranges) add(line int64) Ranges {
	if n := len(r); n > 0 && r[n-1][1] == line-1 {
		r[n-1][1] = line
		return r
	}
	return append(r, Range{line, line})
}

// Count returns how many lines there are.
func (r Ranges) Count() (n int64) {
	for _, run := range r {
		n += run[1] - run[0] + 1
	}
	return n
}

// Section returns the section of that name, or nil; also where there is no block.
func (k *Keepsake) Section(name memory.Section) *SectionMeta {
	if k == nil {
		return nil
	}
	for i := range k.Sections {
		if k.Sections[i].Name == name {
			return &k.Sections[i]
		}
	}
	return nil
}

// Spec returns the section as a store would describe it, without what stands in
// for secrets.
func (s *SectionMeta) Spec() memory.SectionSpec {
	spec := memory.SectionSpec{
		Name: s.Name, Kind: s.Kind, Dimension: s.Dimension, Distance: s.Distance,
		Rows: s.Rows, Collection: s.Collection, Locator: s.Locator,
	}
	if len(s.Withheld) > 0 {
		// JSON that a meta was parsed from can be read again.
		if clean, err := withoutWithheld(s.Collection); err == nil {
			spec.Collection = clean
		}
	}
	return spec
}

// Unit returns the unit that the section is a part of.
func (s *SectionMeta) Unit() memory.Unit {
	return memory.SectionSpec{Name: s.Name, Kind: s.Kind, Locator: s.Locator}.Unit()
}

// Package memory holds the nouns of keepsake: what an agent remembers, how it
// is divided, and where it lives. It does no I/O and defines no interfaces.
package memory

import "strings"

// Subsystem is a top folder of a bundle: kb, mc, graph, concepts, and so on.
type Subsystem string

// The subsystems that every bundle has a folder for.
const (
	KB           Subsystem = "kb"
	MC           Subsystem = "mc"
	GraphSystem  Subsystem = "graph"
	Concepts     Subsystem = "concepts"
	Trajectories Subsystem = "trajectories"
	Mailbox      Subsystem = "mailbox"
)

// Subsystems returns the six subsystems in the order in which a bundle lists them.
func Subsystems() []Subsystem {
	return []Subsystem{KB, MC, GraphSystem, Concepts, Trajectories, Mailbox}
}

// Section is the logical name of one stream of records: "mc/memory". It is a
// subsystem and a name, never the name of a collection or of a table.
type Section string

// The sections that Neo.mjs has one of each. Concepts are "concepts/<file>".
const (
	KnowledgeBase     Section = "kb/knowledge-base"
	Memories          Section = "mc/memory"
	Summaries         Section = "mc/summaries"
	Graph             Section = "graph/graph"
	TrajectoryLog     Section = "trajectories/trajectories"
	MailboxSentToCull Section = "mailbox/sent-to-cull"
)

// Subsystem returns the part before the first slash, or all of s without one.
func (s Section) Subsystem() Subsystem {
	sub, _, _ := strings.Cut(string(s), "/")
	return Subsystem(sub)
}

// Valid reports whether s can be a top folder of a bundle: lower case letters,
// digits, "-" and "_".
func (s Subsystem) Valid() bool {
	return s != "" && strings.Trim(string(s), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// Name returns the part after the first slash, or "" without one.
func (s Section) Name() string {
	_, name, _ := strings.Cut(string(s), "/")
	return name
}

// Matches reports whether s is selected by selector: a subsystem ("mc") or a
// section ("mc/memory").
func (s Section) Matches(selector string) bool {
	return selector == string(s) || selector == string(s.Subsystem())
}

// Kind is the shape of a section's records.
type Kind string

// The kinds. Vectors are rows of id, embedding, metadata and document; Graph
// are nodes, then edges; Lines are lines of JSONL, kept byte for byte; Opaque
// is a file that is no stream of records, kept whole. Its rows are what its source
// counts in it: those of all tables for a SQLite database; 1 for any other file, 0
// for one without a byte.
const (
	Vectors  Kind = "vectors"
	Elements Kind = "graph"
	Lines    Kind = "lines"
	Opaque   Kind = "opaque"
)

// Record is one canonical line of UTF-8 without its newline; of an opaque section
// it is a block of the file's bytes, and all of them in order are the file. It is
// valid until the next record of the same sequence: who keeps it, copies it.
type Record []byte

// Collection describes a vector collection as its store exported it. Metadata,
// Schema and Configuration are JSON objects, or nil when the store has none.
type Collection struct {
	ID            string  `json:"id,omitempty"`
	Name          string  `json:"name,omitempty"`
	Metadata      RawJSON `json:"metadata,omitempty"`
	Schema        RawJSON `json:"schema,omitempty"`
	Configuration RawJSON `json:"configuration,omitempty"`
}

// SectionSpec says what a section is and where it came from.
type SectionSpec struct {
	Name Section
	Kind Kind
	// Dimension is the length of every embedding, 0 when there is none yet.
	Dimension int
	// Distance is "l2", "cosine", "ip", or "" when unknown.
	Distance string
	// Rows is how many records the first look saw, -1 when not counted.
	Rows       int64
	Collection *Collection
	Locator    Locator
}

// Locator names a store without doubt. Fields that don't apply are empty.
// Address never holds user-info or a token.
type Locator struct {
	Kind         string `json:"kind"`
	Address      string `json:"address,omitempty"`
	Path         string `json:"path,omitempty"`
	Tenant       string `json:"tenant,omitempty"`
	Database     string `json:"database,omitempty"`
	Collection   string `json:"collection,omitempty"`
	CollectionID string `json:"collectionId,omitempty"`
}

// The kinds of locator.
const (
	KindChroma      = "chroma"
	KindChromaDir   = "chromadir"
	KindCollections = "collections"
	KindGraph       = "graph"
	KindFiles       = "files"
	KindSQLite      = "sqlite" // a database that is kept whole
)

// SamePlace reports whether both name one place, whichever collection lives there
// under that name.
func (l Locator) SamePlace(other Locator) bool {
	l.CollectionID, other.CollectionID = "", ""
	return l == other
}

// String returns the locator as a person reads it: "chroma:http://host:8000/t/d#name".
func (l Locator) String() string {
	var b strings.Builder
	b.WriteString(l.Kind + ":")
	b.WriteString(l.Address + l.Path)
	if l.Tenant != "" || l.Database != "" {
		b.WriteString("/" + l.Tenant + "/" + l.Database)
	}
	if l.Collection != "" {
		b.WriteString("#" + l.Collection)
	}
	return b.String()
}

package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
)

// Kind is one kind of store: all that is known of it outside its own package. The
// zero Kind is of a name that nobody knows, and can do nothing.
type Kind struct {
	// Name is what its STORE begins with, and what its locators say.
	Name string
	// Form is how its STORE is written, for usage texts.
	Form string
	// Parse reads what stands behind the name and the colon: ParsePath or ParseServer.
	Parse func(name, rest string) (Ref, error)
	// Holds are the sections that it can hold.
	Holds []memory.Kind

	// Server says that it is reached over a network, at an address; every other is a
	// path of this machine.
	Server bool
	// Databases says that it is divided into tenants and databases, and these into
	// collections: a Chroma, by its server or its directory.
	Databases bool
	// Patterns says that its path may be a pattern, or a folder: it is files that are
	// found by their paths.
	Patterns bool
	// Undeclared says why nobody can declare a source of it, and Instead what to do
	// then; "" where one can.
	Undeclared, Instead string

	// Sources makes what an opening is read by. It touches nothing yet.
	Sources func(Opening) ([]Opened, error)
	// Target makes what sections of that kind are written to; nil where the store is
	// only read.
	Target func(Opening, memory.Kind) (Target, error)
}

// DefaultTimeout is how long a server may be silent before it is given up.
const DefaultTimeout = 90 * time.Second

// CanHold reports whether sections of that kind can be in it.
func (k Kind) CanHold(kind memory.Kind) bool { return slices.Contains(k.Holds, kind) }

// Opening says which store is meant, and what of it. Each kind reads the fields that
// it has a use for.
type Opening struct {
	Ref

	// Subsystem is that of the sections that are found in the store. Collections are
	// those that have a name beforehand, each with that of its collection, where it
	// is in one; then only these are meant.
	Subsystem   memory.Subsystem
	Collections map[memory.Section]string
	// Literal are collections that somebody named as they are: each has to be there, and
	// is taken whatever its name looks like.
	Literal []string
	// Known says whether some source reads a collection of the store, or leaves it out on
	// purpose; of the others somebody is told. Nil tells of none.
	Known func(tenant, database, collection string) bool
	// Takes says of collections which are meant, Exclude of files which are not.
	Takes   func(collection string) bool
	Exclude []string
	// Folder says that Path is a folder of JSONL, though there is no pattern. Keyed
	// says that JSONL is merged by the ids of its lines, not as a log.
	Folder, Keyed bool

	// Plans are those of the replaces of this memory: what one of them moved away among
	// files bears its name.
	Plans []string

	// How a server is talked to. PageRows and PageBytes are its own where they are 0.
	Token     string
	Headers   map[string]string
	PageRows  int
	PageBytes int64
	// Timeout is how long a server may be silent before it is given up: DefaultTimeout
	// where it is 0.
	Timeout time.Duration

	// Temp makes, once, the folder for copies of what is read.
	Temp func() (string, error)
	Now  func() time.Time
	FS   atomicfile.FS
}

// Named are the sections that have a name beforehand, in order.
func (o Opening) Named() []memory.Section { return slices.Sorted(maps.Keys(o.Collections)) }

// Others is the subsystem of the sections that have no name beforehand, "" where only
// those are meant that have one.
func (o Opening) Others() memory.Subsystem {
	if o.Collections != nil {
		return ""
	}
	return o.Subsystem
}

// LiteralSections are the sections of the collections that somebody named as they are.
func (o Opening) LiteralSections() []memory.Section {
	var all []memory.Section
	for _, name := range o.Literal {
		all = append(all, SectionOf(o.Subsystem, name))
	}
	return all
}

// Opened is a part of an opening, with what the engine must know before it reads it.
type Opened struct {
	Store Store
	// Kind is that of all its sections, "" where each says its own.
	Kind memory.Kind
	// Sections have to be there; none means whatever there is.
	Sections []memory.Section
	// Literal are sections that have to be there beside whatever else there is.
	Literal []memory.Section
}

// Kinds is a table of kinds of store.
type Kinds []Kind

// Of returns the kind of a name, the zero Kind where there is none.
func (k Kinds) Of(name string) Kind {
	for _, kind := range k {
		if kind.Name == name {
			return kind
		}
	}
	return Kind{}
}

// Forms lists how the STOREs of all kinds are written, for usage texts.
func (k Kinds) Forms() string {
	forms := make([]string, len(k))
	for i, kind := range k {
		forms[i] = kind.Form
	}
	return strings.Join(forms, ", ")
}

// Parse reads one STORE: a kind, a colon, and what that kind needs.
func (k Kinds) Parse(text string) (Ref, error) {
	ref, err := k.parse(text)
	if err != nil {
		return Ref{}, fmt.Errorf("parse store: %w", err)
	}
	return ref, nil
}

func (k Kinds) parse(text string) (Ref, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return Ref{}, errors.New("control characters or invalid UTF-8")
	}
	name, rest, found := strings.Cut(text, ":")
	if !found {
		return Ref{}, errors.New("no kind; want " + k.Forms())
	}
	kind := k.Of(name)
	if kind.Parse == nil {
		return Ref{}, fmt.Errorf("unknown kind %.20q; want %s", name, k.Forms())
	}
	return kind.Parse(name, rest)
}

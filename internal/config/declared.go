package config

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Declared is one source of the memory: a subsystem of the bundle, and where it lives.
// The preset declares some, the operator others.
type Declared struct {
	Name memory.Subsystem
	// Preset says that the preset brings it: it may be absent in silence.
	Preset bool
	// Store.V.Pattern is set for a pattern, and for a folder that an operator
	// declares, which is "*.jsonl".
	Store Value[store.Ref]
	// Way is how a Chroma is read, "" for what is none. Directory is where it
	// persists, for WayDirectory and WayAuto, and "" for WayHTTP.
	Way       Value[Way]
	Directory Value[string]
	Token     Value[Secret]
	// Headers are sent with every request; their values may be secrets.
	Headers Value[map[string]Secret]
	// PageRows and PageBytes bound a page; 0 is the store's own default.
	PageRows, PageBytes Value[int]
	// Timeout is how long a server may be silent before it is given up; 0 for what is none.
	Timeout Value[time.Duration]

	// Named are the sections that are known beforehand. Without any, they are what is
	// found in the store.
	Named []Named
	// Collections and Exclude are patterns: of names of collections, as path.Match
	// reads them; for files and SQLite, Exclude are those of paths below
	// Store.V.Path, in the syntax of Store.Pattern. No Collections are all of them.
	Collections, Exclude []string
	// Folder says that Path is a folder of JSONL, though there is no pattern. Keyed
	// says that JSONL is merged by the ids of its lines, not as logs.
	Folder, Keyed bool

	collectionsFrom, excludeFrom, keyedFrom Source

	order int
}

// Named is a section that is known beforehand, and the name of its collection: "" where
// it is in none.
type Named struct {
	Section    memory.Section
	key        string // below collections, in the file
	Collection Value[string]
}

// Key is how the file names the source.
func (d *Declared) Key() string {
	if d.Preset {
		return "stores." + string(d.Name)
	}
	return "sources." + string(d.Name)
}

// InOrder returns the sources in the order in which they are opened: what refers to
// rows of another comes first.
func (c *Config) InOrder() []Declared {
	return slices.SortedStableFunc(slices.Values(c.Declared), func(a, b Declared) int { return a.rank() - b.rank() })
}

func (d *Declared) rank() int {
	if d.order == 0 {
		return math.MaxInt
	}
	return d.order
}

// Takes reports whether a collection is one of the source's, by its name. It knows
// nothing of leftovers of a swap, which are never a source.
func (d Declared) Takes(collection string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, collection)
		return err == nil && ok
	}
	return slices.ContainsFunc(d.taken(), matches) && !slices.ContainsFunc(d.Exclude, matches)
}

// OnlyMatches reports whether the source means a section by a pattern alone: nobody
// named it, neither by its collection or file nor, as files are, by the source.
func (d Declared) OnlyMatches(spec memory.SectionSpec) bool {
	switch {
	case len(d.Named) > 0, spec.Unit() == memory.Unit(spec.Name.Subsystem()):
		return false
	case spec.Kind == memory.Opaque:
		return d.Store.V.Pattern != ""
	}
	name := spec.Name.Name()
	if spec.Collection != nil && spec.Collection.Name != "" {
		name = spec.Collection.Name
	}
	return !slices.Contains(d.Collections, name)
}

// Knows reports whether the source takes a collection of its database, or leaves it out
// on purpose.
func (d *Declared) Knows(collection string) bool {
	excluded := func(pattern string) bool {
		ok, err := path.Match(pattern, collection)
		return err == nil && ok
	}
	return d.Takes(collection) || slices.ContainsFunc(d.Exclude, excluded)
}

// Literal are the collections that the file names as they are, not by a pattern.
func (d *Declared) Literal() (names []string) {
	for _, name := range d.Collections {
		if !strings.ContainsAny(name, `*?[\`) && d.Takes(name) {
			names = append(names, name)
		}
	}
	return names
}

// declared reads the sources of the file, and adds those of a preset that stand there.
func (l *loader) declared() error {
	entries := slices.Clone(l.file.Sources)
	for _, p := range l.preset.Sources {
		isPresets := func(e sourceEntry) bool { return e.name.text == string(p.Name) }
		if l.preset.Declares && !slices.ContainsFunc(entries, isPresets) {
			entries = append(entries, sourceEntry{name: scalar{text: string(p.Name)}})
		}
	}
	slices.SortStableFunc(entries, func(a, b sourceEntry) int { return strings.Compare(a.name.text, b.name.text) })
	for _, e := range entries {
		d, err := l.source(e)
		if err != nil {
			return err
		}
		l.cfg.Declared = append(l.cfg.Declared, d)
	}
	l.doubtOverlaps()
	l.doubtTokens()
	return nil
}

func (l *loader) source(e sourceEntry) (Declared, error) {
	d := Declared{Name: memory.Subsystem(e.name.text)}
	if err := l.checkName(e.name); err != nil {
		return d, err
	}
	base := Value[store.Ref]{}
	if i := slices.IndexFunc(l.preset.Sources, func(p presetSource) bool { return p.Name == d.Name }); i >= 0 {
		base.V, _ = l.opts.Kinds.Parse(l.preset.Sources[i].Store) // our own
		base.Source = l.fromPreset()
	}
	if !e.Entry.Store.given() && base.V.Kind == "" {
		return d, l.refuse(e.name, fmt.Errorf("source %s has no store", d.Name))
	}
	if parsed, err := l.opts.Kinds.Parse(e.Entry.Store.text); err == nil && l.kind(parsed).Patterns {
		err := l.fileSource(&d, e, parsed)
		return d, err
	}
	given, err := l.fileStore(entry(e.Entry), base)
	if err != nil {
		return d, err
	}
	if kind := l.kind(given.V); kind.Undeclared != "" {
		return d, &Error{Source: given.Source, Err: errors.New(kind.Undeclared), Hint: kind.Instead}
	}
	d.Store = given
	err = l.chromaSource(&d, e)
	return d, err
}

// checkName refuses what can't be a folder of a bundle, and what Neo's layout has.
func (l *loader) checkName(name scalar) error {
	sub := memory.Subsystem(name.text)
	switch {
	case !sub.Valid():
		return l.refuse(name, fmt.Errorf("source %.40q: want a name of lower case letters, digits, dashes and underscores", name.text))
	case sub == "index", sub == "images":
		return l.refuse(name, fmt.Errorf("source %q: a bundle keeps files of its own in a folder of that name; choose another", name.text))
	case !slices.Contains(memory.Subsystems(), sub):
		return nil
	}
	err := l.refuse(name, fmt.Errorf("source %q: the name is one of Neo's own subsystems", name.text))
	if err.Hint = "those are under stores"; l.preset.Declares {
		err.Hint = "choose another name"
	}
	return err
}

// chromaSource reads which collections of a Chroma are taken, and how.
func (l *loader) chromaSource(d *Declared, e sourceEntry) (err error) {
	if e.Keyed.given() {
		return l.refuse(e.Keyed, fmt.Errorf("a %s store is no JSONL: keyed is for files alone", d.Store.V.Kind))
	}
	if d.Way, d.Directory, err = l.way(entry(e.Entry), d.Store, Value[string]{}); err != nil {
		return err
	}
	if err := l.access(d, entry(e.Entry)); err != nil {
		return err
	}
	return l.takeCollections(d, e)
}

func (l *loader) takeCollections(d *Declared, e sourceEntry) error {
	given := append(slices.Clone(e.Collections), e.Exclude...)
	if err := l.checkNames(given); err != nil {
		return err
	}
	d.Collections, d.collectionsFrom = e.Collections.texts(), l.listSource(e.Collections)
	d.Exclude, d.excludeFrom = e.Exclude.texts(), l.listSource(e.Exclude)
	one := d.Store.V.Collection
	if one == "" {
		return nil
	}
	if len(given) > 0 {
		return l.refuse(given[0], fmt.Errorf("the store names one collection already, %.40q", one))
	}
	d.Collections, d.collectionsFrom, d.Store.V.Collection = []string{one}, d.Store.Source, ""
	return nil
}

// checkNames refuses a pattern that no name of a collection could match.
func (l *loader) checkNames(patterns list) error {
	for _, p := range patterns {
		if _, err := path.Match(p.text, ""); err != nil {
			return l.refuse(p, fmt.Errorf("%.40q is no pattern: %w", p.text, err))
		}
		if strings.ContainsAny(p.text, "/{}, ") {
			return &Error{
				Source: l.file.source(p), Err: fmt.Errorf("%.40q matches no collection: a name has letters, digits, dots, dashes and underscores", p.text),
				Hint: "a pattern has *, ? and [...]; for several of them write a list",
			}
		}
	}
	return nil
}

func (l *loader) listSource(items list) Source {
	if !items.given() {
		return Source{Kind: FromDefault}
	}
	return l.file.source(items[0])
}

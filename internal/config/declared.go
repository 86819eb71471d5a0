package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"keepsake/internal/memory"
)

// Declared is a source that the operator declares: a subsystem of the bundle that
// no preset knows of, and where it lives.
type Declared struct {
	Name memory.Subsystem
	// Vectors has the STORE: a Chroma server or directory, a SQLite database
	// (memory.KindSQLite) or files. How it is talked to is set for a Chroma alone.
	// Store.V.Pattern is set for a pattern, and for a folder, which is "*.jsonl".
	Vectors
	// Collections and Exclude are patterns: of names of collections, as path.Match
	// reads them; for files and SQLite, Exclude are those of paths below
	// Store.V.Path, in the syntax of Store.Pattern. No Collections are all of them.
	Collections, Exclude []string
	// Keyed says that JSONL is merged by the ids of its lines, not as logs.
	Keyed bool

	collectionsFrom, excludeFrom, keyedFrom Source
}

// Takes reports whether a collection is one of the source's, by its name. It knows
// nothing of leftovers of a swap, which are never a source.
func (d Declared) Takes(collection string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, collection)
		return err == nil && ok
	}
	return (len(d.Collections) == 0 || slices.ContainsFunc(d.Collections, matches)) && !slices.ContainsFunc(d.Exclude, matches)
}

// declared reads the sources of the file, and adds that of the preset chroma.
func (l *loader) declared() error {
	entries := slices.Clone(l.file.Sources)
	isPresets := func(e sourceEntry) bool { return e.name.text == PresetChroma }
	if l.cfg.Preset.V == PresetChroma && !slices.ContainsFunc(entries, isPresets) {
		entries = append(entries, sourceEntry{name: scalar{text: PresetChroma}})
	}
	for _, e := range entries {
		d, err := l.source(e)
		if err != nil {
			return err
		}
		l.cfg.Declared = append(l.cfg.Declared, d)
	}
	slices.SortFunc(l.cfg.Declared, func(a, b Declared) int { return strings.Compare(string(a.Name), string(b.Name)) })
	l.doubtOverlaps()
	l.doubtTokens()
	return nil
}

func (l *loader) source(e sourceEntry) (Declared, error) {
	d := Declared{Name: memory.Subsystem(e.name.text)}
	if err := l.checkName(e.name); err != nil {
		return d, err
	}
	base := Value[Store]{}
	if l.cfg.Preset.V == PresetChroma && e.name.text == PresetChroma {
		base = Value[Store]{localChroma(8000), l.fromPreset()}
	}
	if !e.Entry.Store.given() && base.V.Kind == "" {
		return d, l.refuse(e.name, fmt.Errorf("source %s has no store", d.Name))
	}
	if parsed, err := ParseStore(e.Entry.Store.text); err == nil && holdsFiles(parsed) {
		err := l.fileSource(&d, e, parsed)
		return d, err
	}
	store, err := l.fileStore(entry(e.Entry), base)
	if err != nil {
		return d, err
	}
	if d.Store = store; store.V.Kind != memory.KindChroma && store.V.Kind != memory.KindChromaDir {
		return d, refuseKind(store)
	}
	err = l.chromaSource(&d, e)
	return d, err
}

// checkName refuses what can't be a folder of a bundle, and what Neo's layout has.
func (l *loader) checkName(name scalar) error {
	sub := memory.Subsystem(name.text)
	switch {
	case !sub.Valid():
		return l.refuse(name, fmt.Errorf("source %.40q: want a name of lower case letters, digits, dashes and underscores", name.text))
	case !slices.Contains(memory.Subsystems(), sub):
		return nil
	}
	err := l.refuse(name, fmt.Errorf("source %q: the name is one of Neo's own subsystems", name.text))
	if err.Hint = "those are under stores"; !l.cfg.Neo() {
		err.Hint = "choose another name"
	}
	return err
}

func refuseKind(store Value[Store]) error {
	err := &Error{Source: store.Source}
	switch store.V.Kind {
	case memory.KindGraph:
		err.Err = errors.New("a graph store is the knowledge graph of Neo, and no declared source")
		err.Hint = "set stores.graph; any other SQLite database is kept whole: sqlite:FILE"
	default:
		err.Err = fmt.Errorf("a %s store is keepsake's own, for what is under stores, and no declared source", store.V.Kind)
		err.Hint = "a file of it is kept whole: sqlite:FILE"
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
	if err := l.access(&d.Vectors, entry(e.Entry)); err != nil {
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

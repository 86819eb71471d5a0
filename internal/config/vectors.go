package config

import (
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// vectors decides where the vectors of a preset's source are, and how to talk to them.
func (l *loader) vectors(d *Declared, p *presetSource) error {
	e := l.file.store(p.Name)
	_, named := l.env(p.From)
	if p.Shares != "" && l.cfg.Unified.V && !named && !e.Store.given() {
		return l.share(d, p, e)
	}
	base, err := l.opts.Kinds.Parse(p.Store)
	if err != nil {
		return err
	}
	preset := Value[store.Ref]{base, l.fromPreset()}
	if d.Store, err = l.vectorStore(p, e, preset); err != nil {
		return err
	}
	if err := l.nameByStore(d); err != nil {
		return err
	}
	if err := l.readVectors(d, p, e, preset); err != nil {
		return err
	}
	return l.access(d, e)
}

// nameByStore takes the name of the collection from behind the # of the STORE.
func (l *loader) nameByStore(d *Declared) error {
	name := d.Store.V.Collection
	if name == "" {
		return nil
	}
	if len(d.Named) > 1 {
		var keys, names []string
		for _, n := range d.Named {
			keys = append(keys, "collections."+n.key)
		}
		for _, s := range l.presetOf(d.Name).Sections {
			names = append(names, s.From[0])
		}
		return &Error{
			Source: d.Store.Source,
			Err:    fmt.Errorf("%s has two collections, so that one name after # is not enough", d.Name),
			Hint:   "set " + strings.Join(keys, " and ") + ", or " + strings.Join(names, " and "),
		}
	}
	if key := l.file.collection(d.Named[0].key); d.Store.Source.Kind == FromFile && key.given() {
		return &Error{Source: l.file.source(key), Err: fmt.Errorf("the collection is named in %s already", d.Key())}
	}
	d.Named[0].Collection = Value[string]{name, d.Store.Source}
	d.Store.V.Collection = ""
	return nil
}

// share puts a source where another is, and talks to it the way that does.
func (l *loader) share(d *Declared, p *presetSource, own entry) error {
	other := l.cfg.Source(p.Shares)
	if given, ok := own.first(); ok {
		return &Error{
			Source: l.file.source(given),
			Err:    fmt.Errorf("the topology is unified (%s), so that %s is what %s is", l.cfg.Unified.Source, d.Key(), other.Key()),
			Hint:   fmt.Sprintf("say it under %s, or give %s a store of its own and set topology: federated", other.Key(), d.Key()),
		}
	}
	d.Store, d.Way, d.Directory = other.Store, other.Way, other.Directory
	d.Token, d.Headers, d.PageRows, d.PageBytes, d.Timeout = other.Token, other.Headers, other.PageRows, other.PageBytes, other.Timeout
	return nil
}

// presetOf returns what the preset says of a source.
func (l *loader) presetOf(name memory.Subsystem) presetSource {
	i := slices.IndexFunc(l.preset.Sources, func(p presetSource) bool { return p.Name == name })
	return l.preset.Sources[i]
}

// vectorStore returns the STORE of the environment's name, else of the file, else
// base, to which weaker names of the environment apply.
func (l *loader) vectorStore(p *presetSource, e entry, base Value[store.Ref]) (Value[store.Ref], error) {
	ref, err := l.fileStore(e, base)
	if err != nil {
		return ref, err
	}
	text, ok := l.env(p.From)
	if ok {
		ref, err = l.store(text)
	} else {
		ref, err = l.neoAddress(p, ref)
	}
	if err != nil {
		return ref, err
	}
	if !l.kind(ref.V).CanHold(memory.Vectors) {
		return ref, &Error{Source: ref.Source, Err: fmt.Errorf("a %s store holds no vectors; want chroma:…, chromadir:… or collections:…", ref.V.Kind)}
	}
	// A database that comes with the stronger STORE stays.
	if ok && ref.V.Tenant != "" {
		return ref, nil
	}
	return l.neoDatabase(ref)
}

// fileStore returns what the file says of a store, over base.
func (l *loader) fileStore(e entry, base Value[store.Ref]) (Value[store.Ref], error) {
	ref := base
	if text, ok := l.key(e.Store); ok {
		var err error
		if ref, err = l.store(text); err != nil {
			return ref, err
		}
	}
	if err := l.checkDatabase(ref.V, "tenant", e.Tenant); err != nil {
		return ref, err
	}
	if err := l.checkDatabase(ref.V, "database", e.Database); err != nil {
		return ref, err
	}
	return l.inDatabase(ref, e), nil
}

// checkDatabase refuses a tenant or a database that has no place in store.
func (l *loader) checkDatabase(ref store.Ref, key string, given scalar) error {
	var err error
	switch {
	case !given.given():
		return nil
	case !l.kind(ref).Databases:
		err = fmt.Errorf("a %s store has no %s", ref.Kind, key)
	case ref.Tenant != "":
		err = fmt.Errorf("the %s is in the store already", key)
	case store.BadSegment(given.text):
		err = fmt.Errorf("%.40q is no name of a %s", given.text, key)
	default:
		return nil
	}
	return &Error{Source: l.file.source(given), Err: err}
}

// inDatabase puts a Chroma into the tenant and the database of the file.
func (l *loader) inDatabase(ref Value[store.Ref], e entry) Value[store.Ref] {
	if tenant, ok := l.key(e.Tenant); ok {
		ref.V = ref.V.InDatabase()
		ref.V.Tenant, ref.Source = tenant.V, ref.Source.and(tenant.Source)
	}
	if database, ok := l.key(e.Database); ok {
		ref.V = ref.V.InDatabase()
		ref.V.Database, ref.Source = database.V, ref.Source.and(database.Source)
	}
	return ref
}

// kind is what is known of the kind of a store.
func (l *loader) kind(r store.Ref) store.Kind { return l.opts.Kinds.Of(r.Kind) }

// ref is the store of a kind at a path.
func (l *loader) ref(kind string, path Value[string]) Value[store.Ref] {
	return Value[store.Ref]{store.Ref{Kind: kind, Path: path.V}, path.Source}
}

// store parses a STORE and makes its path absolute.
func (l *loader) store(text Value[string]) (Value[store.Ref], error) {
	ref, err := l.opts.Kinds.Parse(text.V)
	if err != nil {
		return Value[store.Ref]{}, &Error{Source: text.Source, Err: err}
	}
	if ref.Path != "" {
		path, err := l.absolute(Value[string]{ref.Path, text.Source})
		if err != nil {
			return Value[store.Ref]{}, err
		}
		ref.Path = path.V
	}
	return Value[store.Ref]{ref, text.Source}, nil
}

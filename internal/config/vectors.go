package config

import (
	"errors"
	"fmt"

	"keepsake/internal/memory"
)

// vectors decides where KB and MC are, and how to talk to them.
func (l *loader) vectors() error {
	if err := l.knowledgeBase(); err != nil {
		return err
	}
	if err := l.memories(); err != nil {
		return err
	}
	return l.checkTopology()
}

func (l *loader) knowledgeBase() error {
	base := Value[Store]{localChroma(8000), l.fromPreset()}
	store, err := l.vectorStore(kbStore, l.file.Stores.KB, base, l.neoAddress)
	if err != nil {
		return err
	}
	if name := store.V.Collection; name != "" {
		if store.Source.Kind == FromFile && l.file.Collections.KnowledgeBase.given() {
			return &Error{Source: l.file.source(l.file.Collections.KnowledgeBase), Err: errors.New("the collection is named in stores.kb already")}
		}
		l.cfg.KnowledgeBase = Value[string]{name, store.Source}
		store.V.Collection = ""
	}
	l.cfg.KB.Store = store
	usual, _ := l.cfg.ChromaDirs()
	if err := l.readVectors(&l.cfg.KB, kbStore, l.file.Stores.KB, base, usual); err != nil {
		return err
	}
	return l.access(&l.cfg.KB, l.file.Stores.KB)
}

func (l *loader) memories() error {
	own := l.file.Stores.MC
	_, named := l.env(mcStore)
	if l.cfg.Unified.V && !named && !own.Store.given() {
		return l.sharedMemories(own)
	}
	base := Value[Store]{localChroma(8001), l.fromPreset()}
	store, err := l.vectorStore(mcStore, own, base, nil)
	if err != nil {
		return err
	}
	if store.V.Collection != "" {
		return &Error{
			Source: store.Source,
			Err:    errors.New("mc has two collections, so that one name after # is not enough"),
			Hint:   "set collections.memory and collections.summaries, or NEO_MEMORY_COLLECTION_NAME and NEO_SESSION_COLLECTION_NAME",
		}
	}
	l.cfg.MC.Store = store
	_, usual := l.cfg.ChromaDirs()
	if err := l.readVectors(&l.cfg.MC, mcStore, own, base, usual); err != nil {
		return err
	}
	return l.access(&l.cfg.MC, own)
}

// sharedMemories puts MC where KB is, and talks to it the way KB does.
func (l *loader) sharedMemories(own entry) error {
	if given, ok := own.first(); ok {
		return &Error{
			Source: l.file.source(given),
			Err:    fmt.Errorf("the topology is unified (%s), so that stores.mc is what stores.kb is", l.cfg.Unified.Source),
			Hint:   "say it under stores.kb, or give stores.mc a store of its own and set topology: federated",
		}
	}
	l.cfg.MC = l.cfg.KB
	return nil
}

func localChroma(port int) Store {
	return Store{Kind: memory.KindChroma, Scheme: "http", Host: "localhost", Port: port}
}

// vectorStore returns the STORE of the environment's name, else of the file, else
// base; adjust then applies weaker names of the environment.
func (l *loader) vectorStore(name string, e entry, base Value[Store], adjust func(Value[Store]) (Value[Store], error)) (Value[Store], error) {
	store, err := l.fileStore(e, base)
	if err != nil {
		return store, err
	}
	text, ok := l.env(name)
	if ok {
		if store, err = l.store(text); err != nil {
			return store, err
		}
	} else if adjust != nil {
		if store, err = adjust(store); err != nil {
			return store, err
		}
	}
	if !store.V.holdsVectors() {
		return store, &Error{Source: store.Source, Err: fmt.Errorf("a %s store holds no vectors; want chroma:…, chromadir:… or collections:…", store.V.Kind)}
	}
	// A database that comes with the stronger STORE stays.
	if ok && store.V.Tenant != "" {
		return store, nil
	}
	return l.neoDatabase(store)
}

// fileStore returns what the file says of a store, over base.
func (l *loader) fileStore(e entry, base Value[Store]) (Value[Store], error) {
	store := base
	if text, ok := l.key(e.Store); ok {
		var err error
		if store, err = l.store(text); err != nil {
			return store, err
		}
	}
	if err := l.checkDatabase(store.V, "tenant", e.Tenant); err != nil {
		return store, err
	}
	if err := l.checkDatabase(store.V, "database", e.Database); err != nil {
		return store, err
	}
	return l.inDatabase(store, e), nil
}

// checkDatabase refuses a tenant or a database that has no place in store.
func (l *loader) checkDatabase(store Store, key string, given scalar) error {
	var err error
	switch {
	case !given.given():
		return nil
	case store.Kind != memory.KindChroma && store.Kind != memory.KindChromaDir:
		err = fmt.Errorf("a %s store has no %s", store.Kind, key)
	case store.Tenant != "":
		err = fmt.Errorf("the %s is in the store already", key)
	case badSegment(given.text):
		err = fmt.Errorf("%.40q is no name of a %s", given.text, key)
	default:
		return nil
	}
	return &Error{Source: l.file.source(given), Err: err}
}

// inDatabase puts a Chroma into the tenant and the database of the file.
func (l *loader) inDatabase(store Value[Store], e entry) Value[Store] {
	if tenant, ok := l.key(e.Tenant); ok {
		store.V = store.V.withDatabase()
		store.V.Tenant, store.Source = tenant.V, store.Source.and(tenant.Source)
	}
	if database, ok := l.key(e.Database); ok {
		store.V = store.V.withDatabase()
		store.V.Database, store.Source = database.V, store.Source.and(database.Source)
	}
	return store
}

// store parses a STORE and makes its path absolute.
func (l *loader) store(text Value[string]) (Value[Store], error) {
	store, err := ParseStore(text.V)
	if err != nil {
		return Value[Store]{}, &Error{Source: text.Source, Err: err}
	}
	if store.Path != "" {
		path, err := l.absolute(Value[string]{store.Path, text.Source})
		if err != nil {
			return Value[Store]{}, err
		}
		store.Path = path.V
	}
	return Value[Store]{store, text.Source}, nil
}

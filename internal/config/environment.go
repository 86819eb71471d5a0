package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"keepsake/internal/memory"
)

// The names that are looked up in the environment: ours, and those that Neo.mjs
// reads itself, of which the older ones come second.
const (
	kbStore          = "KEEPSAKE_KB_CHROMA"
	mcStore          = "KEEPSAKE_MC_CHROMA"
	chromaToken      = "KEEPSAKE_CHROMA_TOKEN"
	chromaHost       = "NEO_CHROMA_HOST"
	chromaPort       = "NEO_CHROMA_PORT"
	chromaHostOlder  = "NEO_KB_CHROMA_HOST"
	chromaPortOlder  = "NEO_KB_CHROMA_PORT"
	chromaUnified    = "NEO_CHROMA_UNIFIED"
	chromaDatabase   = "NEO_CHROMA_DATABASE"
	memoryName       = "NEO_MEMORY_COLLECTION_NAME"
	memoryNameOlder  = "MEMORY_COLLECTION_NAME"
	sessionName      = "NEO_SESSION_COLLECTION_NAME"
	sessionNameOlder = "SESSION_COLLECTION_NAME"
	graphPath        = "NEO_MEMORY_DB_PATH"
	backupPath       = "NEO_BACKUP_PATH"
	retainK          = "NEO_BACKUP_RETAIN_K"
	retainDays       = "NEO_BACKUP_RETAIN_DAYS"
	vectorDimension  = "NEO_VECTOR_DIMENSION"
	allowProduction  = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE"
	allowProduction2 = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE"
)

// neoNames are those that say where a memory of Neo.mjs is and what is in it.
var neoNames = []string{
	kbStore, mcStore, chromaHost, chromaPort, chromaHostOlder, chromaPortOlder, chromaUnified, chromaDatabase,
	memoryName, memoryNameOlder, sessionName, sessionNameOlder, graphPath, vectorDimension,
}

// neoAddress applies Neo's names for the host and the port of KB's Chroma.
func (l *loader) neoAddress(store Value[Store]) (Value[Store], error) {
	host, hasHost := l.env(chromaHost, chromaHostOlder)
	port, hasPort := l.env(chromaPort, chromaPortOlder)
	if !hasHost && !hasPort {
		return store, nil
	}
	if store.V.Kind != memory.KindChroma {
		return store, &Error{
			Source: either(host, port).Source,
			Err:    fmt.Errorf("it names a Chroma server, but kb is %s (%s)", store.V, store.Source),
			Hint:   "unset it, or set KEEPSAKE_KB_CHROMA, which comes first",
		}
	}
	source := store.Source
	if hasHost {
		var err error
		if store.V.Scheme, store.V.Host, err = schemeAndHost(host.V); err != nil {
			return store, &Error{Source: host.Source, Err: err}
		}
		source = host.Source.and(source)
	}
	if hasPort {
		n, err := parsePort(port.V, store.V.Scheme)
		if err != nil {
			return store, &Error{Source: port.Source, Err: err}
		}
		store.V.Port = n
		if source = port.Source.and(store.Source); hasHost {
			source = host.Source.and(port.Source)
		}
	}
	store.Source = source
	return store, nil
}

func either(a, b Value[string]) Value[string] {
	if a.Source.Kind != "" {
		return a
	}
	return b
}

// schemeAndHost reads NEO_CHROMA_HOST, which may begin with a scheme: Neo's own
// deployment guide writes "http://chroma".
func schemeAndHost(text string) (scheme, host string, err error) {
	scheme = "http"
	if before, after, ok := strings.Cut(text, "://"); ok {
		scheme, text = before, after
	}
	if scheme != "http" && scheme != "https" {
		return "", "", errors.New("want a host, or one after http:// or https://")
	}
	if strings.ContainsAny(text, "@?") {
		return "", "", ErrCredentials
	}
	host, err = parseHost(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(text, "/"), "["), "]"))
	return scheme, host, err
}

// neoDatabase applies NEO_CHROMA_DATABASE to a Chroma server.
func (l *loader) neoDatabase(store Value[Store]) (Value[Store], error) {
	database, ok := l.env(chromaDatabase)
	if !ok || store.V.Kind != memory.KindChroma {
		return store, nil
	}
	if badSegment(database.V) {
		return store, &Error{Source: database.Source, Err: errors.New("no name of a database")}
	}
	store.V = store.V.withDatabase()
	store.V.Database = database.V
	store.Source = store.Source.and(database.Source)
	return store, nil
}

// dimension reads what the embedding provider is said to make.
func (l *loader) dimension() (err error) {
	text, ok := l.env(vectorDimension)
	if !ok {
		text, ok = l.key(l.file.VectorDimension)
	}
	l.cfg.VectorDimension = Value[int]{4096, l.fromPreset()}
	if ok {
		l.cfg.VectorDimension, err = number(text, 1)
	}
	return err
}

// number parses a whole number. Nothing is rounded or cut, and nothing that does
// not parse falls back to a default.
func number(text Value[string], minimum int) (Value[int], error) {
	n, err := strconv.Atoi(text.V)
	if err != nil || n < minimum {
		return Value[int]{}, &Error{Source: text.Source, Err: fmt.Errorf("%.40q is no whole number from %d up", text.V, minimum)}
	}
	return Value[int]{n, text.Source}, nil
}

// permission reads the first factor of the guard: exactly "true" in the
// environment. The file can't give it.
func (l *loader) permission() error {
	l.cfg.AllowProduction = Value[bool]{false, Source{Kind: FromDefault}}
	for _, name := range []string{allowProduction, allowProduction2} {
		text, ok := l.env(name)
		if ok && (text.V == "true" || l.cfg.AllowProduction.Source.Kind == FromDefault) {
			l.cfg.AllowProduction = Value[bool]{text.V == "true", text.Source}
		}
		if l.cfg.AllowProduction.V {
			break
		}
	}
	return nil
}

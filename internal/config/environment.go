package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"keepsake/internal/store"
)

// The names that are looked up in the environment, beside those of the presets: ours,
// and those that Neo.mjs reads itself.
const (
	chromaToken      = "KEEPSAKE_CHROMA_TOKEN"
	backupPath       = "NEO_BACKUP_PATH"
	retainK          = "NEO_BACKUP_RETAIN_K"
	retainDays       = "NEO_BACKUP_RETAIN_DAYS"
	allowProduction  = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE"
	allowProduction2 = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE"
)

// neoAddress applies the names for the host and the port of a source's Chroma.
func (l *loader) neoAddress(p *presetSource, at Value[store.Ref]) (Value[store.Ref], error) {
	host, hasHost := l.env(p.HostFrom...)
	port, hasPort := l.env(p.PortFrom...)
	if !hasHost && !hasPort {
		return at, nil
	}
	if !l.kind(at.V).Server {
		return at, &Error{
			Source: either(host, port).Source,
			Err:    fmt.Errorf("it names a Chroma server, but %s is %s (%s)", p.Name, at.V, at.Source),
			Hint:   "unset it, or set " + p.From + ", which comes first",
		}
	}
	source := at.Source
	if hasHost {
		var err error
		if at.V.Scheme, at.V.Host, err = schemeAndHost(host.V); err != nil {
			return at, &Error{Source: host.Source, Err: err}
		}
		source = host.Source.and(source)
	}
	if hasPort {
		n, err := store.ParsePort(port.V, at.V.Scheme)
		if err != nil {
			return at, &Error{Source: port.Source, Err: err}
		}
		at.V.Port = n
		if source = port.Source.and(at.Source); hasHost {
			source = host.Source.and(port.Source)
		}
	}
	at.Source = source
	return at, nil
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
		return "", "", store.ErrCredentials
	}
	host, err = store.ParseHost(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(text, "/"), "["), "]"))
	return scheme, host, err
}

// neoDatabase applies the preset's name of a database to a Chroma server.
func (l *loader) neoDatabase(at Value[store.Ref]) (Value[store.Ref], error) {
	database, ok := l.env(l.preset.DatabaseFrom)
	if !ok || !l.kind(at.V).Server {
		return at, nil
	}
	if store.BadSegment(database.V) {
		return at, &Error{Source: database.Source, Err: errors.New("no name of a database")}
	}
	at.V = at.V.InDatabase()
	at.V.Database = database.V
	at.Source = at.Source.and(database.Source)
	return at, nil
}

// dimension reads what the embedding provider is said to make.
func (l *loader) dimension() (err error) {
	preset := l.preset.VectorDimension
	if preset.Value == 0 {
		return nil
	}
	text, ok := l.env(preset.From)
	if !ok {
		text, ok = l.key(l.file.VectorDimension)
	}
	l.cfg.VectorDimension = Value[int]{preset.Value, l.fromPreset()}
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

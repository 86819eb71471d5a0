package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Way is how the vectors of a Chroma are read.
type Way string

// The ways. WayAuto is from the directory where that is whole and holds what the
// server gives, and else over HTTP: the server has to answer.
const (
	WayHTTP      Way = "http"
	WayDirectory Way = "directory"
	WayAuto      Way = "auto"
)

// way returns how store is read and the directory for it: what e says of both,
// else over HTTP. The directory that nobody names is usual, if there is one.
// Whatever would be silently unused is refused.
func (l *loader) way(e entry, at Value[store.Ref], usual Value[string]) (way Value[Way], dir Value[string], err error) {
	if way, err = l.askedWay(e.Source); err != nil {
		return way, dir, err
	}
	switch kind := l.kind(at.V); {
	case kind.Server:
		dir, err = l.directory(e.Directory, way, usual)
		return way, dir, err
	case kind.Databases: // a directory
		if e.Directory.given() {
			return way, dir, l.refuse(e.Directory, errors.New("the directory is in the store already"))
		}
		if e.Source.given() && way.V != WayDirectory {
			return way, dir, l.refuse(e.Source, errors.New("a chromadir store is always read as a directory"))
		}
		if !e.Source.given() {
			way.Source = at.Source
		}
		way.V = WayDirectory
		return way, Value[string]{at.V.Path, at.Source}, nil
	}
	if e.Directory.given() {
		return way, dir, l.refuse(e.Directory, fmt.Errorf("a %s store has no directory", at.V.Kind))
	}
	if way.V != WayHTTP {
		return way, dir, l.refuse(e.Source, fmt.Errorf("a %s store can't be read by source %s", at.V.Kind, way.V))
	}
	return Value[Way]{}, dir, nil
}

func (l *loader) askedWay(given scalar) (Value[Way], error) {
	text, ok := l.key(given)
	if !ok {
		return Value[Way]{WayHTTP, Source{Kind: FromDefault}}, nil
	}
	switch way := Way(text.V); way {
	case WayHTTP, WayDirectory, WayAuto:
		return Value[Way]{way, text.Source}, nil
	}
	return Value[Way]{}, l.refuse(given, fmt.Errorf("unknown source %.40q; want http, directory or auto", text.V))
}

// directory returns where a Chroma that is read in that way persists.
func (l *loader) directory(given scalar, way Value[Way], usual Value[string]) (Value[string], error) {
	path, ok := l.key(given)
	switch {
	case way.V == WayHTTP && ok:
		return Value[string]{}, &Error{
			Source: path.Source, Err: errors.New("nothing would be read from the directory"),
			Hint: "set source: directory, or source: auto beside it",
		}
	case way.V == WayHTTP:
		return Value[string]{}, nil
	case ok:
		return l.absolute(path)
	case usual.V == "":
		return Value[string]{}, &Error{
			Source: way.Source, Err: fmt.Errorf("source %s needs a directory", way.V),
			Hint: "set directory: to the folder that the server persists in",
		}
	}
	return usual, nil
}

// refuse is an error about a value of the file.
func (l *loader) refuse(given scalar, err error) *Error {
	return &Error{Source: l.file.source(given), Err: err}
}

// readVectors decides how the vectors of a preset's source are read, once d.Store is
// known. What the file says is about the server that the file names: beside another
// one, that the environment's name puts in its place, it would read one memory for
// another.
func (l *loader) readVectors(d *Declared, p *presetSource, e entry, base Value[store.Ref]) error {
	own, err := l.fileStore(e, base)
	if err != nil {
		return err
	}
	usual := p.Directory
	if l.cfg.Unified.V {
		usual = l.preset.Topology.Unified
	}
	if d.Way, d.Directory, err = l.way(e, own, l.inDataDir(filepath.FromSlash(usual))); err != nil {
		return err
	}
	if own, err = l.neoDatabase(own); err != nil {
		return err
	}
	named, ok := l.env(p.From)
	if !ok || own.V.Same(d.Store.V) {
		return nil
	}
	if e.Source.given() {
		l.warn("source-overruled",
			fmt.Sprintf("%s is not followed (source: %s): %s names another store", l.file.source(e.Source), e.Source.text, named.Source),
			"name that store in the file to have it read so")
	}
	d.Way, d.Directory, err = l.way(entry{}, d.Store, Value[string]{})
	return err
}

// shareWay has MC read as KB is when both are one Chroma. It refuses two ways.
func (l *loader) shareWay() error {
	kb, mc := l.cfg.Source(memory.KB), l.cfg.Source(memory.MC)
	differ := kb.Way.V != mc.Way.V || kb.Directory.V != mc.Directory.V
	if given := l.file.store(mc.Name).Source; differ && given.given() && mc.Way.Source == l.file.source(given) {
		return &Error{
			Source: mc.Way.Source,
			Err:    fmt.Errorf("the topology is unified (%s), so that mc is read as kb is", l.cfg.Unified.Source),
			Hint:   "say it under stores.kb",
		}
	}
	mc.Way, mc.Directory = kb.Way, kb.Directory
	return nil
}

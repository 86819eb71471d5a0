package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/pattern"
	"keepsake/internal/store"
)

// stateDir is keepsake's own folder in the data dir.
const stateDir = ".keepsake"

// jsonl is what a folder of files means.
const jsonl = "*.jsonl"

// fileSource reads which files are taken. What is only of a Chroma is refused.
func (l *loader) fileSource(d *Declared, e sourceEntry, parsed store.Ref) (err error) {
	if key, given := e.ofChroma(); given.given() {
		return l.refuse(given, fmt.Errorf("a %s store has no %s", parsed.Kind, key))
	}
	if d.Store, err = l.fileStoreBelow(e.Entry.Store, parsed); err != nil {
		return err
	}
	if d.Keyed, d.keyedFrom, err = l.keyed(e.Keyed, l.kind(parsed)); err != nil {
		return err
	}
	for _, p := range e.Exclude {
		text := filepath.ToSlash(p.text)
		if d.Store.V.Pattern == "" {
			return l.refuse(p, errors.New("the store is one file, of which nothing can be left out"))
		}
		if err := pattern.Check(text); err != nil {
			return l.refuse(p, err)
		}
		d.Exclude = append(d.Exclude, text)
	}
	d.excludeFrom = l.listSource(e.Exclude)
	l.leaveOutOurs(d)
	return nil
}

// leaveOutOurs excludes our own folders from what goes down to them: a bundle that
// holds the bundles before it doubles from one to the next.
func (l *loader) leaveOutOurs(d *Declared) {
	state := Value[string]{l.cfg.DataDir.V, l.cfg.DataDir.Source}
	if state.V != "" {
		state.V = filepath.Join(state.V, stateDir)
	}
	s := d.Store.V
	for _, own := range []Value[string]{l.cfg.BackupRoot, state} {
		rel, err := filepath.Rel(s.Path, own.V)
		if err != nil || s.Pattern == "" || !filepath.IsLocal(rel) || !(pattern.Pattern{Glob: s.Pattern}).MayReach(filepath.ToSlash(rel)) {
			continue
		}
		if rel == "." {
			l.warn("source-holds-bundles",
				fmt.Sprintf("sources.%s (%s) looks for files in %s, where keepsake puts its own (%s)", d.Name, d.Store.Source, s.Path, own.Source),
				"set backup-root to a folder of its own")
			continue
		}
		d.Exclude = append(d.Exclude, pattern.Literal(filepath.ToSlash(rel))+"/**")
		if d.excludeFrom.Kind == FromDefault {
			d.excludeFrom = own.Source
		} else {
			d.excludeFrom = d.excludeFrom.and(own.Source)
		}
	}
}

// ofChroma returns the first of the given keys that only a Chroma has a use for.
func (e *sourceEntry) ofChroma() (string, scalar) {
	var header, collection scalar
	if names := slices.Sorted(maps.Keys(e.Entry.Headers)); len(names) > 0 {
		header = e.Entry.Headers[names[0]]
	}
	if e.Collections.given() {
		collection = e.Collections[0]
	}
	for _, c := range []struct {
		key   string
		given scalar
	}{
		{"tenant", e.Entry.Tenant},
		{"database", e.Entry.Database},
		{"token-file", e.Entry.TokenFile},
		{"headers", header},
		{"page-rows", e.Entry.PageRows},
		{"page-bytes", e.Entry.PageBytes},
		{"timeout", e.Entry.Timeout},
		{"source", e.Entry.Source},
		{"directory", e.Entry.Directory},
		{"collections", collection},
	} {
		if c.given.given() {
			return c.key, c.given
		}
	}
	return "", scalar{}
}

func (l *loader) keyed(given scalar, kind store.Kind) (bool, Source, error) {
	text, ok := l.key(given)
	switch {
	case !ok:
		return false, Source{Kind: FromDefault}, nil
	case !kind.CanHold(memory.Lines):
		return false, Source{}, l.refuse(given, fmt.Errorf("a %s store is no JSONL: keyed is for files alone", kind.Name))
	case text.V != "true" && text.V != "false":
		return false, Source{}, l.refuse(given, fmt.Errorf("%.40q is neither true nor false", text.V))
	}
	return text.V == "true", text.Source, nil
}

// fileStoreBelow makes the path of a store absolute, and tells its pattern apart:
// the folder of the configuration may have a name that looks like one.
func (l *loader) fileStoreBelow(given scalar, parsed store.Ref) (Value[store.Ref], error) {
	source := l.file.source(given)
	dir, glob, err := pattern.Split(parsed.Path)
	if err != nil {
		return Value[store.Ref]{}, &Error{Source: source, Err: err}
	}
	at, err := l.absolute(Value[string]{dir, source})
	if err != nil {
		return Value[store.Ref]{}, err
	}
	below := Value[store.Ref]{store.Ref{Kind: parsed.Kind, Path: at.V, Pattern: glob}, source}
	if glob != "" {
		return below, nil
	}
	lines := l.kind(parsed).CanHold(memory.Lines)
	folder := lines && namesFolder(parsed.Path)
	if folder {
		below.V.Pattern = jsonl
	}
	return below, checkThere(below, lines, folder)
}

// namesFolder reports whether path names a folder rather than a file: by its form
// alone, so that it means the same when all of it is lost.
func namesFolder(path string) bool {
	if path != "" && os.IsPathSeparator(path[len(path)-1]) {
		return true
	}
	return filepath.Ext(strings.TrimLeft(filepath.Base(path), ".")) == ""
}

// checkThere refuses a folder that is named like a file, and a file that is named
// like a folder. What is absent or can't be looked at is the store's affair.
func checkThere(at Value[store.Ref], lines, folder bool) error {
	info, err := os.Stat(at.V.Path)
	if err != nil || info.IsDir() == folder {
		return nil
	}
	refused := &Error{Source: at.Source}
	switch path := at.V.Path; {
	case folder:
		refused.Err = fmt.Errorf("%s is a file, and a name without an extension means a folder", path)
		refused.Hint = "write it as a pattern: files:" + filepath.Join(filepath.Dir(path), "{"+filepath.Base(path)+"}")
	case !lines:
		refused.Err = fmt.Errorf("%s is a folder; want a file, or a pattern below it", path)
		refused.Hint = "write sqlite:" + filepath.Join(path, "*.sqlite")
	default:
		refused.Err = fmt.Errorf("%s is a folder, and a name with an extension means a file", path)
		refused.Hint = "write a slash behind it: files:" + path + string(filepath.Separator)
	}
	return refused
}

// sharesFile reports whether a file of d is also one of other, as far as can be told
// without looking.
func (d *Declared) sharesFile(other *Declared) bool {
	for _, pair := range [][2]*Declared{{d, other}, {other, d}} {
		for _, path := range pair[0].examples(pair[1]) {
			if d.takesFile(path) && other.takesFile(path) {
				return true
			}
		}
	}
	return false
}

// examples returns paths that d may take, made up so that other might as well.
func (d *Declared) examples(other *Declared) []string {
	s := d.files()
	if s.Pattern == "" {
		return []string{s.Path}
	}
	fills := []string{"", "x"}
	if o := other.files(); o.Pattern != "" {
		fills = append(fills, pattern.Example(o.Pattern[strings.LastIndex(o.Pattern, "/")+1:], ""))
	}
	var paths []string
	for _, fill := range fills {
		paths = append(paths, filepath.Join(s.Path, filepath.FromSlash(pattern.Example(s.Pattern, fill))))
		if rel, err := filepath.Rel(s.Path, other.Store.V.Path); err == nil && strings.HasPrefix(s.Pattern, "**/") {
			paths = append(paths, filepath.Join(s.Path, rel, filepath.FromSlash(pattern.Example(s.Pattern, fill))))
		}
	}
	return paths
}

// takesFile reports whether the file at an absolute path is one of d's.
func (d *Declared) takesFile(path string) bool {
	s := d.files()
	if s.Pattern == "" {
		return s.Path == path
	}
	rel, err := filepath.Rel(s.Path, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return false
	}
	return pattern.Pattern{Glob: s.Pattern, Exclude: d.Exclude}.Takes(filepath.ToSlash(rel))
}

// files is the store with the pattern that a folder stands for.
func (d *Declared) files() store.Ref {
	s := d.Store.V
	if d.Folder {
		s.Pattern = jsonl
	}
	return s
}

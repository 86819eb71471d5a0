package chromadir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Rescue reads whatever a damaged directory still holds: rows, rows without
// their vectors (null), vectors without their rows, and, where even ids are lost,
// vectors under their labels. The session's sections are the configured ones and,
// under config.Others, all others; what it yields is what the report counts.
// It is an error when the directory, or a folder for temporary files, can't be
// used at all, and ErrUnreadable when nothing is there to be read. Who calls it
// closes the session.
func Rescue(ctx context.Context, config Config) (*Session, *Report, error) {
	d := New(config)
	path, info, err := store.Locate(config.Path)
	switch {
	case err != nil:
	case info == nil:
		err = errors.New("there is nothing")
	case !info.IsDir():
		err = errors.New("it is no folder")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("rescue %s: %w: %w", config.Path, store.ErrUnreachable, err)
	}
	var report *Report
	s, err := d.settle(ctx, func() (*Session, error) {
		s, r, err := d.rescue(ctx, path)
		report = r
		return s, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("rescue %s: %w", path, err)
	}
	return s, report, nil
}

// rescue looks once.
func (d *Dir) rescue(ctx context.Context, path string) (*Session, *Report, error) {
	r := rescuer{
		Session: &Session{config: d.config, path: path, started: d.config.Now(), parts: map[memory.Section]*part{}},
		report:  &Report{Path: path, Collections: []Recovered{}, Left: []Left{}},
	}
	err := r.look(ctx)
	if err == nil && len(r.parts) == 0 {
		err = fmt.Errorf("%w: it holds no collection and no index: %s", store.ErrUnreadable,
			cmp.Or(r.report.Database, "the database names none"))
	}
	if err == nil {
		err = r.count(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r.Session, r.report, nil
}

type rescuer struct {
	*Session
	report *Report
}

// look copies and loads what there is.
func (r *rescuer) look(ctx context.Context) error {
	before, err := printIndexes(r.path)
	if err != nil {
		return err
	}
	if r.copy, err = r.config.newSnapshot(); err != nil {
		return err
	}
	found, err := r.collections(ctx)
	if err != nil {
		return err
	}
	if r.report.Database == "" {
		r.claim(ctx, found)
	}
	r.folders(before, found)
	for _, p := range r.parts {
		var damage error
		if p.folder, damage, err = r.copy.copyIndex(r.path, p.vectors); err != nil {
			return err
		}
		if damage != nil {
			p.problems = append(p.problems, damage)
		}
	}
	if after, err := printIndexes(r.path); err != nil || !maps.Equal(before, after) {
		return errors.Join(errMoving, err)
	}
	for _, p := range r.parts {
		if err := p.salvage(ctx, r.copy); err != nil {
			return err
		}
	}
	return nil
}

// collections copies the database and lists what is in it. A database that is
// not there or damaged is noted, and no error.
func (r *rescuer) collections(ctx context.Context) ([]*collection, error) {
	err := r.copy.takeDatabase(ctx, &r.config, r.path)
	var found []*collection
	if err == nil {
		found, err = r.copy.db.collections(ctx, "", "")
	}
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil, !damaged(err) && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	r.report.Database = words(err)
	err = r.copy.db.close()
	r.copy.db = nil
	return nil, err
}

// claim makes sections of the collections of the database.
func (r *rescuer) claim(ctx context.Context, found []*collection) {
	names := map[string]memory.Section{}
	for section, name := range r.config.Collections {
		names[name] = section
	}
	for _, c := range found {
		p := &part{collection: c, rescued: true}
		if err := r.copy.db.complete(ctx, c); err != nil {
			p.problems = append(p.problems, err)
		}
		section, named := names[c.name]
		ours := c.tenant == r.config.Tenant && c.database == r.config.Database
		switch why := c.foreign(true); {
		case why != "":
			r.leave(c.name, why)
		case named && ours:
			r.parts[section] = p
		case ours:
			r.other(p, c.name)
		default:
			r.other(p, c.tenant, c.database, c.name)
		}
	}
}

// folders makes sections of indexes that no database names. Where there is one,
// an index that it does not name is of a collection that was dropped.
func (r *rescuer) folders(indexes map[string]string, found []*collection) {
	for _, folder := range slices.Sorted(maps.Keys(indexes)) {
		if slices.ContainsFunc(found, func(c *collection) bool { return c.vectors == folder }) || !isIndex(filepath.Join(r.path, folder)) {
			continue
		}
		if r.report.Database == "" {
			r.leave(folder, "the database names no collection that has this index")
			continue
		}
		lost := errors.New(r.report.Database + ": rows that were in no saved index are lost, and all documents")
		r.other(&part{collection: &collection{vectors: folder}, rescued: true, problems: []error{lost}}, shortName(folder, indexes))
	}
}

// shortName is the first part of a folder's name, which is a UUID, where no other
// folder's begins so.
func shortName(folder string, all map[string]string) string {
	first, _, _ := strings.Cut(folder, "-")
	for other := range all {
		if other != folder && strings.HasPrefix(other, first) {
			return folder
		}
	}
	return first
}

// isIndex reports whether a folder holds an index, or a part of one.
func isIndex(folder string) bool {
	return slices.ContainsFunc([]string{headerFile, level0File, pickleFile}, func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	})
}

// other makes a section under Others of what no section names. In a damaged database
// a name may be anything, and come twice.
func (r *rescuer) other(p *part, path ...string) {
	if r.config.Others == "" {
		r.leave(path[len(path)-1], "it is no section")
		return
	}
	section := memory.Section(r.config.Others)
	for _, element := range path {
		if element = url.PathEscape(element); strings.Trim(element, ".") == "" {
			element = "_" + element
		}
		section = store.SectionOf(memory.Subsystem(section), element)
	}
	for r.parts[section] != nil {
		section += "_"
	}
	r.parts[section] = p
}

func (r *rescuer) leave(name, why string) {
	r.report.Left = append(r.report.Left, Left{name, why})
}

// salvage loads what there is of a part. Its error is only that the context
// ended, or that there is no room for what it copies: then nothing is known to be lost.
func (p *part) salvage(ctx context.Context, from *snapshot) (err error) {
	var full error
	note := func(err error) {
		if sqlitefile.NoRoom(err) {
			full = err
		} else if err != nil {
			p.problems = append(p.problems, err)
		}
	}
	space := ""
	if from.db != nil {
		space = p.distance()
		p.positions, err = from.db.positions(ctx, p.collection)
		note(err)
	}
	if p.index, err = loadIndex(ctx, p.folder, space); err != nil {
		return err
	}
	if p.dimension == 0 {
		p.dimension = p.index.level0.dimension()
	}
	p.problems = append(p.problems, p.index.problems...)
	if from.db == nil {
		return nil
	}
	note(p.loadQueue(ctx, from))
	note(from.db.replay(ctx, p.collection, p.positions.metadocs))
	return cmp.Or(ctx.Err(), full)
}

// count reads everything once and fills in the report.
func (r *rescuer) count(ctx context.Context) error {
	for _, section := range slices.Sorted(maps.Keys(r.parts)) {
		p := r.parts[section]
		one := reader{session: r.Session, section: section, part: p}
		for _, err := range one.records(ctx) {
			if err != nil {
				return err
			}
		}
		t := one.tally
		t.Section, t.Name, t.ID, t.Folder = section, p.name, p.id, p.vectors
		t.Distance, t.Guessed = p.space(), p.index.guessed
		for _, problem := range p.problems {
			t.Problems = append(t.Problems, words(problem))
		}
		p.rows = one.read + int64(len(one.unreadable))
		r.report.Collections = append(r.report.Collections, t)
	}
	return nil
}

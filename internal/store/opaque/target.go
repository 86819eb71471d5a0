package opaque

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
	"keepsake/internal/store/sqlitefile"
)

// spot is where a section stands, or would.
type spot struct {
	source  Source
	section memory.Section
	path    string      // links resolved
	info    fs.FileInfo // nil when there is nothing
}

func (s spot) locator() memory.Locator { return s.source.locator(s.path) }

func (s spot) nature() guard.Nature {
	if s.source.SQLite {
		return guard.Database
	}
	return guard.Files
}

// where finds the file of a section. A name that leads out of its base, by
// itself or by a link, is refused.
func (f *Files) where(section memory.Section) (spot, error) {
	source, err := f.source(section)
	if err != nil {
		return spot{}, err
	}
	path := source.path(section)
	if !filepath.IsAbs(path) {
		return spot{}, unreachable(path, errors.New("the path is not absolute"))
	}
	resolved, info, err := store.Locate(path)
	if err != nil {
		return spot{}, unreachable(path, err)
	}
	if info != nil && !info.Mode().IsRegular() {
		return spot{}, unreachable(path, fmt.Errorf("it is no file but %s", beside.Kind(info.Mode())))
	}
	if _, named := source.Names[section]; !named {
		base, _ := source.split()
		dir, _, err := store.Locate(base)
		if err != nil {
			return spot{}, unreachable(base, err)
		}
		if !within(dir, resolved) {
			return spot{}, unreachable(path, fmt.Errorf("it is a link that leads out of its folder, to %s", resolved))
		}
	}
	return spot{source: source, section: section, path: resolved, info: info}, nil
}

// content is what a live file holds: its own bytes, or those of a database's copy.
type content struct {
	sum  [sha256.Size]byte
	size int64
	rows int64
}

// content reads the whole file. It is called where there is one.
func (f *Files) content(ctx context.Context, at spot) (c content, err error) {
	if !at.source.SQLite {
		if c.sum, c.size, err = digestFile(ctx, at.path, false); err != nil {
			return c, unreadable(at.path, beside.Bare(err))
		}
		c.rows = min(c.size, 1)
		return c, nil
	}
	temp, err := f.tempDir()
	if err != nil {
		return c, err
	}
	goal := filepath.Join(temp, "copy")
	if c.rows, err = copyDatabase(ctx, at.path, goal); err == nil {
		c.sum, c.size, err = digestFile(ctx, goal, true)
	}
	if err != nil {
		err = unreadable(at.path, err)
	}
	return c, errors.Join(err, os.RemoveAll(temp))
}

// Survey counts the rows of a section: those of a database as it is now.
func (f *Files) Survey(ctx context.Context, section memory.Section) (store.Survey, error) {
	at, err := f.where(section)
	if err != nil {
		return store.Survey{}, err
	}
	survey := store.Survey{Locator: at.locator(), Exists: at.info != nil, Target: guard.NewTarget(ctx, at.nature(), at.locator(), nil)}
	if survey.Unfinished, err = at.unfinished(); err != nil {
		return store.Survey{}, unreachable(at.path, err)
	}
	if at.info != nil {
		survey.Rows, err = at.count(ctx)
	}
	if errors.Is(err, store.ErrUnreadable) { // nobody can say what a replace would lose
		err = fmt.Errorf("%w (move it away, with what lies beside it, and restore again)", err)
	}
	if err != nil {
		return store.Survey{}, err
	}
	return survey, nil
}

// count counts the rows of a live file.
func (s spot) count(ctx context.Context) (rows int64, err error) {
	if !s.source.SQLite {
		return min(s.info.Size(), 1), nil
	}
	l, err := openLive(ctx, s.path)
	if err != nil {
		return 0, unreadable(s.path, err)
	}
	if err = l.Exec(ctx, "BEGIN"); err == nil { // so that all tables are of one moment
		rows, err = count(ctx, l.Conn)
	}
	return rows, errors.Join(explain(s.path, err), l.Close())
}

// clear refuses a place where SQLite would play the log of another database into
// the one that is put there.
func (s spot) clear() error {
	if !s.source.SQLite {
		return nil
	}
	for _, suffix := range sqlitefile.Beside() {
		if sqlitefile.Exists(s.path + suffix) {
			return unreadable(s.path, fmt.Errorf("%s is in the way: SQLite would play it into the new database; move it away, with whatever it belongs to", s.path+suffix))
		}
	}
	return nil
}

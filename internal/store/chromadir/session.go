package chromadir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Session is one look at a directory: a copy of it of one moment.
type Session struct {
	config   Config
	path     string // links resolved
	copy     *snapshot
	started  time.Time
	parts    map[memory.Section]*part
	refused  map[memory.Section]error  // of sections that can't be read
	called   map[memory.Section]string // their collections' names
	findings []memory.Finding
}

var (
	_ store.Inspector = (*Session)(nil)
	_ store.Lister    = (*Session)(nil)
)

// Open copies what the sections need, and makes sure that every row of them has
// its vector. What is damaged is ErrUnreadable, of the directory or of a section:
// Rescue takes what it still holds.
func (d *Dir) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	path, err := d.locate()
	if err != nil {
		return nil, err
	}
	s, err := d.settle(ctx, func() (*Session, error) { return d.look(ctx, path, sections) })
	if err != nil {
		return nil, &openError{path, err} // not s, which would not be nil
	}
	return s, nil
}

// locate makes sure that there is a Chroma directory.
func (d *Dir) locate() (string, error) {
	path, info, err := store.Locate(d.config.Path)
	switch {
	case err != nil:
	case info == nil:
		err = errors.New("there is nothing")
	case !info.IsDir():
		err = errors.New("it is no folder")
	default:
		_, database, failed := store.Locate(filepath.Join(path, databaseFile))
		if err = failed; err == nil && (database == nil || !database.Mode().IsRegular()) {
			err = errors.New("it holds no " + databaseFile)
		}
	}
	if err != nil {
		return "", fmt.Errorf("open Chroma directory %s: %w: %w", d.config.Path, store.ErrUnreachable, err)
	}
	return path, nil
}

// Sections describes those that exist, sorted by name.
func (s *Session) Sections(context.Context) ([]memory.SectionSpec, error) {
	var specs []memory.SectionSpec
	for _, section := range slices.Sorted(maps.Keys(s.parts)) {
		p := s.parts[section]
		specs = append(specs, memory.SectionSpec{
			Name: section, Kind: memory.Vectors, Dimension: p.dimension, Distance: p.space(), Rows: p.rows,
			Collection: p.exported(), Locator: locator(s.path, p.collection),
		})
	}
	for section := range s.refused {
		specs = append(specs, memory.SectionSpec{Name: section, Kind: memory.Vectors, Rows: -1, Locator: s.locate(section)})
	}
	slices.SortFunc(specs, func(a, b memory.SectionSpec) int { return cmp.Compare(a.Name, b.Name) })
	return specs, nil
}

// locate names a collection of which no more is known than its name.
func (s *Session) locate(section memory.Section) memory.Locator {
	return locator(s.path, &collection{tenant: s.config.Tenant, database: s.config.Database, name: s.called[section]})
}

// Read reads a section, in the order in which a server gives its rows.
func (s *Session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if err := s.refused[section]; err != nil {
		return nil, fmt.Errorf("read %s: %w", section, err)
	}
	p := s.parts[section]
	if p == nil {
		return nil, fmt.Errorf("read %s: %w: no collection %q in %s", section, store.ErrAbsent, s.config.Collections[section], s.path)
	}
	if s.copy.folder == "" {
		return nil, fmt.Errorf("read %s: session is closed", section)
	}
	r := &reader{session: s, section: section, part: p}
	return store.NewReading(r.records(ctx), r.captured), nil
}

// Findings says what stood out, and for how long the lock was held.
func (s *Session) Findings() []memory.Finding {
	if s.Held() <= 0 {
		return s.findings
	}
	return append(slices.Clone(s.findings), memory.Finding{
		Level: memory.Note, Code: "lock-held", File: filepath.Join(s.path, databaseFile),
		Message: fmt.Sprintf("it was locked for %.1f ms while it was copied: that is how long a write of its server could have to wait",
			float64(s.Held().Microseconds())/1000),
	})
}

// Held is how long a server's writes had to wait at most, because its database
// was being copied.
func (s *Session) Held() time.Duration { return s.copy.held }

// Close removes the copies. It may be called twice.
func (s *Session) Close() error {
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p.index.close())
	}
	return errors.Join(append(errs, s.copy.close())...)
}

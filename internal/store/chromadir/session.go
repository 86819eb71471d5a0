package chromadir

import (
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
	findings []memory.Finding
}

var _ store.Inspector = (*Session)(nil)

// Open copies what the sections need, and makes sure that every row of them has
// its vector. A directory that is damaged is ErrUnreadable: Rescue takes what it
// still holds.
func (d *Dir) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	if len(sections) == 0 {
		sections = slices.Collect(maps.Keys(d.config.Collections))
	}
	path, err := d.locate()
	if err != nil {
		return nil, err
	}
	sections = slices.Compact(slices.Sorted(slices.Values(sections)))
	s, err := d.settle(ctx, func() (*Session, error) { return d.look(ctx, path, sections) })
	if err != nil {
		return nil, fmt.Errorf("open Chroma directory %s: %w", path, err) // not s, which would not be nil
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

// settle looks until nothing changed under the look.
func (d *Dir) settle(ctx context.Context, look func() (*Session, error)) (*Session, error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for try := 1; ; try++ {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s, err := look()
		switch {
		case err == nil:
			return s, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case try == d.config.Tries || !errors.Is(err, errMoving):
			return nil, explain(err)
		}
		pause.Reset(time.Duration(try) * 20 * time.Millisecond)
	}
}

// look copies and loads once. errMoving when the directory changed meanwhile.
func (d *Dir) look(ctx context.Context, path string, sections []memory.Section) (*Session, error) {
	s := &Session{config: d.config, path: path, started: d.config.Now(), parts: map[memory.Section]*part{}}
	before, err := printIndexes(path)
	if err != nil {
		return nil, err
	}
	if s.copy, err = d.config.newSnapshot(); err != nil {
		return nil, err
	}
	if err := s.copy.takeDatabase(ctx, &d.config, path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.find(ctx, sections); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, p := range s.parts {
		if err := s.copy.copyIndex(path, p.vectors); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	after, err := printIndexes(path)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, p := range s.parts {
		if before[p.vectors] != after[p.vectors] {
			return nil, errors.Join(errMoving, s.Close())
		}
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(s.blame(ctx, before, err), s.Close())
	}
	return s, nil
}

// blame says whether what looks like damage is a save that had begun before the
// look and went on after it.
func (s *Session) blame(ctx context.Context, before map[string]string, err error) error {
	const longest = 300 * time.Millisecond // that a busy machine lets a server wait in the middle of a save
	wait := time.NewTimer(longest)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return err
	}
	if after, failed := printIndexes(s.path); failed == nil && !maps.Equal(before, after) {
		return errors.Join(errMoving, err)
	}
	return err
}

// find looks the collections of the sections up.
func (s *Session) find(ctx context.Context, sections []memory.Section) error {
	found, err := s.copy.db.collections(ctx, s.config.Tenant, s.config.Database)
	if err != nil {
		return err
	}
	for _, section := range sections {
		name, ok := s.config.Collections[section]
		i := slices.IndexFunc(found, func(c *collection) bool { return c.name == name })
		if !ok || i < 0 {
			continue
		}
		c := found[i]
		if err := s.copy.db.complete(ctx, c); err != nil {
			return err
		}
		if why := c.foreign(); why != "" {
			s.findings = append(s.findings, memory.Finding{
				Level: memory.Warning, Code: "collection-of-a-swap", Section: section, File: s.path,
				Message: fmt.Sprintf("collection %q is not read: %s", name, why),
				Hint:    "name the collection that is in use",
			})
			continue
		}
		s.parts[section] = &part{collection: c}
	}
	return nil
}

// load reads the indexes and the queue, and makes sure of the rows.
func (s *Session) load(ctx context.Context) error {
	for _, section := range slices.Sorted(maps.Keys(s.parts)) {
		p := s.parts[section]
		err := p.load(ctx, s.copy)
		if err == nil {
			err = p.whole(ctx, s.copy.db)
		}
		if err != nil {
			return fmt.Errorf("collection %q: %w", p.name, err)
		}
		for _, problem := range p.index.problems {
			s.findings = append(s.findings, memory.Finding{
				Level: memory.Warning, Code: "index-damaged", Section: section, File: filepath.Join(s.path, p.vectors),
				Message: problem.Error() + "; no row needs what is lost",
				Hint:    "a server may refuse to load this index; restore the section, or rebuild the collection",
			})
		}
	}
	return nil
}

// Sections describes those that exist, sorted by name.
func (s *Session) Sections(context.Context) ([]memory.SectionSpec, error) {
	var specs []memory.SectionSpec
	for _, section := range slices.Sorted(maps.Keys(s.parts)) {
		p := s.parts[section]
		specs = append(specs, memory.SectionSpec{
			Name: section, Kind: memory.Vectors, Dimension: p.dimension, Distance: p.space(), Rows: p.rows,
			Collection: p.exported(), Locator: s.config.locator(s.path, p.collection),
		})
	}
	return specs, nil
}

// Read reads a section, in the order in which a server gives its rows.
func (s *Session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
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

// Findings says what stood out.
func (s *Session) Findings() []memory.Finding { return s.findings }

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

package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// session is one read transaction: everything it shows is of one moment, and
// writers go on beside it.
type session struct {
	store    *Store
	file     *file // nil when there is no file
	sections []memory.Section
	entries  map[memory.Section]entry
	refused  map[memory.Section]error // of sections that can't be read
}

// Open implements store.Store. A file that is not there has no sections; one
// that is not a collections file, is damaged, or is locked is ErrUnreachable.
func (s *Store) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	look, err := s.open(ctx, sections)
	if err != nil {
		return nil, err // not look: a nil pointer in an interface is not nil
	}
	return look, nil
}

func (s *Store) open(ctx context.Context, sections []memory.Section) (*session, error) {
	if len(sections) == 0 {
		sections = slices.Collect(maps.Keys(s.config.Collections))
	}
	look := &session{store: s, entries: make(map[memory.Section]entry), refused: make(map[memory.Section]error)}
	f, err := openFile(ctx, s.config.Path, reading, s.config.BusyTimeout)
	if errors.Is(err, fs.ErrNotExist) {
		return look, nil
	}
	if err != nil {
		return nil, err
	}
	look.file = f
	if err := look.take(ctx, sections); err != nil {
		return nil, errors.Join(unreachable(ctx, s.config.Path, err), f.close())
	}
	return look, nil
}

// take begins the transaction with the first look at the sections.
func (s *session) take(ctx context.Context, sections []memory.Section) error {
	if err := s.file.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for _, section := range slices.Compact(slices.Sorted(slices.Values(sections))) {
		name, err := s.store.collectionOf(section)
		if err != nil {
			continue // not ours: Sections leaves it out
		}
		e, err := s.file.find(ctx, name)
		if errors.Is(err, store.ErrAbsent) {
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			s.refused[section] = unreadable(section, err)
			e = entry{collection: memory.Collection{Name: name}, rows: -1}
		}
		s.sections = append(s.sections, section)
		s.entries[section] = e
	}
	return nil
}

// Sections implements store.Session; they come sorted by name.
func (s *session) Sections(ctx context.Context) ([]memory.SectionSpec, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	specs := make([]memory.SectionSpec, 0, len(s.sections))
	for _, section := range s.sections {
		e := s.entries[section]
		e.collection.Metadata = withoutMark(e.collection.Metadata)
		specs = append(specs, memory.SectionSpec{
			Name:       section,
			Kind:       memory.Vectors,
			Dimension:  e.dimension,
			Distance:   e.distance,
			Rows:       e.rows,
			Collection: &e.collection,
			Locator:    s.store.locator(e.collection.Name, e.collection.ID),
		})
	}
	return specs, nil
}

// Read implements store.Session.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if err := s.refused[section]; err != nil {
		return nil, err
	}
	e, ok := s.entries[section]
	if !ok {
		return nil, fmt.Errorf("read %s: %w in %s", section, store.ErrAbsent, s.store.config.Path)
	}
	if s.file == nil {
		return nil, unreadable(section, errors.New("the session is closed"))
	}
	r := &reader{section: section, conn: s.file.conn, entry: e, now: s.store.config.Now}
	return store.NewReading(r.all(ctx), func() memory.Capture { return r.capture }), nil
}

// Close implements store.Session.
func (s *session) Close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	if err := f.close(); err != nil {
		return fmt.Errorf("close collections file: %w", err)
	}
	return nil
}

package chroma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// listed is the mark of a reading for ids of the last listing.
const listed = rows.Free

// session is one look at a server: the ids of its collections as Open saw them.
type session struct {
	server   *Server
	looks    map[memory.Section]*look
	refused  map[memory.Section]error // of sections that could not be looked at
	findings []memory.Finding
	// doubted says that a reading ended without an answer, gone why the server is
	// not asked any more.
	doubted bool
	gone    error
}

// look is what was seen of one section.
type look struct {
	found *collection
	rows  int64
	at    time.Time
	ids   *rows.IDs // nil once a reading has taken it
}

// Open makes sure that a Chroma with the database answers, looks the collections
// up and lists their ids. Where they are UUIDs, it keeps about 50 bytes a row.
func (s *Server) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	opened := &session{server: s, looks: map[memory.Section]*look{}, refused: map[memory.Section]error{}}
	err := opened.open(ctx, sections)
	if err != nil {
		s.client.close()
		return nil, err
	}
	return opened, nil
}

func (s *session) open(ctx context.Context, sections []memory.Section) error {
	if _, err := s.server.reach(ctx); err != nil {
		return err
	}
	all, err := s.server.client.roster(ctx)
	if err != nil {
		return fmt.Errorf("open %s: %w: %w", s.server.config.BaseURL, store.ErrUnreadable, err)
	}
	s.discover(all)
	s.unread(ctx, all)
	if len(sections) == 0 {
		sections = slices.Sorted(maps.Keys(s.server.config.Collections))
	}
	for _, section := range sections {
		if s.server.config.Collections[section] == "" {
			continue
		}
		if err := s.look(ctx, section, all); err != nil {
			if err := s.refuse(ctx, section, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse notes why a section could not be looked at. It is an error where the server
// is gone, for then the others have no better chance.
func (s *session) refuse(ctx context.Context, section memory.Section, err error) error {
	err = s.server.failed("open", section, err, store.ErrUnreadable)
	if ctx.Err() != nil {
		return err
	}
	if errors.Is(err, store.ErrUnreachable) {
		if _, gone := s.server.reach(ctx); gone != nil {
			return gone
		}
	}
	s.refused[section] = err
	return nil
}

// look takes the first look at a section. A swap that has not ended is in its way:
// what has the name may be neither the old nor the new one.
func (s *session) look(ctx context.Context, section memory.Section, all roster) error {
	name := s.server.config.Collections[section]
	if plan := all.unfinished(name); plan != "" {
		return unfinishedError(plan)
	}
	if err := s.inspect(ctx, section, all); err != nil {
		return err
	}
	found, err := s.server.client.find(ctx, name)
	if err != nil || found == nil {
		return err
	}
	if m := found.mark(); m.Kind == guard.MarkShadow || m.Kind == guard.MarkAside && !m.Finished {
		return fmt.Errorf("collection %s is no memory: keepsake made it or set it aside for a replace that has not ended", name)
	}
	l := &look{found: found}
	if err := l.list(ctx, s.server); err != nil {
		return err
	}
	s.looks[section] = l
	return nil
}

// inspect finds rows that were written into collections after they were set aside. One
// that can't be looked at is no reason to do without the live one.
func (s *session) inspect(ctx context.Context, section memory.Section, all roster) error {
	asides, err := s.server.asides(ctx, section, all)
	if err != nil && ctx.Err() == nil && !unanswered(err) {
		s.findings = append(s.findings, memory.Finding{
			Level: memory.Warning, Code: "late-rows-unknown", Section: section,
			Message: fmt.Sprintf("nobody can say whether rows were written into what was set aside: %v", err),
		})
		return nil
	}
	for _, a := range asides {
		if f, ok := a.Finding(); ok {
			s.findings = append(s.findings, f)
		}
	}
	return err
}

// Findings tells of rows that were written into collections after these were set
// aside by a replace.
func (s *session) Findings() []memory.Finding { return s.findings }

// list takes the first listing of a section.
func (l *look) list(ctx context.Context, s *Server) error {
	l.at = s.config.Now()
	var ids *rows.IDs
	n, err := s.client.list(ctx, l.found.ID,
		func(n, size int64) { ids = rows.NewIDs(n, size) },
		func(id []byte) error { return ids.AddOnce(id) })
	l.rows, l.ids = n, ids
	return err
}

// failed says which section an error belongs to, and that the server went away
// where it did; else it is of the kind otherwise, if any, or says that the server would
// not do what it was asked for.
func (s *Server) failed(verb string, section memory.Section, err, otherwise error) error {
	what := fmt.Sprintf("%s %s: %s", verb, section, s.locator(s.config.Collections[section], ""))
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	case unanswered(err):
		return fmt.Errorf("%s: %w: %w", what, store.ErrUnreachable, err)
	case errors.Is(err, store.ErrUnfinished):
		return fmt.Errorf("%s: %w", what, err)
	case otherwise != nil:
		return fmt.Errorf("%s: %w: %w", what, otherwise, err)
	case status(err) != 0:
		return fmt.Errorf("%s: %w: %w", what, store.ErrUnwritable, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Sections describes those that exist, sorted by name.
func (s *session) Sections(context.Context) ([]memory.SectionSpec, error) {
	var specs []memory.SectionSpec
	for _, section := range slices.Sorted(maps.Keys(s.looks)) {
		l := s.looks[section]
		specs = append(specs, memory.SectionSpec{
			Name:       section,
			Kind:       memory.Vectors,
			Dimension:  l.found.Dimension,
			Distance:   l.found.distance(),
			Rows:       l.rows,
			Collection: l.found.exported(),
			Locator:    s.server.locator(l.found.Name, l.found.ID),
		})
	}
	for section := range s.refused {
		specs = append(specs, memory.SectionSpec{
			Name: section, Kind: memory.Vectors, Rows: -1, Locator: s.server.locator(s.server.config.Collections[section], ""),
		})
	}
	slices.SortFunc(specs, func(a, b memory.SectionSpec) int { return cmp.Compare(a.Name, b.Name) })
	return specs, nil
}

// IDs yields the ids of the first listing. Once a reading has taken them there are
// none to be had.
func (s *session) IDs(_ context.Context, section memory.Section) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.refused[section]; err != nil {
			yield(nil, err)
			return
		}
		l := s.looks[section]
		if l == nil || l.ids == nil {
			yield(nil, fmt.Errorf("list ids of %s: %w", section, store.ErrAbsent))
			return
		}
		for i := range l.ids.Len() {
			if !yield(l.ids.At(i), nil) {
				return
			}
		}
	}
}

// Read reads a section. A second reading of it begins with a listing of its own.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if err := s.refused[section]; err != nil {
		return nil, err
	}
	if err := s.still(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", section, err)
	}
	l := s.looks[section]
	if l == nil {
		return nil, fmt.Errorf("read %s: %w: no collection %q at %s",
			section, store.ErrAbsent, s.server.config.Collections[section], s.server.config.BaseURL)
	}
	if l.ids == nil {
		if err := l.list(ctx, s.server); err != nil {
			return nil, s.server.failed("read", section, err, store.ErrUnreadable)
		}
	}
	r := newReader(s.server, section, l)
	l.ids = nil
	return store.NewReading(s.watched(r.records(ctx)), r.capture), nil
}

// watched notes that a reading ended without an answer.
func (s *session) watched(records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range records {
			s.doubted = s.doubted || errors.Is(err, store.ErrUnreachable)
			if !yield(rec, err) {
				return
			}
		}
	}
}

// still makes sure that the server is there, after a reading that it did not answer:
// each of many sections would wait for it as long as the first did.
func (s *session) still(ctx context.Context) error {
	if s.doubted && s.gone == nil {
		_, s.gone = s.server.reach(ctx)
		s.doubted = false
	}
	return s.gone
}

// Close lets go of connections.
func (s *session) Close() error {
	s.server.client.close()
	return nil
}

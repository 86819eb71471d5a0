// Package either reads a Chroma from its persist directory where that is whole and
// holds what its server gives, and else from the server. Which it was, and why, is
// in the capture.
package either

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Store is one Chroma that can be read in two ways.
type Store struct{ server, directory store.Store }

var _ store.Store = (*Store)(nil)

// New returns the store of a server and of its directory. The sessions of both are
// store.Listers.
func New(server, directory store.Store) *Store { return &Store{server, directory} }

// Open looks at both. A server that doesn't answer is ErrUnreachable: nothing could
// be said of the directory then. A directory that can't be read is no error, and
// neither is one that holds something else: the server is read.
func (s *Store) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	server, err := s.server.Open(ctx, sections)
	if err != nil {
		return nil, err
	}
	opened := &session{server: server, ways: map[memory.Section]way{}}
	if err := opened.choose(ctx, s, sections); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// session reads each section in the way that was chosen for it.
type session struct {
	server    store.Session
	directory store.Session // nil when it could not be opened
	specs     []memory.SectionSpec
	ways      map[memory.Section]way
}

// way is how a section is read, and why.
type way struct {
	from store.Session
	why  string
	err  error // why it can't be read in either way
}

var _ store.Inspector = (*session)(nil)

// choose decides on every section that the server has.
func (s *session) choose(ctx context.Context, of *Store, sections []memory.Section) error {
	specs, err := s.server.Sections(ctx)
	if err != nil {
		return err
	}
	directory, failed := of.directory.Open(ctx, sections)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	found := map[memory.Section]memory.SectionSpec{}
	if failed == nil {
		s.directory = directory
		there, err := directory.Sections(ctx)
		if err != nil {
			return err
		}
		for _, spec := range there {
			found[spec.Name] = spec
		}
	}
	for _, spec := range specs {
		w := s.way(ctx, of, spec, found[spec.Name], failed)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(w.err, store.ErrUnreachable) || errors.Is(w.err, errNoList) {
			return w.err // the server went away, and the others with it; or it is none of ours
		}
		if w.err != nil {
			spec.Rows = -1
		}
		if w.from == s.directory && s.directory != nil {
			spec = found[spec.Name]
		}
		s.ways[spec.Name] = w
		s.specs = append(s.specs, spec)
	}
	return nil
}

// way decides on one section. A zero spec of the directory is none.
func (s *session) way(ctx context.Context, of *Store, live, copied memory.SectionSpec, failed error) way {
	if live.Rows < 0 { // Read says why; nothing could be said of the directory
		return way{from: s.server}
	}
	if failed == nil && copied.Rows < 0 {
		failed = store.Refused(ctx, s.directory, copied)
	}
	switch {
	case failed != nil:
		return way{from: s.server, why: fmt.Sprintf("the directory could not be read: %v", failed)}
	case copied.Collection == nil || live.Collection == nil:
		return way{from: s.server, why: "the directory has no such collection"}
	case copied.Collection.ID != live.Collection.ID:
		return way{from: s.server, why: "the directory has another collection of that name, of id " + copied.Collection.ID}
	}
	c := newSightings()
	why, err := c.compare(ctx, s, of.server, live.Name)
	switch {
	case err != nil:
		return way{from: s.server, err: fmt.Errorf("compare %s with its directory: %w", live.Name, err)}
	case why != "":
		return way{from: s.server, why: why}
	}
	return way{from: s.directory, why: c.agrees()}
}

// Sections describes those that exist, each as the place has it that it is read from.
func (s *session) Sections(context.Context) ([]memory.SectionSpec, error) { return s.specs, nil }

// Read reads a section in the way that was chosen.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	w, ok := s.ways[section]
	if !ok {
		return s.server.Read(ctx, section) // which says why it can't be
	}
	if w.err != nil {
		return nil, w.err
	}
	reading, err := w.from.Read(ctx, section)
	if err != nil {
		return nil, err
	}
	return store.NewReading(reading.All(), func() memory.Capture {
		capture, _ := reading.Capture() // it is asked for when the sequence has ended
		capture.Why = w.why
		return capture
	}), nil
}

// Findings are those of the server, which knows what the directory can't show, and
// those of the directory about sections that are read from it.
func (s *session) Findings() []memory.Finding {
	all := findings(s.server)
	for _, f := range findings(s.directory) {
		if w, ok := s.ways[f.Section]; f.Section == "" || ok && w.from == s.directory {
			all = append(all, f)
		}
	}
	return all
}

func findings(s store.Session) []memory.Finding {
	if inspector, ok := s.(store.Inspector); ok {
		return append([]memory.Finding(nil), inspector.Findings()...)
	}
	return nil
}

// Close lets go of both. It may be called twice.
func (s *session) Close() error {
	err := s.server.Close()
	if s.directory != nil {
		err = errors.Join(err, s.directory.Close())
	}
	return err
}

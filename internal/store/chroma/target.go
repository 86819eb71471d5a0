package chroma

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Survey looks at the collection of a section.
func (s *Server) Survey(ctx context.Context, section memory.Section) (store.Survey, error) {
	defer s.client.close()
	name, err := s.collectionOf(section)
	if err != nil {
		return store.Survey{}, err
	}
	if _, err := s.reach(ctx); err != nil {
		return store.Survey{}, err
	}
	survey, err := s.survey(ctx, name)
	if err != nil {
		return store.Survey{}, s.failed("survey", section, err, store.ErrUnreadable)
	}
	all, err := s.client.census(ctx)
	if err != nil {
		return store.Survey{}, s.failed("survey", section, err, store.ErrUnreadable)
	}
	survey.Unfinished = all.unfinished(name)
	survey.Target = guard.NewTarget(ctx, guard.Served, survey.Locator, s)
	return survey, nil
}

func (s *Server) survey(ctx context.Context, name string) (store.Survey, error) {
	found, err := s.client.find(ctx, name)
	if err != nil || found == nil {
		return store.Survey{Locator: s.locator(name, "")}, err
	}
	rows, err := s.client.count(ctx, found.ID)
	return store.Survey{
		Locator:    s.locator(name, found.ID),
		Exists:     true,
		Rows:       rows,
		Dimension:  found.Dimension,
		Distance:   found.distance(),
		Collection: found.exported(),
	}, err
}

func (s *Server) collectionOf(section memory.Section) (string, error) {
	name := s.config.Collections[section]
	if name == "" {
		return "", fmt.Errorf("%s: no collection is configured for it at %s", section, s.config.BaseURL)
	}
	return name, nil
}

// Merge adds the rows that the collection lacks, and makes the collection when
// it is absent. Adding never changes a row that is there. Then it lists the ids
// and reads every row of records back: vectors are compared bit for bit, in
// cosine spaces as sameVector says; documents exactly; metadata as typed values,
// as far as Chroma keeps them. A row that was added and reads back otherwise
// counts as missing: it may have been changed since, but nobody can say so.
func (s *Server) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	defer s.client.close()
	result := store.Result{Proof: or(opts.Proof, store.ProofFull)}
	name, err := s.collectionOf(spec.Name)
	if err != nil {
		return result, err
	}
	can, err := s.reach(ctx)
	if err != nil {
		return result, err
	}
	m := &merger{server: s, spec: spec, opts: opts, result: &result, can: can}
	err = m.merge(ctx, name, records)
	if err != nil && !m.theirs(err) {
		err = s.failed("merge", spec.Name, err, nil)
	}
	return result, err
}

// merger is one merge.
type merger struct {
	fetcher
	server *Server
	spec   memory.SectionSpec
	opts   store.MergeOptions
	result *store.Result
	can    abilities
	cosine bool
	// fixed is the length of embeddings, 0 when nothing has fixed it.
	fixed int
	whole bool // a row that is refused ends it

	callers error             // what records or Report returned, which is not ours to name
	deaf    bool              // Report has failed
	reasons map[uint32]string // why rows were refused
}

// theirs reports whether an error is the caller's own.
func (m *merger) theirs(err error) bool { return m.callers != nil && errors.Is(err, m.callers) }

func (m *merger) merge(ctx context.Context, name string, records iter.Seq2[memory.Record, error]) error {
	found, err := m.open(ctx, name)
	if err != nil {
		return err
	}
	if err := m.fill(ctx, found, records); err != nil {
		return err
	}
	return m.prove(ctx, records)
}

// fill adds to a collection the records that it lacks.
func (m *merger) fill(ctx context.Context, found *collection, records iter.Seq2[memory.Record, error]) error {
	m.attach(found)
	var err error
	if m.result.Before, err = m.listLive(ctx); err != nil {
		return err
	}
	return m.addMissing(ctx, records)
}

// attach has the merge work on a collection.
func (m *merger) attach(found *collection) {
	m.cosine = found.distance() == "cosine"
	m.fixed = or(found.Dimension, m.spec.Dimension)
	m.reasons = map[uint32]string{}
	m.id, m.limit = found.ID, m.server.config.PageBytes
	m.client = m.server.client
}

// open looks the collection up, makes it when it is absent, and refuses one of
// another dimension or distance.
func (m *merger) open(ctx context.Context, name string) (*collection, error) {
	found, err := m.server.client.find(ctx, name)
	if err == nil && found == nil {
		m.result.Created = true
		if err = m.server.client.create(ctx, name, m.spec, notes{}); err == nil {
			found, err = m.server.client.find(ctx, name)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, notCreated(name)
	}
	return found, fits(found, m.spec)
}

func notCreated(name string) error {
	return fmt.Errorf("create collection %s: the server says it did, and has none", name)
}

// fits refuses a collection of another dimension or distance than the records'.
func fits(found *collection, spec memory.SectionSpec) error {
	if found.Dimension > 0 && spec.Dimension > 0 && found.Dimension != spec.Dimension {
		return fmt.Errorf("its dimension is %d, the records' is %d", found.Dimension, spec.Dimension)
	}
	if is, want := found.distance(), spec.Distance; is != "" && want != "" && is != want {
		return fmt.Errorf("its distance is %s, the records' is %s", is, want)
	}
	return nil
}

// listLive lists the ids that live in the collection.
func (m *merger) listLive(ctx context.Context) (int64, error) {
	return m.server.client.list(ctx, m.id,
		func(rows, size int64) { m.set = newIDSet(rows, size) },
		func(id []byte) error { return addOnce(m.set, id) })
}

// tell reports an event.
func (m *merger) tell(e store.Event) error {
	if m.opts.Report == nil || m.deaf {
		return nil
	}
	if err := m.opts.Report(e); err != nil {
		m.callers, m.deaf = err, true
		return err
	}
	return nil
}

var _ store.Target = (*Server)(nil)
